import { KubeConnectionError } from './errors.js';
import { LeaderElector } from './leader-elector.js';
import { LEASES } from './resources.js';
import { InMemoryKube } from './testing/index.js';
import { until } from '@weft/testing-fixtures';

describe('LeaderElector', () => {
  const electors: LeaderElector[] = [];
  afterEach(async () => {
    await Promise.all(electors.splice(0).map((elector) => elector.stop()));
  });

  function candidate(api: InMemoryKube, identity: string, leaseDurationMs = 1000) {
    const terms: AbortSignal[] = [];
    const elector = new LeaderElector({
      kube: api.client(),
      namespace: 'istio-system',
      name: 'weft-leader',
      identity,
      leaseDurationMs,
      renewDeadlineMs: leaseDurationMs * 0.6,
      retryPeriodMs: 20,
      lead: (signal) => terms.push(signal),
    });
    electors.push(elector);
    return { elector, terms };
  }

  it('makes one of two candidates leader, and the other one when the first stops, without waiting for the lease to expire', async () => {
    const api = new InMemoryKube();
    const first = candidate(api, 'one', 60_000);
    const second = candidate(api, 'two', 60_000);
    await first.elector.start();
    await until(() => first.elector.isLeader, 'first leads');
    await second.elector.start();
    await first.elector.stop();
    expect(first.terms[0]!.aborted).toBe(true);
    await until(() => second.elector.isLeader, 'second leads');
    expect(first.elector.isLeader).toBe(false);
    const lease = await api.client().get(LEASES, 'istio-system', 'weft-leader');
    expect(lease?.spec).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
  });

  it('a leader that cannot renew steps down before another may take over', async () => {
    // It steps down after three fifths of it: the rest is for a busy machine.
    const LEASE_MS = 5000;
    const api = new InMemoryKube();
    const first = candidate(api, 'one', LEASE_MS);
    await first.elector.start();
    await until(() => first.elector.isLeader, 'first leads');
    api.offline = new KubeConnectionError('connection refused');
    const lostAt = performance.now();
    await until(() => !first.elector.isLeader, 'first steps down');
    expect(performance.now() - lostAt).toBeLessThan(LEASE_MS);
    expect(first.terms[0]!.aborted).toBe(true);
  });

  it('takes a lease that was not renewed for its whole duration, measured by its own clock', async () => {
    const api = new InMemoryKube();
    await api.client().create(LEASES, {
      metadata: { name: 'weft-leader', namespace: 'istio-system' },
      // A wall clock far ahead must not make the lease eternal.
      spec: {
        holderIdentity: 'dead',
        leaseDurationSeconds: 1,
        renewTime: '2099-01-01T00:00:00.000000Z',
        leaseTransitions: 3,
      },
    });
    const { elector, terms } = candidate(api, 'two');
    const startedAt = performance.now();
    await elector.start();
    await until(() => elector.isLeader, 'takes over');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1000);
    expect(terms).toHaveLength(1);
    expect((await api.client().get(LEASES, 'istio-system', 'weft-leader'))?.spec?.leaseTransitions).toBe(4);
  });
});
