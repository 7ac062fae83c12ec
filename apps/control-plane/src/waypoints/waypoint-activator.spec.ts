import { MeshModel } from '@weft/mesh-model';
import { FakeClock } from '@weft/testing-fixtures';
import { WaypointActivator } from './waypoint-activator.js';

const NAME = 'shop/wp.shop.svc.cluster.local';

function setUp({ annotation = 'true', fail = false } = {}) {
  const model = new MeshModel(
    {
      rootNamespace: 'istio-system',
      trustDomain: 'cluster.local',
      clusterId: 'c',
      clusterDomain: 'cluster.local',
      network: '',
      dryRunPoliciesEnabled: false,
    },
    ({ thrown }) => {
      throw thrown as Error;
    },
  );
  model.sources.gateways.set('shop/wp', { metadata: { name: 'wp', namespace: 'shop' }, spec: {} });
  model.sources.services.set('shop/wp', {
    metadata: {
      name: 'wp',
      namespace: 'shop',
      annotations: { 'weft.io/scales-to-zero': annotation },
      ownerReferences: [{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name: 'wp', uid: 'u' }],
    },
    spec: { clusterIP: '10.0.0.1', selector: { app: 'wp' }, ports: [{ name: 'mesh', port: 15_008 }] },
  } as never);
  const clock = new FakeClock();
  const wanted = new Set<string>();
  const writes: string[] = [];
  const activator = new WaypointActivator({
    kube: {
      patch: (_type, namespace, name, patch) => {
        writes.push(`${namespace ?? ''}/${name} ${JSON.stringify(patch)}`);
        return fail ? Promise.reject(new Error('away')) : Promise.resolve({} as never);
      },
    },
    model,
    wanted: () => wanted,
    clock,
    log: { info: () => undefined, warn: () => undefined },
    onRequested: () => undefined,
  });
  return { clock, wanted, writes, activator };
}

describe('a waypoint that connections wait for', () => {
  it('is asked for by an annotation of its Gateway, once however many ask', () => {
    const { wanted, writes, activator } = setUp();
    wanted.add(NAME);
    activator.asked();
    activator.asked();
    expect(writes).toEqual([
      'shop/wp {"metadata":{"annotations":{"weft.io/activation-requested":"2026-01-01T00:00:00.000Z"}}}',
    ]);
  });

  it.each([false, true])('is asked for again while they wait, and no longer; server away: %s', async (fail) => {
    const { clock, wanted, writes, activator } = setUp({ fail });
    wanted.add(NAME);
    activator.asked();
    await clock.advance(3000);
    expect(writes).toHaveLength(2);
    wanted.clear();
    await clock.advance(30_000);
    expect(writes).toHaveLength(2);
    expect(clock.pendingTimers).toBe(0);
  });

  it('is left alone when it does not scale to zero, or is no waypoint at all', () => {
    const { wanted, writes, activator } = setUp({ annotation: 'false' });
    wanted.add(NAME).add('shop/none.shop.svc.cluster.local');
    activator.asked();
    expect(writes).toEqual([]);
  });
});
