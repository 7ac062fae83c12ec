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
  if (!route.ok) return route.error;
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
      'remote endpoints need double HBONE',
      '10.96.0.1:80',
      [bService(), b('10.0.0.2', { network: 'other' })],
      'no healthy upstream: service shop/b.shop.svc.cluster.local for 10.96.0.1:80: all its endpoints are on other networks, and double HBONE is not supported',
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
      'unknown waypoint: service shop/w.shop.svc.cluster.local',
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

describe('identities that the peer may show', () => {
  const expected = (items: readonly Item[], destination: string) => {
    const view = new MeshState();
    for (const item of items)
      if ('uid' in item) view.upsertWorkload(item);
      else view.upsertService(item);
    const route = planOutbound(view, { source: CLIENT, destination: socket(destination) });
    return route.ok ? route.value[0]?.expectedIdentities : route.error;
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
