import { formatSocketAddress } from '@weft/ip';
import { LoadBalancing_Mode, LoadBalancing_Scope } from '@weft/xds/gen/mesh/workload/workload.js';
import { MeshState } from '../state/mesh-state.js';
import {
  bytes,
  memberOf,
  service,
  socket,
  workload,
  type ServiceFields,
  type WorkloadFields,
} from '../testing/mesh-fixtures.js';
import { planOutbound } from './plan-outbound.js';

type Item = ReturnType<typeof workload> | ReturnType<typeof service>;

const CLIENT = workload('client', '10.0.0.1', { locality: { region: 'r1', zone: 'z1', subzone: 's1' } });
const waypointByName = (name: string) => ({
  destination: { $case: 'hostname' as const, value: { namespace: 'shop', hostname: `${name}.shop.svc.cluster.local` } },
  hboneMtlsPort: 15008,
});
const waypointByIp = (address: string) => ({
  destination: { $case: 'address' as const, value: { address: bytes(address) } },
  hboneMtlsPort: 15008,
});
const waypointService = (name: string) =>
  service(name, '10.96.9.9', { ports: [{ servicePort: 15008, targetPort: 15008 }] });
const waypointPod = (name: string, address: string, fields: WorkloadFields = {}) =>
  workload(`${name}-pod`, address, {
    services: { [`shop/${name}.shop.svc.cluster.local`]: { ports: [{ servicePort: 15008, targetPort: 15008 }] } },
    ...fields,
  });

function plan(destination: string, items: readonly Item[], source = CLIENT) {
  const view = new MeshState();
  for (const item of [source, ...items])
    if ('uid' in item) view.upsertWorkload(item);
    else view.upsertService(item);
  const route = planOutbound(view, { source, destination: socket(destination) });
  if (!route.ok) return route.error.reason;
  return route.value.map(({ protocol, dial, authority, service: to }) =>
    [
      protocol,
      formatSocketAddress(dial),
      ...(authority === null ? [] : [authority]),
      ...(to === null ? [] : [to.name]),
    ].join(' '),
  );
}

const b = (address: string, fields: WorkloadFields = {}) =>
  workload('b', address, { services: memberOf('b'), ...fields });
const bService = (fields: ServiceFields = {}) => service('b', '10.96.0.1', fields);

describe('waypoints', () => {
  it('share the traffic by weight', () => {
    const view = new MeshState();
    for (const [name, address] of [
      ['v', '10.0.0.8'],
      ['w', '10.0.0.9'],
      ['x', '10.0.0.7'],
    ] as const)
      view.upsertWorkload(waypointPod(name, address));
    view.upsertService(
      bService({
        weightedWaypoints: [
          { destination: waypointByIp('10.0.0.8'), weight: 90 },
          { destination: waypointByIp('10.0.0.9'), weight: 10 },
        ],
      }),
    );
    const route = planOutbound(view, { source: CLIENT, destination: socket('10.96.0.1:80') });
    expect(route.ok && route.value.map(({ dial, weight }) => [dial.ip.text, weight])).toEqual([
      ['10.0.0.8', 90],
      ['10.0.0.9', 10],
    ]);
  });
});

describe('waypoints by name of a workload', () => {
  const named = (fields: WorkloadFields = {}) =>
    workload('w', '10.0.0.9', { hostname: 'w.shop.svc.cluster.local', ...fields });
  it('are reached at its address', () => {
    expect(plan('10.96.0.1:80', [bService({ waypoint: waypointByName('w') }), b('10.0.0.2'), named()])).toEqual([
      'HBONE 10.0.0.9:15008 10.96.0.1:80 b',
    ]);
  });
  it('are not a workload of another namespace with that name', () => {
    const other = named({ namespace: 'evil', uid: 'Kubernetes//Pod/evil/w' });
    expect(plan('10.96.0.1:80', [bService({ waypoint: waypointByName('w') }), b('10.0.0.2'), other])).toBe(
      'unknown waypoint: shop/w.shop.svc.cluster.local is neither service nor workload',
    );
  });
  it('are left out for that workload', () => {
    expect(plan('10.0.0.2:8080', [b('10.0.0.2', { waypoint: waypointByName('w') })], named())).toEqual([
      'HBONE 10.0.0.2:15008 10.0.0.2:8080',
    ]);
  });
});

