import {
  ApplicationTunnel_Protocol,
  LoadBalancing_HealthPolicy,
  LoadBalancing_Mode,
  LoadBalancing_Scope,
  WorkloadStatus,
} from '@weft/xds/gen/mesh/workload/workload.js';
import {
  at,
  cases,
  check,
  endpoint,
  gateway,
  named,
  remote,
  svc,
  TO_GATEWAY,
  TO_WAYPOINT,
  VIP,
  w,
  wService,
} from '../testing/decisions.js';
import { memberOf, workload } from '../testing/mesh-fixtures.js';

// Every row of `l4-ambient.md` 6.2, in its order.

const { FAILOVER, STRICT, PASSTHROUGH } = LoadBalancing_Mode;
const { REGION, ZONE, SUBZONE, NODE, CLUSTER, NETWORK } = LoadBalancing_Scope;

describe('6.2 load balancing', () => {
  const local = { locality: { region: 'r1', zone: 'z1', subzone: 's1' }, clusterId: 'c1' };
  const near = endpoint(1, local);
  const sameRegion = endpoint(2, { locality: { region: 'r1', zone: 'z2' } });
  const far = endpoint(3, { locality: { region: 'r2', zone: 'z1' } });
  const prefer = (mode: LoadBalancing_Mode, ...routingPreference: LoadBalancing_Scope[]) =>
    svc({ loadBalancing: { mode, routingPreference } });
  const to = (...last: number[]) => last.map((it) => `HBONE 10.0.1.${it}:15008 for 10.0.1.${it}:8080`);
  const nobody =
    'no healthy upstream: service shop/b.shop.svc.cluster.local for 10.96.0.1:80: no endpoint is usable for this port';

  it.each(
    cases([
      [
        '1: an unhealthy endpoint is none',
        VIP,
        [svc(), near, endpoint(2, { status: WorkloadStatus.UNHEALTHY })],
        to(1),
      ],
      [
        '1: unless the service allows all',
        VIP,
        [
          svc({ loadBalancing: { healthPolicy: LoadBalancing_HealthPolicy.ALLOW_ALL } }),
          near,
          endpoint(2, { status: WorkloadStatus.UNHEALTHY }),
        ],
        to(1, 2),
      ],
      [
        '1: waypoint mode takes a port that only the tunnel knows',
        VIP,
        [
          svc({ waypoint: named('w') }),
          wService({ ports: [] }),
          w({
            services: { 'shop/w.shop.svc.cluster.local': { ports: [] } },
            applicationTunnel: { protocol: ApplicationTunnel_Protocol.PROXY, port: 15088 },
          }),
        ],
        TO_WAYPOINT,
      ],
      [
        '1: and without a tunnel it does not',
        VIP,
        [svc({ waypoint: named('w') }), wService({ ports: [] }), w()],
        'unknown waypoint: no healthy endpoint of shop/w.shop.svc.cluster.local for port 15008',
      ],
      ['2: without a mode all take part', VIP, [svc(), near, sameRegion, far], to(1, 2, 3)],
      ['2: failover keeps the best rank', VIP, [prefer(FAILOVER, REGION, ZONE), near, sameRegion, far], to(1)],
      ['2: and the next when that is empty', VIP, [prefer(FAILOVER, REGION, ZONE), sameRegion, far], to(2)],
      ['2: and anything rather than nothing', VIP, [prefer(FAILOVER, REGION, ZONE), far], to(3)],
      [
        '2: a gap ends the count',
        VIP,
        [prefer(FAILOVER, REGION, ZONE), far, endpoint(4, { locality: { region: 'r3', zone: 'z9' } })],
        to(3, 4),
      ],
      [
        '2: a leading NETWORK outweighs all others',
        VIP,
        [prefer(FAILOVER, NETWORK, REGION, ZONE), far, remote({ locality: { region: 'r1', zone: 'z1' } }), gateway],
        to(3),
      ],
      [
        '2: and a mismatch of it does not end the count',
        VIP,
        [
          prefer(FAILOVER, NETWORK, REGION),
          remote({ locality: { region: 'r1' } }),
          workload('far-2', null, {
            network: 'net2',
            networkGateway: at('172.18.0.6', 'net2'),
            services: memberOf('b'),
            locality: { region: 'r9' },
          }),
          gateway,
        ],
        TO_GATEWAY,
      ],
      [
        '2: strict drops what does not match all',
        VIP,
        [prefer(STRICT, NODE), near, endpoint(2, { node: 'n2' })],
        to(1),
      ],
      ['2: and may leave nothing', VIP, [prefer(STRICT, NODE), endpoint(2, { node: 'n2' })], nobody],
      ['2: scope SUBZONE', VIP, [prefer(STRICT, SUBZONE), near, sameRegion], to(1)],
      ['2: scope CLUSTER', VIP, [prefer(STRICT, CLUSTER), near, endpoint(2, { clusterId: 'c2' })], to(1)],
      ['3: capacity is the weight', VIP, [svc(), near, endpoint(2, { capacity: 3 })], [...to(1), `${to(2)[0]} x3`]],
      ['3: capacity 0 is never chosen', VIP, [svc(), near, endpoint(2, { capacity: 0 })], to(1)],
      ['3: a sum of 0 is no upstream', VIP, [svc(), endpoint(2, { capacity: 0 })], nobody],
      ['pass-through never balances', VIP, [svc({ loadBalancing: { mode: PASSTHROUGH } }), near], [`TCP ${VIP}`]],
    ]),
  )('%s', (_rule, row) => check(row));
});
