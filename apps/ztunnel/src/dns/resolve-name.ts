import type { IpAddress } from '@weft/ip';
import type { MeshView } from '../state/mesh-view.js';
import type { Service } from '../state/service.js';
import type { Workload } from '../state/workload.js';
import { candidateNames, withWildcards } from './candidate-names.js';
import type { DnsAnswer } from './encode-answer.js';

export interface NameSettings {
  readonly clusterDomain: string;
  readonly ipv6: boolean;
  /** Whose services win where several namespaces have one of that name and none is the client's. */
  readonly preferredNamespace: string | null;
}

export type NamesView = Pick<MeshView, 'endpoints'> & {
  /** All services with this very hostname. */
  servicesByHostname(hostname: string): readonly Service[];
};

/**
 * What a name means for a client, from the services of the mesh. Null: nothing; the upstream has to be asked. A known name
 * without an address of the family is an answer without records, not null. Addresses are in the order of the mesh state.
 */
export function resolveName(
  view: NamesView,
  settings: NameSettings,
  client: Pick<Workload, 'namespace' | 'network'>,
  labels: readonly string[],
  family: 4 | 6,
): DnsAnswer | null {
  const { namespace } = client;
  for (const { name, strippedTo } of candidateNames(labels, namespace, settings.clusterDomain)) {
    for (const hostname of withWildcards(name)) {
      const service = bestService(view.servicesByHostname(hostname), settings, namespace);
      if (service === null) continue;
      const addresses = addressesOf(view, settings, client.network, service, family);
      // An alias to nothing would make the client look for more.
      return { canonicalLabels: hostname === name && addresses.length > 0 ? strippedTo : null, addresses };
    }
  }
  return null;
}

/** Of the client's namespace, then canonical, then of the preferred namespace, then the first by key. */
function bestService(
  services: readonly Service[],
  { clusterDomain, preferredNamespace }: NameSettings,
  namespace: string,
): Service | null {
  const rank = (it: Service): number =>
    4 * Number(it.namespace === namespace) + 2 * Number(it.canonical) + Number(it.namespace === preferredNamespace);
  let best: Service | null = null;
  for (const service of services) {
    if (service.namespacePrivate && service.namespace !== namespace) continue;
    if (service.vips.length === 0 && !isHeadless(service, clusterDomain)) continue;
    const better = best === null ? 1 : rank(service) - rank(best) || (service.key < best.key ? 1 : -1);
    if (better > 0) best = service;
  }
  return best;
}

/** Only services of Kubernetes are: a host outside of it without addresses is for its own DNS to tell. */
function isHeadless({ vips, cidrVips, hostname }: Service, clusterDomain: string): boolean {
  return vips.length === 0 && cidrVips.length === 0 && hostname.endsWith(`.svc.${clusterDomain}`);
}

function addressesOf(
  view: NamesView,
  { ipv6 }: NameSettings,
  network: string,
  service: Service,
  family: 4 | 6,
): readonly IpAddress[] {
  const { ipFamilies, vips } = service;
  if (family === 6 && !ipv6) return [];
  if (ipFamilies === (family === 4 ? 'IPV6_ONLY' : 'IPV4_ONLY')) return [];
  if (vips.length > 0)
    return vips.filter((vip) => vip.network === network && vip.ip.family === family).map(({ ip }) => ip);
  const found = new Map<string, IpAddress>();
  for (const { workload } of view.endpoints(service)) {
    const ip = workload.addresses.find((it) => it.family === family);
    if (ip !== undefined) found.set(ip.text, ip);
  }
  return [...found.values()];
}
