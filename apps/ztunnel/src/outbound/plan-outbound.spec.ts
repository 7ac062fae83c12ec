import { formatSocketAddress } from '@weft/ip';
import {
  IPFamilies,
  LoadBalancing_Mode,
  LoadBalancing_Scope,
  NetworkMode,
  TunnelProtocol,
  WorkloadStatus,
} from '@weft/xds/gen/mesh/workload/workload.js';
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

describe('planOutbound', () => {
  it.each<[string, string, Item[], string[] | string]>([
    ['an unknown destination passes in plaintext', '1.2.3.4:443', [], ['TCP 1.2.3.4:443']],
    [
      'a destination on another network is unknown',
      '10.0.0.2:80',
      [b('10.0.0.2', { network: 'other' })],
      ['TCP 10.0.0.2:80'],
    ],
    [
      'a pod that speaks HBONE gets it, with ip:port as authority',
      '10.0.0.2:80',
      [b('10.0.0.2')],
      ['HBONE 10.0.0.2:15008 10.0.0.2:80'],
    ],
    [
      'a pod that does not is dialled as it is',
      '10.0.0.2:80',
      [b('10.0.0.2', { tunnelProtocol: TunnelProtocol.NONE })],
      ['TCP 10.0.0.2:80'],
    ],
    [
      'a pod on another node is no different',
      '10.0.0.2:80',
      [b('10.0.0.2', { node: 'n2' })],
      ['HBONE 10.0.0.2:15008 10.0.0.2:80'],
    ],
    [
      'a service address resolves to the target port',
      '10.96.0.1:80',
      [bService(), b('10.0.0.2')],
      ['HBONE 10.0.0.2:15008 10.0.0.2:8080 b'],
    ],
    [
      'enrolled and plain endpoints mix',
      '10.96.0.1:80',
      [
        bService(),
        b('10.0.0.2'),
        workload('c', '10.0.0.3', { services: memberOf('b'), tunnelProtocol: TunnelProtocol.NONE }),
      ],
      ['HBONE 10.0.0.2:15008 10.0.0.2:8080 b', 'TCP 10.0.0.3:8080 b'],
    ],
    [
      'an endpoint names its own port',
      '10.96.0.1:80',
      [
        bService(),
        workload('b', '10.0.0.2', {
          services: { 'shop/b.shop.svc.cluster.local': { ports: [{ servicePort: 80, targetPort: 9090 }] } },
        }),
      ],
      ['HBONE 10.0.0.2:15008 10.0.0.2:9090 b'],
    ],
    [
      'a named port comes from the endpoint alone',
      '10.96.0.1:80',
      [
        bService({ ports: [{ servicePort: 80, targetPort: 0 }] }),
        workload('b', '10.0.0.2', {
          services: { 'shop/b.shop.svc.cluster.local': { ports: [{ servicePort: 80, targetPort: 7 }] } },
        }),
      ],
      ['HBONE 10.0.0.2:15008 10.0.0.2:7 b'],
    ],
    [
      'a headless service is reached by pod address',
      '10.0.0.2:8080',
      [service('b', null), b('10.0.0.2')],
      ['HBONE 10.0.0.2:15008 10.0.0.2:8080'],
    ],
    [
      'a host-network endpoint is dialled in plaintext',
      '10.96.0.1:80',
      [bService(), b('10.0.0.2', { networkMode: NetworkMode.HOST_NETWORK, tunnelProtocol: TunnelProtocol.NONE })],
      ['TCP 10.0.0.2:8080 b'],
    ],
    [
      'a host-network address is unknown',
      '10.0.0.2:80',
      [b('10.0.0.2', { networkMode: NetworkMode.HOST_NETWORK })],
      ['TCP 10.0.0.2:80'],
    ],
    [
      'a service without endpoints is no healthy upstream',
      '10.96.0.1:80',
      [bService()],
      'no healthy upstream: service shop/b.shop.svc.cluster.local for 10.96.0.1:80: it has no healthy endpoint',
    ],
    [
      'unhealthy endpoints do not count',
      '10.96.0.1:80',
      [bService(), b('10.0.0.2', { status: WorkloadStatus.UNHEALTHY })],
      'no healthy upstream: service shop/b.shop.svc.cluster.local for 10.96.0.1:80: it has no healthy endpoint',
    ],
    [
      'a port that the service does not have',
      '10.96.0.1:81',
      [bService(), b('10.0.0.2')],
      'no healthy upstream: service shop/b.shop.svc.cluster.local for 10.96.0.1:81: it has no port 81',
    ],
    [
      'capacity 0 only',
      '10.96.0.1:80',
      [bService(), b('10.0.0.2', { capacity: 0 })],
      'no healthy upstream: service shop/b.shop.svc.cluster.local for 10.96.0.1:80: no endpoint is usable for this port',
    ],
    [
      'remote endpoints without a gateway are out of reach',
      '10.96.0.1:80',
      [bService(), b('10.0.0.2', { network: 'other' })],
      'no healthy upstream: service shop/b.shop.svc.cluster.local for 10.96.0.1:80: all its endpoints are on other networks, without a gateway to them',
    ],
    [
      'a pass-through service keeps the original destination',
      '10.96.0.1:80',
      [bService({ loadBalancing: { mode: LoadBalancing_Mode.PASSTHROUGH } }), b('10.0.0.2')],
      ['TCP 10.96.0.1:80 b'],
    ],
    ['a call into the proxy itself is refused', '127.0.0.1:15008', [], 'attempted recursive call to ourselves'],
    ['its ports are free elsewhere', '1.2.3.4:15008', [], ['TCP 1.2.3.4:15008']],
  ])('%s', (_rule, destination, items, want) => expect(plan(destination, items)).toEqual(want));
});