describe('other networks', () => {
  const SAN = 'spiffe://cluster.local/ns/shop/sa/b';
  const address = (network: string, text: string) => ({
    destination: { $case: 'address' as const, value: { network, address: bytes(text) } },
    hboneMtlsPort: 15008,
  });
  const gatewayPod = (fields: WorkloadFields = {}) =>
    workload('gw', '172.18.0.5', {
      network: 'net2',
      namespace: 'istio-system',
      uid: 'c2//Pod/istio-system/gw',
      ...fields,
    });
  const remote = (fields: WorkloadFields = {}) =>
    workload('b-remote', null, {
      network: 'net2',
      networkGateway: address('net2', '172.18.0.5'),
      services: memberOf('b'),
      ...fields,
    });
  const meshService = (fields: ServiceFields = {}) => bService({ subjectAltNames: [SAN], ...fields });
  const tell = (destination: string, items: readonly Item[]) => {
    const view = new MeshState();
    for (const item of [CLIENT, ...items])
      if ('uid' in item) view.upsertWorkload(item);
      else view.upsertService(item);
    const route = planOutbound(view, { source: CLIENT, destination: socket(destination) });
    if (!route.ok) return route.error.reason;
    return route.value.map(({ dial, authority, expectedIdentities, innerIdentities, weight }) => ({
      dial: formatSocketAddress(dial),
      authority,
      outer: expectedIdentities,
      inner: innerIdentities,
      weight,
    }));
  };
  const throughPod = {
    dial: '172.18.0.5:15008',
    authority: 'b.shop.svc.cluster.local:80',
    outer: ['spiffe://cluster.local/ns/istio-system/sa/gw'],
    inner: [SAN],
    weight: 1,
  };

  it('are reached through their gateway by address, with the service name and port as authority', () => {
    expect(tell('10.96.0.1:80', [meshService(), remote(), gatewayPod()])).toEqual([throughPod]);
  });
  it('are reached through a gateway service by address, at its target port and with its names', () => {
    const gateway = service('ew', null, {
      addresses: [{ network: 'net2', address: bytes('172.18.0.5') }],
      ports: [{ servicePort: 15008, targetPort: 15018 }],
      subjectAltNames: ['spiffe://c2/ns/a/sa/ew'],
    });
    const pod = workload('ew-pod', '172.18.0.9', {
      network: 'net2',
      services: { 'shop/ew.shop.svc.cluster.local': { ports: [{ servicePort: 15008, targetPort: 15018 }] } },
    });
    const answer = tell('10.96.0.1:80', [meshService(), remote(), gateway, pod]);
    expect(answer).toEqual([
      {
        ...throughPod,
        dial: '172.18.0.9:15018',
        outer: ['spiffe://c2/ns/a/sa/ew', 'spiffe://cluster.local/ns/shop/sa/ew-pod'],
      },
    ]);
  });
  it('are reached through a gateway by hostname: a service', () => {
    const gateway = service('ew', null, { ports: [{ servicePort: 15008, targetPort: 15008 }] });
    const pod = workload('ew-pod', '172.18.0.9', {
      services: { 'shop/ew.shop.svc.cluster.local': { ports: [{ servicePort: 15008, targetPort: 15008 }] } },
    });
    const answer = tell('10.96.0.1:80', [
      meshService(),
      remote({ networkGateway: waypointByName('ew') }),
      gateway,
      pod,
    ]);
    expect(answer).toMatchObject([{ dial: '172.18.0.9:15008', inner: [SAN] }]);
  });
  it('are reached through a gateway by hostname: a workload', () => {
    const pod = gatewayPod({ namespace: 'shop', hostname: 'ew.shop.svc.cluster.local' });
    const answer = tell('10.96.0.1:80', [meshService(), remote({ networkGateway: waypointByName('ew') }), pod]);
    expect(answer).toMatchObject([{ dial: '172.18.0.5:15008', inner: [SAN] }]);
  });
  it('share the traffic with local endpoints by capacity', () => {
    const answer = tell('10.96.0.1:80', [meshService(), b('10.0.0.2'), remote({ capacity: 3 }), gatewayPod()]);
    expect(answer).toMatchObject([
      { dial: '10.0.0.2:15008', inner: null, weight: 1 },
      { dial: '172.18.0.5:15008', inner: [SAN], weight: 3 },
    ]);
  });
  it('wait until the local endpoints are gone, where the service prefers its network', () => {
    const near = { mode: LoadBalancing_Mode.FAILOVER, routingPreference: [LoadBalancing_Scope.NETWORK] };
    const both = [meshService({ loadBalancing: near }), remote(), gatewayPod()];
    expect(tell('10.96.0.1:80', [...both, b('10.0.0.2')])).toMatchObject([{ dial: '10.0.0.2:15008' }]);
    expect(tell('10.96.0.1:80', both)).toEqual([throughPod]);
  });
  it('verify nobody at the far end when the service says no name', () => {
    expect(tell('10.96.0.1:80', [bService(), remote(), gatewayPod()])).toEqual([{ ...throughPod, inner: [] }]);
  });
  it.each<[string, Item[], string]>([
    ['an unknown gateway by address', [meshService(), remote()], 'unknown network gateway: net2/172.18.0.5'],
    [
      'an unknown gateway by hostname',
      [meshService(), remote({ networkGateway: waypointByName('ew') })],
      'unknown network gateway: shop/ew.shop.svc.cluster.local',
    ],
    [
      'a gateway service without endpoints',
      [
        meshService(),
        remote({ networkGateway: waypointByName('ew') }),
        service('ew', null, { ports: [{ servicePort: 15008, targetPort: 15008 }] }),
      ],
      'unknown network gateway: no healthy endpoint of shop/ew.shop.svc.cluster.local for port 15008',
    ],
  ])('%s is an error', (_what, items, want) => expect(tell('10.96.0.1:80', items)).toBe(want));

  const remoteWaypoint = workload('w-remote', null, {
    network: 'net2',
    networkGateway: address('net2', '172.18.0.5'),
    services: { 'shop/w.shop.svc.cluster.local': { ports: [{ servicePort: 15008, targetPort: 15008 }] } },
  });
  it('hold a waypoint: its gateway is asked for the service that was meant, and the waypoint must answer', () => {
    const waypoint = service('w', '10.96.9.9', {
      ports: [{ servicePort: 15008, targetPort: 15008 }],
      subjectAltNames: ['spiffe://cluster.local/ns/shop/sa/w'],
    });
    const items = [
      meshService({ waypoint: waypointByName('w') }),
      waypoint,
      remoteWaypoint,
      gatewayPod(),
      b('10.0.0.2'),
    ];
    expect(tell('10.96.0.1:80', items)).toEqual([{ ...throughPod, inner: ['spiffe://cluster.local/ns/shop/sa/w'] }]);
  });
  it('hold a waypoint of a workload: there is no service to ask for, so it is refused and never bypassed', () => {
    const items = [
      b('10.0.0.2', { waypoint: waypointByName('w') }),
      waypointService('w'),
      remoteWaypoint,
      gatewayPod(),
    ];
    expect(tell('10.0.0.2:80', items)).toContain('only a service can be reached through a network gateway');
  });
});

