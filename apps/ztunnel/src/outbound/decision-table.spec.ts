import {
  ApplicationTunnel_Protocol,
  IPFamilies,
  LoadBalancing_Mode,
  NetworkMode,
  Service_Visibility,
  TunnelProtocol,
  WorkloadStatus,
} from '@weft/xds/gen/mesh/workload/workload.js';
import {
  at,
  b,
  cases,
  check,
  DIRECT,
  endpoint,
  gateway,
  named,
  remote,
  SELF_CALL,
  svc,
  TO_GATEWAY,
  TO_WAYPOINT,
  VIP,
  w,
  wService,
} from '../testing/decisions.js';
import { bytes, ip, memberOf, service, workload } from '../testing/mesh-fixtures.js';

// Every row of the tables of `l4-ambient.md` 6.1, one test each, in their order; that is why the file is long. 6.2 is in
// load-balance.spec.ts, inbound (2.7) in judge-inbound.spec.ts, policies (6.3) in @weft/policy, live connections (6.4) in
// slow-path.spec.ts.

const { PASSTHROUGH } = LoadBalancing_Mode;

describe('6.1 the outbound algorithm', () => {
  it.each(
    cases([
      ['0: a loopback call to 15001 is a self call', '127.0.0.1:15001', [], SELF_CALL],
      ['0: a loopback call to 15006 is a self call', '127.0.0.1:15006', [], SELF_CALL],
      ['0: a loopback call to 15008 is a self call', '[::1]:15008', [], SELF_CALL],
      ['0: other loopback ports are not', '127.0.0.1:80', [], ['TCP 127.0.0.1:80']],
      ['0: those ports elsewhere are not', '1.2.3.4:15008', [], ['TCP 1.2.3.4:15008']],
      [
        '1: a service with a waypoint goes there, the authority is the original destination',
        VIP,
        [svc({ waypoint: named('w') }), wService(), w(), b()],
        TO_WAYPOINT,
      ],
      [
        '1: its waypoint in another network goes through the gateway',
        VIP,
        [
          svc({ waypoint: named('w') }),
          wService(),
          w({ network: 'net2', networkGateway: at('172.18.0.5', 'net2'), addresses: [] }),
          gateway,
        ],
        TO_GATEWAY,
      ],
      [
        '1: an address that is also a workload has no service waypoint',
        '10.0.0.2:80',
        [svc({ waypoint: named('w') }, '10.0.0.2'), wService(), w(), b()],
        DIRECT,
      ],
      [
        '2: a service address is looked up before a workload with it',
        '10.0.0.2:80',
        [svc({}, '10.0.0.2'), b(), endpoint(7)],
        ['HBONE 10.0.0.2:15008 for 10.0.0.2:8080', 'HBONE 10.0.1.7:15008 for 10.0.1.7:8080'],
      ],
      [
        '2: a known service without upstream is refused',
        VIP,
        [svc()],
        'no healthy upstream: service shop/b.shop.svc.cluster.local for 10.96.0.1:80: it has no healthy endpoint',
      ],
      [
        '2: a pass-through service is not',
        '10.96.0.1:81',
        [svc({ loadBalancing: { mode: PASSTHROUGH } })],
        ['TCP 10.96.0.1:81'],
      ],
      ['2: an unknown address passes in plaintext', '192.0.2.1:443', [svc(), b()], ['TCP 192.0.2.1:443']],
      ['3: an endpoint in another network goes through the gateway', VIP, [svc(), remote(), gateway], TO_GATEWAY],
      [
        '3: an address in another network is not ours to know',
        '10.0.0.2:80',
        [b({ network: 'net2', networkGateway: at('172.18.0.5', 'net2') }), gateway],
        ['TCP 10.0.0.2:80'],
      ],
      [
        '4: a workload with a waypoint, by its address, goes there',
        '10.0.0.2:80',
        [b({ waypoint: named('w') }), wService(), w()],
        ['HBONE 10.0.0.9:15008 for 10.0.0.2:80'],
      ],
      ['4: by its service it does not', VIP, [svc(), b({ waypoint: named('w') }), wService(), w()], DIRECT],
      [
        '4: from its waypoint it does not',
        '10.0.0.2:8080',
        [b({ waypoint: named('w') }), wService()],
        DIRECT,
        { source: w() },
      ],
      [
        '4: from its waypoint by address it does not',
        '10.0.0.2:8080',
        [b({ waypoint: at('10.0.0.9') })],
        DIRECT,
        { source: w() },
      ],
      [
        '4: from its waypoint by the waypoint service address it does not',
        '10.0.0.2:8080',
        [b({ waypoint: at('10.96.9.9') }), wService()],
        DIRECT,
        { source: w() },
      ],
      [
        '4: from its waypoint when that is going away it does not',
        '10.0.0.2:8080',
        [b({ waypoint: named('w') }), wService()],
        DIRECT,
        { source: w({ status: WorkloadStatus.UNHEALTHY }) },
      ],
      [
        '4: from a namesake in another namespace it does',
        '10.0.0.2:80',
        [b({ waypoint: named('w') }), wService(), w({ uid: 'x//Pod/shop/w' })],
        ['HBONE 10.0.0.9:15008 for 10.0.0.2:80'],
        { source: workload('w', '10.0.3.3', { namespace: 'evil' }) },
      ],
      ['5: HBONE goes to 15008 with ip:targetPort as authority', VIP, [svc(), b()], DIRECT],
      [
        '5: a workload without HBONE is dialled at its target port',
        VIP,
        [svc(), b({ tunnelProtocol: TunnelProtocol.NONE })],
        ['TCP 10.0.0.2:8080'],
      ],
      ['5: the node does not matter', VIP, [svc(), b({ node: 'n1' })], DIRECT],
    ]),
  )('%s', (_rule, row) => check(row));
});