describe('waypoints', () => {
  const toWaypoint = ['HBONE 10.0.0.9:15008 10.96.0.1:80 b'];
  it.each<[string, string, Item[], string[] | string]>([
    [
      'of a service, by hostname, with the service address as authority',
      '10.96.0.1:80',
      [bService({ waypoint: waypointByName('w') }), b('10.0.0.2'), waypointService('w'), waypointPod('w', '10.0.0.9')],
      toWaypoint,
    ],
    [
      'of a service, by the waypoint service address',
      '10.96.0.1:80',
      [bService({ waypoint: waypointByIp('10.96.9.9') }), waypointService('w'), waypointPod('w', '10.0.0.9')],
      toWaypoint,
    ],
    [
      'of a service, by a workload address',
      '10.96.0.1:80',
      [bService({ waypoint: waypointByIp('10.0.0.9') }), waypointPod('w', '10.0.0.9')],
      toWaypoint,
    ],
    [
      'of a pass-through service',
      '10.96.0.1:80',
      [
        bService({ waypoint: waypointByIp('10.0.0.9'), loadBalancing: { mode: LoadBalancing_Mode.PASSTHROUGH } }),
        waypointPod('w', '10.0.0.9'),
      ],
      toWaypoint,
    ],
    [
      'of a service are not those of its pods',
      '10.0.0.2:8080',
      [bService({ waypoint: waypointByIp('10.0.0.9') }), b('10.0.0.2'), waypointPod('w', '10.0.0.9')],
      ['HBONE 10.0.0.2:15008 10.0.0.2:8080'],
    ],
    [
      'of a workload are for its address',
      '10.0.0.2:8080',
      [b('10.0.0.2', { waypoint: waypointByIp('10.0.0.9') }), waypointPod('w', '10.0.0.9')],
      ['HBONE 10.0.0.9:15008 10.0.0.2:8080'],
    ],
    [
      'of a workload are not for its service',
      '10.96.0.1:80',
      [bService(), b('10.0.0.2', { waypoint: waypointByIp('10.0.0.9') }), waypointPod('w', '10.0.0.9')],
      ['HBONE 10.0.0.2:15008 10.0.0.2:8080 b'],
    ],
    [
      'that are unknown are never bypassed',
      '10.96.0.1:80',
      [bService({ waypoint: waypointByName('w') }), b('10.0.0.2')],
      'unknown waypoint: shop/w.shop.svc.cluster.local is neither service nor workload',
    ],
    [
      'without a healthy pod are never bypassed',
      '10.0.0.2:80',
      [
        b('10.0.0.2', { waypoint: waypointByName('w') }),
        waypointService('w'),
        waypointPod('w', '10.0.0.9', { status: WorkloadStatus.UNHEALTHY }),
      ],
      'unknown waypoint: no healthy endpoint of shop/w.shop.svc.cluster.local for port 15008',
    ],
    [
      'without weight are never picked; the plain one is the fallback',
      '10.96.0.1:80',
      [
        bService({
          weightedWaypoints: [{ destination: waypointByIp('10.0.0.8'), weight: 0 }],
          waypoint: waypointByIp('10.0.0.9'),
        }),
        waypointPod('v', '10.0.0.8'),
        waypointPod('w', '10.0.0.9'),
      ],
      toWaypoint,
    ],
  ])('%s', (_rule, destination, items, want) => expect(plan(destination, items)).toEqual(want));

  it('are left out for the waypoint itself', () => {
    const waypoint = waypointPod('w', '10.0.0.9');
    const items = [waypointService('w'), b('10.0.0.2', { waypoint: waypointByName('w') })];
    expect(plan('10.0.0.2:8080', items, waypoint)).toEqual(['HBONE 10.0.0.2:15008 10.0.0.2:8080']);
  });

  it('of the source do not matter', () => {
    expect(
      plan('10.0.0.2:80', [b('10.0.0.2')], workload('client', '10.0.0.1', { waypoint: waypointByIp('10.0.0.9') })),
    ).toEqual(['HBONE 10.0.0.2:15008 10.0.0.2:80']);
  });

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

describe('address families', () => {
  const dual = (fields: ServiceFields) => [
    service('b', null, { addresses: [{ address: bytes('10.96.0.1') }, { address: bytes('fd00::1') }], ...fields }),
    workload('b', null, { addresses: [bytes('10.0.0.2'), bytes('fd00::2')], services: memberOf('b') }),
  ];
  it.each<[string, string, ServiceFields, string]>([
    ['follow the destination, v4', '10.96.0.1:80', {}, 'HBONE 10.0.0.2:15008 10.0.0.2:8080 b'],
    ['follow the destination, v6', '[fd00::1]:80', {}, 'HBONE [fd00::2]:15008 [fd00::2]:8080 b'],
    [
      'are limited by the service',
      '[fd00::1]:80',
      { ipFamilies: IPFamilies.IPV4_ONLY },
      'HBONE 10.0.0.2:15008 10.0.0.2:8080 b',
    ],
  ])('%s', (_rule, destination, fields, want) => expect(plan(destination, dual(fields))).toEqual([want]));

  it('take the other family rather than none', () => {
    expect(plan('10.96.0.1:80', [bService(), workload('b', 'fd00::2', { services: memberOf('b') })])).toEqual([
      'HBONE [fd00::2]:15008 [fd00::2]:8080 b',
    ]);
  });
});

describe('locality', () => {
  const at = (name: string, region: string, zone: string, fields: WorkloadFields = {}) =>
    workload(name, `10.0.1.${name.charCodeAt(0)}`, { services: memberOf('b'), locality: { region, zone }, ...fields });
  const near = at('a', 'r1', 'z1');
  const sameRegion = at('b', 'r1', 'z2');
  const far = at('c', 'r2', 'z1');
  const { FAILOVER, STRICT } = LoadBalancing_Mode;
  const { REGION, ZONE, NETWORK, NODE } = LoadBalancing_Scope;

  it.each<[string, LoadBalancing_Mode, LoadBalancing_Scope[], Item[], string[] | null]>([
    ['failover takes the best rank only', FAILOVER, [REGION, ZONE], [near, sameRegion, far], ['a']],
    ['failover falls back one rank', FAILOVER, [REGION, ZONE], [sameRegion, far], ['b']],
    ['failover takes anything rather than nothing', FAILOVER, [REGION, ZONE], [far], ['c']],
    [
      'a gap ends the count: zone without region is nothing',
      FAILOVER,
      [REGION, ZONE],
      [far, at('d', 'r3', 'z9')],
      ['c', 'd'],
    ],
    ['a leading NETWORK does not end it', FAILOVER, [NETWORK, REGION], [near, far], ['a']],
    ['strict drops what does not match all', STRICT, [NODE], [near, at('d', 'r1', 'z1', { node: 'n2' })], ['a']],
    ['strict may leave nothing', STRICT, [NODE], [at('d', 'r1', 'z1', { node: 'n2' })], null],
  ])('%s', (_rule, mode, routingPreference, endpoints, want) => {
    const answer = plan('10.96.0.1:80', [bService({ loadBalancing: { mode, routingPreference } }), ...endpoints]);
    const addresses = want?.map(
      (name) => `HBONE 10.0.1.${name.charCodeAt(0)}:15008 10.0.1.${name.charCodeAt(0)}:8080 b`,
    );
    if (addresses === undefined) expect(answer).toContain('no endpoint is usable');
    else expect(answer).toEqual(addresses);
  });
});
