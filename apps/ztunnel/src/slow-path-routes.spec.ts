import { TunnelProtocol } from '@weft/xds/gen/mesh/workload/workload.js';
import { bytes, ip, memberOf, service, workload, type WorkloadFields } from './testing/mesh-fixtures.js';
import { SlowPathRig } from './testing/slow-path-rig.js';

const SERVER_ID = 'spiffe://cluster.local/ns/shop/sa/server';
const waypoint = (name: string) => ({
  destination: { $case: 'hostname' as const, value: { namespace: 'shop', hostname: `${name}.shop.svc.cluster.local` } },
});

async function rig(...endpoints: ReturnType<typeof workload>[]): Promise<SlowPathRig> {
  const it = new SlowPathRig();
  it.push((state) => {
    state.upsertWorkload(workload('client', '10.0.0.1'));
    state.upsertService(service('b', '10.96.0.1', { subjectAltNames: [SERVER_ID] }));
    for (const endpoint of endpoints) state.upsertWorkload(endpoint);
  });
  await it.addPod('client');
  it.dataPlane.sent.length = 0;
  return it;
}

const settled = (): Promise<void> => new Promise(setImmediate);
const lastPlan = (it: SlowPathRig) => it.dataPlane.of('outboundPlan').at(-1)?.plan;

describe('a workload with a name instead of an address', () => {
  const external = (fields: WorkloadFields = {}) =>
    workload('db', null, {
      hostname: 'db.example',
      tunnelProtocol: TunnelProtocol.NONE,
      services: memberOf('b'),
      ...fields,
    });

  it('is resolved when a connection needs it, and not again while the answer lives', async () => {
    const it = await rig(external());
    const asked: string[] = [];
    it.resolve = (hostname) => {
      asked.push(hostname);
      return Promise.resolve({ addresses: [ip('192.0.2.1'), ip('192.0.2.2'), ip('2001:db8::1')], ttlSeconds: 60 });
    };
    it.askPlan('client', '10.96.0.1:80', 1);
    expect(lastPlan(it)).toBeUndefined();
    await settled();
    expect(lastPlan(it)).toMatchObject({
      kind: 'plain',
      targets: [
        { dial: '192.0.2.1:8080', weight: 0.5 },
        { dial: '192.0.2.2:8080', weight: 0.5 },
      ],
    });
    it.askPlan('client', '10.96.0.1:80', 2);
    expect([it.dataPlane.of('outboundPlan').length, asked]).toEqual([2, ['db.example']]);
    expect(await it.registry.metrics()).toMatch(
      /istio_on_demand_dns_total\{hostname="db.example",source_workload="client".*\} 1/,
    );
  });

  it('is asked for again when the answer is too old: the pod has to ask for a new plan', async () => {
    const it = await rig(external());
    it.resolve = () => Promise.resolve({ addresses: [ip('192.0.2.1')], ttlSeconds: 60 });
    it.askPlan('client', '10.96.0.1:80');
    await settled();
    expect(it.dataPlane.of('invalidate')).toEqual([]);
    await it.clock.advance(60_000);
    expect(it.dataPlane.of('invalidate')).toEqual([{ type: 'invalidate', podUid: 'client' }]);
    it.resolve = () => Promise.resolve({ addresses: [ip('192.0.2.9')], ttlSeconds: 60 });
    it.askPlan('client', '10.96.0.1:80');
    await settled();
    expect(lastPlan(it)).toMatchObject({ targets: [{ dial: '192.0.2.9:8080' }] });
  });

  it('that cannot be resolved is no upstream, and says so', async () => {
    const it = await rig(external());
    it.askPlan('client', '10.96.0.1:80');
    await settled();
    expect(lastPlan(it)).toMatchObject({
      kind: 'reject',
      reason: expect.stringContaining('the name db.example cannot be resolved') as string,
    });
  });

  it('that cannot be resolved does not take others with it', async () => {
    const it = await rig(external(), workload('server', '10.0.0.2', { services: memberOf('b') }));
    it.askPlan('client', '10.96.0.1:80');
    await settled();
    expect(lastPlan(it)).toMatchObject({ kind: 'hbone', targets: [{ dial: '10.0.0.2:15008' }] });
  });

  it('prefers the family that the client meant', async () => {
    const it = await rig(external());
    it.push((state) => state.upsertService(service('b', null, { addresses: [{ address: bytes('fd00::7') }] })));
    it.resolve = () => Promise.resolve({ addresses: [ip('192.0.2.1'), ip('2001:db8::1')], ttlSeconds: 60 });
    it.askPlan('client', '[fd00::7]:80');
    await settled();
    expect(lastPlan(it)).toMatchObject({ targets: [{ dial: '[2001:db8::1]:8080' }] });
  });

  it('whose pod went away meanwhile is planned for nobody', async () => {
    const it = await rig(external());
    it.askPlan('client', '10.96.0.1:80');
    it.pods.remove('client');
    await settled();
    await it.clock.advance(6000);
    expect(lastPlan(it)).toMatchObject({ kind: 'reject' });
  });
});