describe('identities that the peer may show', () => {
  const expected = (items: readonly Item[], destination: string) => {
    const view = new MeshState();
    for (const item of items)
      if ('uid' in item) view.upsertWorkload(item);
      else view.upsertService(item);
    const route = planOutbound(view, { source: CLIENT, destination: socket(destination) });
    return route.ok ? route.value[0]?.expectedIdentities : route.error.reason;
  };
  it('are the workload and the names that the service allows', () => {
    expect(expected([b('10.0.0.2')], '10.0.0.2:80')).toEqual(['spiffe://cluster.local/ns/shop/sa/b']);
    expect(expected([bService({ subjectAltNames: ['spiffe://x/ns/a/sa/b'] }), b('10.0.0.2')], '10.96.0.1:80')).toEqual([
      'spiffe://x/ns/a/sa/b',
      'spiffe://cluster.local/ns/shop/sa/b',
    ]);
  });
  it('are the waypoint, not the destination behind it', () => {
    expect(
      expected(
        [bService({ waypoint: waypointByIp('10.0.0.9') }), b('10.0.0.2'), waypointPod('w', '10.0.0.9')],
        '10.96.0.1:80',
      ),
    ).toEqual(['spiffe://cluster.local/ns/shop/sa/w-pod']);
  });
});
