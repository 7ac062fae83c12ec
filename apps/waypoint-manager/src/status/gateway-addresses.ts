import type { Verdict } from '@weft/gateway-api';
import type { KubeService } from '@weft/kube';
import type { GatewayResult } from '../gateway-reconciler.js';
import type { NamedService } from './named-services.js';

export interface GatewayAddress {
  readonly type: 'IPAddress' | 'Hostname';
  readonly value: string;
}

export interface GatewayAddressesInput {
  readonly result: GatewayResult;
  /** The Service that was made. */
  readonly service: KubeService | undefined;
  /** Those that the Gateway names instead. */
  readonly named: readonly NamedService[];
  readonly clusterDomain: string;
}

/** Where the Gateway can be reached. */
export function addressesOf({
  result,
  service,
  named,
  clusterDomain,
}: GatewayAddressesInput): readonly GatewayAddress[] {
  if (result.workload === null)
    return named.flatMap(({ hostname, service: one }) =>
      one === null ? [] : [{ type: 'Hostname' as const, value: hostname }, ...balancedAddresses(one)],
    );
  if (service?.metadata === undefined) return [];
  if (service.spec?.type === 'LoadBalancer') return balancedAddresses(service);
  const { name, namespace } = service.metadata;
  const own = clusterIpsOf(service);
  return [
    // Which clients in the cluster resolve.
    { type: 'Hostname', value: `${name!}.${namespace!}.svc.${clusterDomain}` },
    ...result.asked.ips.filter((ip) => own.includes(ip)).map((value) => ({ type: 'IPAddress' as const, value })),
  ];
}

/** What is wrong with the addresses; null: the Gateway has all that it asks for, and one at least. */
export function addressProblem(
  input: GatewayAddressesInput,
  addresses: readonly GatewayAddress[],
): Pick<Verdict, 'reason' | 'message'> | null {
  const { asked, workload, refusedAddress } = input.result;
  const missing = missingAddresses(input, addresses);
  if (refusedAddress !== null || missing.length > 0) {
    const what = missing.length > 0 ? missing.join('; ') : '';
    const why = refusedAddress === null ? '' : ` (${refusedAddress})`;
    return { reason: 'AddressNotUsable', message: `${what}${why}`.trim() };
  }
  if (addresses.length > 0) return null;
  return asked.hostnames.length > 0
    ? {
        reason: 'AddressNotUsable',
        message: 'spec.addresses name no Service of this cluster; correct them or leave them out',
      }
    : {
        reason: 'AddressNotAssigned',
        message: `Service ${workload ?? ''} has no address yet; a load balancer has to give one`,
      };
}

function missingAddresses(
  { result, named }: GatewayAddressesInput,
  addresses: readonly GatewayAddress[],
): readonly string[] {
  const { asked, workload } = result;
  const has = new Set(addresses.map(({ value }) => value));
  if (workload === null)
    return [
      ...named
        .filter(({ service }) => service === null)
        .map(({ hostname }) => `spec.addresses: there is no Service ${hostname}; create it or correct the name`),
      ...asked.ips.map(
        (ip) => `spec.addresses: ${ip} cannot be given beside the Hostname of a Service; remove one of the two`,
      ),
    ];
  return asked.ips
    .filter((ip) => !has.has(ip))
    .map((ip) => `spec.addresses: Service ${workload} did not get ${ip}; free it, or ask for one that its network has`);
}

/** What a load balancer gave. */
const balancedAddresses = ({ status }: KubeService): readonly GatewayAddress[] =>
  (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }): readonly GatewayAddress[] => {
    if (ip !== undefined) return [{ type: 'IPAddress', value: ip }];
    return hostname === undefined ? [] : [{ type: 'Hostname', value: hostname }];
  });

const clusterIpsOf = ({ spec }: KubeService): readonly string[] =>
  spec?.clusterIPs ?? (spec?.clusterIP === undefined ? [] : [spec.clusterIP]);