describe('an endpoint on another network', () => {
  const remote = workload('b-remote', null, {
    network: 'net2',
    networkGateway: {
      destination: { $case: 'address', value: { network: 'net2', address: bytes('172.18.0.5') } },
      hboneMtlsPort: 15008,
    },
    services: memberOf('b'),
  });
  const gateway = workload('gw', '172.18.0.5', { network: 'net2' });

  it('is planned as a tunnel in a tunnel', async () => {
    const it = await rig(remote, gateway);
    it.askPlan('client', '10.96.0.1:80');
    expect(lastPlan(it)).toMatchObject({
      kind: 'hbone',
      targets: [
        {
          dial: '172.18.0.5:15008',
          authority: 'b.shop.svc.cluster.local:80',
          expectedIdentities: ['spiffe://cluster.local/ns/shop/sa/gw'],
          inner: { expectedIdentities: [SERVER_ID], forwardedNetwork: '' },
          forwardedHost: 'b.shop.svc.cluster.local',
        },
      ],
    });
  });

  it('is reported by what the far end says of itself, and by its verified identity', async () => {
    const it = await rig(remote, gateway);
    it.askPlan('client', '10.96.0.1:80');
    const plan = lastPlan(it);
    it.open({
      connectionId: 1,
      podUid: 'client',
      direction: 'outbound',
      targetId: plan?.kind === 'hbone' ? plan.targets[0]!.targetId : -1,
      actualDestination: '172.18.0.5:15008',
      peerIdentity: SERVER_ID,
      peerBaggage:
        'k8s.cluster.name=c2,k8s.namespace.name=shop,k8s.deployment.name=far,service.name=b,service.version=v9',
    });
    it.close(1);
    expect(it.access()[0]).toMatchObject({
      'dst.addr': '172.18.0.5:15008',
      'dst.hbone_addr': 'b.shop.svc.cluster.local:80',
      'dst.service': 'b.shop.svc.cluster.local',
      'dst.workload': 'far',
      'dst.identity': SERVER_ID,
    });
    expect(await it.registry.metrics()).toContain(
      'destination_workload="far",destination_canonical_service="b",destination_canonical_revision="v9",' +
        `destination_workload_namespace="shop",destination_principal="${SERVER_ID}",destination_app="far",` +
        'destination_version="v9",destination_cluster="c2"',
    );
  });

  it('is planned anew when its gateway changes', async () => {
    const it = await rig(remote, gateway);
    it.askPlan('client', '10.96.0.1:80');
    it.push((state) =>
      state.upsertWorkload(workload('gw', '172.18.0.5', { network: 'net2', serviceAccount: 'other' })),
    );
    expect(it.dataPlane.of('invalidate')).toEqual([{ type: 'invalidate', podUid: 'client' }]);
  });
});

