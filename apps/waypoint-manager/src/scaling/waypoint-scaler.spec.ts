import { readScaling } from './scaling-settings.js';
import { FakeClock } from '@weft/testing-fixtures';
import type { Deployment, Pod } from '@weft/kube';
import type { ProxyReading } from './load-history.js';
import { WaypointScaler, type ScalingDirection } from './waypoint-scaler.js';

const LABEL = 'gateway.networking.k8s.io/gateway-name';

/** One Gateway whose Deployment does at once what it is told. */
class Rig {
  readonly clock = new FakeClock();
  readonly scaled: ScalingDirection[] = [];
  readonly patches: unknown[] = [];
  deployment: Deployment | undefined = {
    metadata: { annotations: {} },
    spec: { replicas: 1 },
  } as unknown as Deployment;
  reading: ProxyReading | null = { requests: 0, connections: 0, cpuSeconds: 0 };
  refuse = false;
  requested: string | undefined;
  readonly scaler = new WaypointScaler({
    kube: {
      patch: (_type, _namespace, _name, body) => {
        this.patches.push(body);
        if (this.refuse) return Promise.reject(new Error('away'));
        const { metadata, spec } = body as { metadata: { annotations: Record<string, string | null> }; spec: object };
        const annotations = { ...this.deployment!.metadata!.annotations, ...metadata.annotations };
        this.deployment = { ...this.deployment, metadata: { annotations }, spec } as unknown as Deployment;
        return Promise.resolve({} as never);
      },
    },
    deployments: { get: () => this.deployment },
    pods: { list: () => this.pods() },
    services: { get: () => undefined },
    pool: { claimed: () => [], serving: () => 0, scale: () => Promise.resolve(), sweep: () => Promise.resolve() },
    exists: () => true,
    read: () => Promise.resolve(this.reading),
    intervalMs: 1000,
    clock: this.clock,
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
    onScaled: (direction) => this.scaled.push(direction),
  });

  get replicas(): number {
    return this.deployment?.spec?.replicas ?? -1;
  }

  reconciled(scaling: string): void {
    const annotations = this.requested === undefined ? {} : { 'weft.io/activation-requested': this.requested };
    this.scaler.set({
      key: 'shop/wp',
      object: { metadata: { name: 'wp', namespace: 'shop', annotations } },
      workload: 'wp',
      podLabel: 'wp',
      pool: null,
      settings: readScaling([], scaling).settings,
    });
  }

  private pods(): Pod[] {
    return Array.from({ length: this.replicas }, (_, i) => ({
      metadata: { name: `wp-${i}`, namespace: 'shop', uid: `u${i}`, labels: { [LABEL]: 'wp' } },
      status: { podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] },
    }));
  }
}

const TO_ZERO = '{ toZero: true, idleTimeout: 10s }';

async function asleep(rig: Rig): Promise<void> {
  await rig.scaler.start();
  rig.reconciled(TO_ZERO);
  await rig.clock.advance(15_000);
  expect(rig.replicas).toBe(0);
}

describe('the scaler', () => {
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig();
  });
  afterEach(() => rig.scaler.stop());

  it('puts an idle waypoint to sleep and wakes it at once when somebody asks, once for each request', async () => {
    await asleep(rig);
    rig.requested = 't1';
    rig.reconciled(TO_ZERO);
    await rig.clock.advance(0);
    expect(rig.replicas).toBe(1);
    await rig.clock.advance(15_000);
    expect(rig.replicas).toBe(0);
    rig.reconciled(TO_ZERO);
    await rig.clock.advance(5000);
    expect(rig.scaled).toEqual(['zero', 'wake', 'zero']);
  });

  it('a request that came while nobody led is acted upon by the next leader', async () => {
    await asleep(rig);
    await rig.scaler.stop();
    const before = rig.deployment;
    rig = new Rig();
    rig.deployment = before;
    rig.requested = 't1';
    await rig.scaler.start();
    rig.reconciled(TO_ZERO);
    await rig.clock.advance(0);
    expect(rig.scaled).toEqual(['wake']);
  });

  it('tries again what the server refused', async () => {
    await asleep(rig);
    rig.requested = 't1';
    rig.refuse = true;
    rig.reconciled(TO_ZERO);
    await rig.clock.advance(0);
    expect(rig.replicas).toBe(0);
    rig.refuse = false;
    await rig.clock.advance(1000);
    expect(rig.replicas).toBe(1);
  });

  it('wakes what may not sleep any more', async () => {
    await asleep(rig);
    rig.reconciled('');
    await rig.clock.advance(0);
    expect(rig.replicas).toBe(1);
    await rig.clock.advance(60_000);
    expect(rig.scaled).toEqual(['zero', 'wake']);
  });

  it('does not bring back what people scaled to zero themselves, where nothing is asked for', async () => {
    rig.deployment = { metadata: { annotations: {} }, spec: { replicas: 0 } } as unknown as Deployment;
    await rig.scaler.start();
    rig.reconciled('');
    await rig.clock.advance(10_000);
    expect(rig.patches).toEqual([]);
  });

  it('leaves alone what was deleted, also while it is looked at', async () => {
    await rig.scaler.start();
    rig.reconciled(TO_ZERO);
    await rig.clock.advance(5000);
    rig.scaler.forget('shop/wp');
    rig.deployment = undefined;
    await rig.clock.advance(60_000);
    expect(rig.patches).toEqual([]);
  });

  it('comes back with as many proxies as there are at least', async () => {
    await asleep(rig);
    rig.requested = 't1';
    rig.reconciled('{ toZero: true, minReplicas: 2, maxReplicas: 4 }');
    await rig.clock.advance(0);
    expect(rig.replicas).toBe(2);
  });
});