describe('6.1 gateways of other networks', () => {
  const alone = [svc(), remote()];
  it.each(
    cases([
      ['by address: a workload of that network', VIP, [...alone, gateway], TO_GATEWAY],
      [
        'by address: a service of that network',
        VIP,
        [
          ...alone,
          service('gw', null, {
            addresses: [{ network: 'net2', address: bytes('172.18.0.5') }],
            ports: [{ servicePort: 15008, targetPort: 15443 }],
          }),
          workload('gw-1', '172.18.0.6', {
            network: 'net2',
            services: { 'shop/gw.shop.svc.cluster.local': { ports: [{ servicePort: 15008, targetPort: 15443 }] } },
          }),
        ],
        ['DOUBLE-HBONE 172.18.0.6:15443 for b.shop.svc.cluster.local:80'],
      ],
      [
        'by hostname: a service',
        VIP,
        [svc(), remote({ networkGateway: named('w') }), wService(), w()],
        ['DOUBLE-HBONE 10.0.0.9:15008 for b.shop.svc.cluster.local:80'],
      ],
      [
        'by hostname: a workload',
        VIP,
        [
          svc(),
          remote({ networkGateway: named('gw') }),
          workload('gw', '172.18.0.5', { network: 'net2', hostname: 'gw.shop.svc.cluster.local' }),
        ],
        TO_GATEWAY,
      ],
      ['unknown: refused', VIP, alone, 'unknown network gateway: net2/172.18.0.5'],
      [
        'none: refused',
        VIP,
        [svc(), b({ network: 'net2' })],
        'no healthy upstream: service shop/b.shop.svc.cluster.local for 10.96.0.1:80: all its endpoints are on other networks, without a gateway to them',
      ],
      [
        'the authority has the service port, not the target port',
        VIP,
        [svc({ ports: [{ servicePort: 80, targetPort: 7 }] }), remote(), gateway],
        TO_GATEWAY,
      ],
    ]),
  )('%s', (_rule, row) => check(row));
});