describe('a connection without a way', () => {
  it('over a waypoint that is not there is refused, logged and counted for the service that was meant', async () => {
    const it = await rig(workload('server', '10.0.0.2', { services: memberOf('b') }));
    it.push((state) => state.upsertService(service('b', '10.96.0.1', { waypoint: waypoint('w') })));
    it.askPlan('client', '10.96.0.1:80');
    const plan = lastPlan(it);
    expect(plan).toMatchObject({
      kind: 'reject',
      reason: 'unknown waypoint: shop/w.shop.svc.cluster.local is neither service nor workload',
      flag: 'CONNECT',
      waypoint: 'missing',
    });
    if (plan?.kind !== 'reject') throw new Error('not refused');
    it.say({
      type: 'connectionFailed',
      podUid: 'client',
      direction: 'outbound',
      source: '10.0.0.1:4000',
      destination: '10.96.0.1:80',
      peerIdentity: null,
      reason: plan.reason,
      flag: plan.flag!,
      targetId: plan.targetId!,
      waypoint: plan.waypoint!,
    });
    expect(it.access()[0]).toMatchObject({
      level: 'warn',
      'dst.service': 'b.shop.svc.cluster.local',
      error: plan.reason,
    });
    expect(await it.registry.metrics()).toContain('weft_waypoint_refused_connections_total{reason="missing"} 1');
    expect(await it.registry.metrics()).toMatch(
      /istio_tcp_connections_failed_total\{.*destination_service="b.shop.svc.cluster.local".*response_flags="CONNECT".*\} 1/,
    );
  });

  it('gets one as soon as the waypoint appears', async () => {
    const it = await rig();
    it.push((state) => state.upsertService(service('b', '10.96.0.1', { waypoint: waypoint('w') })));
    it.askPlan('client', '10.96.0.1:80');
    it.dataPlane.sent.length = 0;
    it.push((state) => state.upsertWorkload(workload('w', '10.0.0.9', { hostname: 'w.shop.svc.cluster.local' })));
    expect(it.dataPlane.of('invalidate')).toEqual([{ type: 'invalidate', podUid: 'client' }]);
    it.askPlan('client', '10.96.0.1:80');
    expect(lastPlan(it)).toMatchObject({ targets: [{ dial: '10.0.0.9:15008', authority: '10.96.0.1:80' }] });
  });
});

describe('a connection through a waypoint that is asleep', () => {
  const KEY = 'shop/w.shop.svc.cluster.local';
  const sleeping = async (extensions = [{ name: 'weft.io/activation' }]): Promise<SlowPathRig> => {
    const it = await rig(workload('server', '10.0.0.2', { services: memberOf('b') }));
    it.push((state) => {
      state.upsertService(service('b', '10.96.0.1', { waypoint: { ...waypoint('w'), hboneMtlsPort: 15_008 } }));
      state.upsertService(service('w', '10.96.0.9', { ports: [{ servicePort: 15_008 }], extensions }));
    });
    it.dataPlane.sent.length = 0;
    return it;
  };
  const awake = (it: SlowPathRig): void =>
    it.push((state) => state.upsertWorkload(workload('w1', '10.0.0.9', { services: memberOf('w') })));

  it('waits, and the control plane is asked once to start it', async () => {
    const it = await sleeping();
    it.askPlan('client', '10.96.0.1:80');
    it.askPlan('client', '10.96.0.1:80', 2);
    expect(lastPlan(it)).toMatchObject({ kind: 'hold', reason: `waypoint ${KEY} is asleep` });
    expect([...it.wanted]).toEqual([KEY]);
  });

  it('goes on as soon as an endpoint is ready, and nothing is asked any more', async () => {
    const it = await sleeping();
    it.askPlan('client', '10.96.0.1:80');
    awake(it);
    expect(it.dataPlane.of('invalidate')).toEqual([{ type: 'invalidate', podUid: 'client' }]);
    expect(it.wanted.size).toBe(0);
    it.askPlan('client', '10.96.0.1:80');
    expect(lastPlan(it)).toMatchObject({ kind: 'hbone', targets: [{ dial: '10.0.0.9:15008' }] });
  });

  it('keeps it asked for while somebody waits, and no longer', async () => {
    const it = await sleeping();
    it.askPlan('client', '10.96.0.1:80');
    await it.clock.advance(5000);
    expect(it.dataPlane.of('invalidate')).toHaveLength(1);
    it.askPlan('client', '10.96.0.1:80');
    await it.clock.advance(1000);
    expect(it.wanted.size).toBe(1);
    await it.clock.advance(4000);
    await it.clock.advance(1000);
    expect(it.wanted.size).toBe(0);
  });

  it('is refused at once when its Gateway is deleted meanwhile', async () => {
    const it = await sleeping();
    it.askPlan('client', '10.96.0.1:80');
    it.push((state) => state.removeAddress(KEY));
    expect(it.wanted.size).toBe(0);
    it.askPlan('client', '10.96.0.1:80');
    expect(lastPlan(it)).toMatchObject({ kind: 'reject', waypoint: 'missing' });
  });

  it('is refused when the control plane did not say that the waypoint can be started', async () => {
    const it = await sleeping([]);
    it.askPlan('client', '10.96.0.1:80');
    expect(lastPlan(it)).toMatchObject({ kind: 'reject', waypoint: 'unavailable' });
    expect(it.wanted.size).toBe(0);
  });
});
