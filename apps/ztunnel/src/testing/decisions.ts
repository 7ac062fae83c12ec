import { formatSocketAddress } from '@weft/ip';
import type { IpAddress } from '@weft/ip';
import { MeshState } from '../state/mesh-state.js';
import { TrackingView } from '../state/tracking-view.js';
import { bytes, memberOf, service, socket, workload, type WorkloadFields } from './mesh-fixtures.js';
import { planOutbound } from '../outbound/plan-outbound.js';

type Item = ReturnType<typeof workload> | ReturnType<typeof service>;

const SELF = workload('client', '10.0.0.1', {
  locality: { region: 'r1', zone: 'z1', subzone: 's1' },
  clusterId: 'c1',
});
export const VIP = '10.96.0.1:80';
export const named = (name: string, namespace = 'shop') => ({
  destination: { $case: 'hostname' as const, value: { namespace, hostname: `${name}.${namespace}.svc.cluster.local` } },
  hboneMtlsPort: 15008,
});
export const at = (text: string, network = '') => ({
  destination: { $case: 'address' as const, value: { network, address: bytes(text) } },
  hboneMtlsPort: 15008,
});
export const b = (fields: WorkloadFields = {}, address: string | null = '10.0.0.2') =>
  workload('b', address, { services: memberOf('b'), ...fields });
export const svc = (fields: Parameters<typeof service>[2] = {}, vip: string | null = '10.96.0.1') =>
  service('b', vip, fields);
export const w = (fields: WorkloadFields = {}) =>
  workload('w', '10.0.0.9', {
    services: { 'shop/w.shop.svc.cluster.local': { ports: [{ servicePort: 15008, targetPort: 15008 }] } },
    ...fields,
  });
export const wService = (fields: Parameters<typeof service>[2] = {}) =>
  service('w', '10.96.9.9', { ports: [{ servicePort: 15008, targetPort: 15008 }], ...fields });
export const gateway = workload('gw', '172.18.0.5', { network: 'net2' });
export const remote = (fields: WorkloadFields = {}) =>
  workload('far', null, {
    network: 'net2',
    networkGateway: at('172.18.0.5', 'net2'),
    services: memberOf('b'),
    ...fields,
  });
/** An endpoint of `b` that is told from others by its address. */
export const endpoint = (last: number, fields: WorkloadFields = {}) =>
  workload(`e${last}`, `10.0.1.${last}`, { services: memberOf('b'), ...fields });

/** What is dialled, `via` whom, and in what weight when that is not 1; a text is the refusal. */
function decide(
  destination: string,
  items: readonly Item[],
  { source = SELF, names = {} }: { source?: typeof SELF; names?: Record<string, readonly IpAddress[]> } = {},
): readonly string[] | string {
  const state = new MeshState();
  for (const item of [source, ...items])
    if ('uid' in item) state.upsertWorkload(item);
    else state.upsertService(item);
  const view = new TrackingView(state, { known: (hostname) => names[hostname] ?? null });
  const route = planOutbound(view, { source, destination: socket(destination) });
  if (!route.ok) return route.error.reason;
  return route.value.map(({ protocol, dial, authority, innerIdentities, weight }) => {
    const how = innerIdentities === null ? protocol : 'DOUBLE-HBONE';
    const name = authority === null ? '' : ` for ${authority}`;
    return `${how} ${formatSocketAddress(dial)}${name}${weight === 1 ? '' : ` x${weight}`}`;
  });
}

export type Row = readonly [
  rule: string,
  destination: string,
  items: readonly Item[],
  want: readonly string[] | string,
  options?: Parameters<typeof decide>[2],
];

export const DIRECT = ['HBONE 10.0.0.2:15008 for 10.0.0.2:8080'];
export const TO_WAYPOINT = [`HBONE 10.0.0.9:15008 for ${VIP}`];
export const TO_GATEWAY = ['DOUBLE-HBONE 172.18.0.5:15008 for b.shop.svc.cluster.local:80'];
export const SELF_CALL = 'attempted recursive call to ourselves';

/** The rows as a table of tests, named by their rules. */
export const cases = (rows: readonly Row[]): [string, Row][] => rows.map((row) => [row[0], row]);

export function check([, destination, items, want, options]: Row): void {
  expect(decide(destination, items, options)).toEqual(want);
}