describe('6.1 details', () => {
  const duo = (fields: Parameters<typeof service>[2] = {}) => [
    svc({ addresses: [{ address: bytes('10.96.0.1') }, { address: bytes('fd00::1') }], ...fields }, null),
    workload('b', null, { addresses: [bytes('10.0.0.2'), bytes('fd00::2')], services: memberOf('b') }),
  ];
  const twin = (namespace: string, fields: Parameters<typeof service>[2] = {}) =>
    service('b', '10.96.0.1', { namespace, hostname: `b.${namespace}.svc.cluster.local`, ...fields });
  const member = (namespace: string, last: number) =>
    workload(`${namespace}-b`, `10.0.1.${last}`, {
      services: {
        [`${namespace}/b.${namespace}.svc.cluster.local`]: { ports: [{ servicePort: 80, targetPort: 8080 }] },
      },
    });
  const cidr = (name: string, range: string, fields: Parameters<typeof service>[2] = {}) =>
    service(name, range, fields);
  const of = (name: string, last: number) =>
    workload(name, `10.0.1.${last}`, { services: memberOf(name), tunnelProtocol: TunnelProtocol.NONE });

  it.each(
    cases([
      [
        'best service: the namespace of the client',
        VIP,
        [twin('other'), twin('shop', { canonical: false }), member('other', 1), member('shop', 2)],
        ['HBONE 10.0.1.2:15008 for 10.0.1.2:8080'],
      ],
      [
        'best service: then canonical',
        VIP,
        [twin('aa', { canonical: false }), twin('zz'), member('aa', 1), member('zz', 2)],
        ['HBONE 10.0.1.2:15008 for 10.0.1.2:8080'],
      ],
      [
        'best service: visible ones only',
        VIP,
        [twin('other', { visibility: Service_Visibility.NAMESPACE }), member('other', 1)],
        ['TCP 10.96.0.1:80'],
      ],
      [
        'best service: an exact address before ranges',
        VIP,
        [cidr('c', '10.96.0.0/30'), svc(), of('c', 3), b()],
        DIRECT,
      ],
      [
        'best service: of ranges the longest',
        '10.99.1.1:80',
        [cidr('c', '10.99.0.0/16'), cidr('d', '10.99.1.0/24'), of('c', 3), of('d', 4)],
        ['TCP 10.0.1.4:8080'],
      ],
      [
        'waypoint weights: they share',
        VIP,
        [
          svc({
            weightedWaypoints: [
              { destination: at('10.0.0.9'), weight: 90 },
              { destination: at('10.0.0.8'), weight: 10 },
            ],
          }),
          w(),
          workload('v', '10.0.0.8'),
        ],
        [`HBONE 10.0.0.9:15008 for ${VIP} x90`, `HBONE 10.0.0.8:15008 for ${VIP} x10`],
      ],
      [
        'waypoint weights: zero is never picked',
        VIP,
        [
          svc({
            weightedWaypoints: [
              { destination: at('10.0.0.9'), weight: 1 },
              { destination: at('10.0.0.8'), weight: 0 },
            ],
          }),
          w(),
          workload('v', '10.0.0.8'),
        ],
        TO_WAYPOINT,
      ],
      [
        'waypoint weights: all zero means the plain one',
        VIP,
        [
          svc({ waypoint: at('10.0.0.9'), weightedWaypoints: [{ destination: at('10.0.0.8'), weight: 0 }] }),
          w(),
          workload('v', '10.0.0.8'),
        ],
        TO_WAYPOINT,
      ],
      ['waypoint by hostname: a service', VIP, [svc({ waypoint: named('w') }), wService(), w()], TO_WAYPOINT],
      [
        'waypoint by hostname: a workload',
        VIP,
        [svc({ waypoint: named('w') }), w({ services: {}, hostname: 'w.shop.svc.cluster.local' })],
        TO_WAYPOINT,
      ],
      [
        'waypoint by hostname: the family follows the destination',
        '[fd00::1]:80',
        [
          svc({ waypoint: named('w') }, 'fd00::1'),
          wService(),
          workload('w', null, {
            addresses: [bytes('10.0.0.9'), bytes('fd00::9')],
            services: { 'shop/w.shop.svc.cluster.local': { ports: [{ servicePort: 15008, targetPort: 15008 }] } },
          }),
        ],
        ['HBONE [fd00::9]:15008 for [fd00::1]:80'],
      ],
      [
        'waypoint by address: its own family',
        '[fd00::1]:80',
        [svc({ waypoint: at('10.0.0.9') }, 'fd00::1'), w()],
        ['HBONE 10.0.0.9:15008 for [fd00::1]:80'],
      ],
      ['waypoint unresolved: refused', VIP, [svc({ waypoint: at('10.0.0.9') }), b()], 'unknown waypoint: /10.0.0.9'],
      [
        'waypoint without healthy instance: refused',
        VIP,
        [svc({ waypoint: named('w') }), wService(), w({ status: WorkloadStatus.UNHEALTHY }), b()],
        'unknown waypoint: no healthy endpoint of shop/w.shop.svc.cluster.local for port 15008',
      ],
      [
        'ip selection: the address that was meant',
        '10.0.0.3:80',
        [
          svc({}, '10.0.0.3'),
          workload('b', null, { addresses: [bytes('10.0.0.2'), bytes('10.0.0.3')], services: memberOf('b') }),
        ],
        ['HBONE 10.0.0.3:15008 for 10.0.0.3:8080'],
      ],
      ['ip selection: the family that was meant', '[fd00::1]:80', duo(), ['HBONE [fd00::2]:15008 for [fd00::2]:8080']],
      [
        'ip selection: only the families of the service',
        '[fd00::1]:80',
        duo({ ipFamilies: IPFamilies.IPV4_ONLY }),
        DIRECT,
      ],
      [
        'ip selection: else the other family',
        VIP,
        [svc(), b({}, 'fd00::2')],
        ['HBONE [fd00::2]:15008 for [fd00::2]:8080'],
      ],
      [
        'ip selection: a hostname is resolved, in the family that was meant',
        VIP,
        [svc(), b({ hostname: 'db.example', tunnelProtocol: TunnelProtocol.NONE }, null)],
        ['TCP 192.0.2.1:8080'],
        { names: { 'db.example': [ip('2001:db8::1'), ip('192.0.2.1')] } },
      ],
      [
        'ip selection: a hostname that leads nowhere is refused',
        VIP,
        [svc(), b({ hostname: 'db.example' }, null)],
        'no healthy upstream: service shop/b.shop.svc.cluster.local for 10.96.0.1:80: the name db.example cannot be resolved',
        { names: { 'db.example': [] } },
      ],
      [
        'ip selection: neither is refused',
        VIP,
        [svc(), b({}, null)],
        'no healthy upstream: service shop/b.shop.svc.cluster.local for 10.96.0.1:80: no endpoint is usable for this port',
      ],
      [
        'headless: the pod itself, with the workload waypoint',
        '10.0.0.2:8080',
        [svc({ waypoint: named('v') }, null), b({ waypoint: named('w') }), wService(), w()],
        ['HBONE 10.0.0.9:15008 for 10.0.0.2:8080'],
      ],
      [
        'port: the entry of the endpoint',
        VIP,
        [svc(), b({ services: { 'shop/b.shop.svc.cluster.local': { ports: [{ servicePort: 80, targetPort: 9 }] } } })],
        ['HBONE 10.0.0.2:15008 for 10.0.0.2:9'],
      ],
      [
        'port: the target port of the service',
        VIP,
        [svc(), b({ services: { 'shop/b.shop.svc.cluster.local': { ports: [] } } })],
        DIRECT,
      ],
      [
        'port: the service port for an application tunnel that overrides it',
        VIP,
        [
          svc({ ports: [{ servicePort: 80, targetPort: 0 }] }),
          b({
            services: { 'shop/b.shop.svc.cluster.local': { ports: [] } },
            applicationTunnel: { protocol: ApplicationTunnel_Protocol.PROXY, port: 15088 },
          }),
        ],
        ['HBONE 10.0.0.2:15008 for 10.0.0.2:80'],
      ],
      [
        'port: none at all is refused',
        VIP,
        [
          svc({ ports: [{ servicePort: 80, targetPort: 0 }] }),
          b({ services: { 'shop/b.shop.svc.cluster.local': { ports: [] } } }),
        ],
        'no healthy upstream: service shop/b.shop.svc.cluster.local for 10.96.0.1:80: no endpoint is usable for this port',
      ],
      [
        'port: one that the service does not have is refused',
        '10.96.0.1:81',
        [svc(), b()],
        'no healthy upstream: service shop/b.shop.svc.cluster.local for 10.96.0.1:81: it has no port 81',
      ],
      [
        'host network: dialled by service as it is',
        VIP,
        [svc(), b({ networkMode: NetworkMode.HOST_NETWORK, tunnelProtocol: TunnelProtocol.NONE })],
        ['TCP 10.0.0.2:8080'],
      ],
      [
        'host network: its address is unknown',
        '10.0.0.2:80',
        [b({ networkMode: NetworkMode.HOST_NETWORK })],
        ['TCP 10.0.0.2:80'],
      ],
      [
        'the waypoint of the source does not matter',
        VIP,
        [svc(), b(), wService(), w()],
        DIRECT,
        { source: workload('client', '10.0.0.1', { waypoint: named('w') }) },
      ],
    ]),
  )('%s', (_rule, row) => check(row));
});
