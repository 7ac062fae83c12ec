import { LABEL_CLUSTER, LABEL_NETWORK, LABEL_REGION, LABEL_SUBZONE, LABEL_ZONE } from '@weft/mesh-api';
import type { ProxyPlace } from '@weft/mesh-model';
import { groupsByLocality, type EndpointGroup, type VipEndpoint } from '../services/vip-endpoints.js';
import { LABEL_HOSTNAME, type LocalityRule, type LocalityShares } from './locality-rule.js';

type Locality = VipEndpoint['locality'];

/** Endpoints as a proxy at the place is to choose among them; place null: as one that nobody knows the place of, which has none nearby. */
export function endpointGroups(
  endpoints: readonly VipEndpoint[],
  rule: LocalityRule | null,
  place: ProxyPlace | null,
): readonly EndpointGroup[] {
  if (rule?.kind === 'only')
    return groupsByLocality(place === null ? [] : endpoints.filter((one) => agrees(rule, one, place)));
  if (rule === null || place === null) return groupsByLocality(endpoints);
  if (rule.kind === 'distribute') return distributed(groupsByLocality(endpoints), rule.shares, place.locality);
  if (rule.kind === 'labels') {
    const own = labelsOf(place);
    return ranked(endpoints, (one) => labelRank(rule.labels, labelsOfEndpoint(one), own));
  }
  // Who does not know where it is would take those for near of which nobody knows it either.
  if (place.locality.region === '') return groupsByLocality(endpoints);
  return ranked(endpoints, ({ locality }) => localityRank(locality, place.locality, rule.regions));
}

/** Envoy wants priorities without gaps. */
function ranked(endpoints: readonly VipEndpoint[], rankOf: (one: VipEndpoint) => number): readonly EndpointGroup[] {
  const byRank = new Map<number, VipEndpoint[]>();
  for (const one of endpoints) {
    const rank = rankOf(one);
    byRank.set(rank, [...(byRank.get(rank) ?? []), one]);
  }
  return [...byRank]
    .sort(([a], [b]) => a - b)
    .flatMap(([, members], priority) => groupsByLocality(members).map((group) => ({ ...group, priority })));
}

const ELSEWHERE = 3;

function localityRank(
  to: Locality,
  from: Locality,
  regions: readonly { readonly from?: string; readonly to?: string }[],
): number {
  if (to.region === from.region) return to.zone !== from.zone ? 2 : to.subzone !== from.subzone ? 1 : 0;
  const wanted = regions.find((one) => one.from === from.region);
  return wanted === undefined || wanted.to === to.region ? ELSEWHERE : ELSEWHERE + 1;
}

type Labels = Readonly<Record<string, string>>;
type Placed = Pick<ProxyPlace, 'labels' | 'locality' | 'node' | 'network' | 'clusterId'>;

/** Its own, and those that say where it is. */
const labelsOf = ({ labels, locality, node, network, clusterId }: Placed): Labels => ({
  ...labels,
  [LABEL_REGION]: locality.region,
  [LABEL_ZONE]: locality.zone,
  [LABEL_SUBZONE]: locality.subzone,
  [LABEL_HOSTNAME]: node,
  [LABEL_NETWORK]: network,
  [LABEL_CLUSTER]: clusterId,
});

const labelsOfEndpoint = (one: VipEndpoint): Labels => labelsOf({ ...one, clusterId: one.workload.clusterId });

const agrees = ({ labels }: { readonly labels: readonly string[] }, one: VipEndpoint, place: ProxyPlace): boolean =>
  labelRank(labels, labelsOfEndpoint(one), labelsOf(place)) === 0;

/** Labels that are left from the first one on that differs. */
function labelRank(wanted: readonly string[], endpoint: Labels, proxy: Labels): number {
  const differing = wanted.findIndex((text) => {
    const at = text.indexOf('=');
    const label = at < 0 ? text : text.slice(0, at);
    const value = at < 0 ? (proxy[label] ?? '') : text.slice(at + 1);
    return (endpoint[label] ?? '') !== value;
  });
  return differing < 0 ? 0 : wanted.length - differing;
}

/** Weights are whole numbers: so fine that shares of a percent that several localities divide stay what they are. */
const SCALE = 1000;

/** Localities that get no share get nothing. Without shares for this place all stay as they are. */
function distributed(
  groups: readonly EndpointGroup[],
  shares: readonly LocalityShares[],
  from: Locality,
): readonly EndpointGroup[] {
  const own = shares.find((one) => matches(from, one.from ?? ''));
  if (own === undefined) return groups;
  const left = new Set(groups);
  const patterns = Object.entries(own.to).sort(([a], [b]) => precision(b) - precision(a) || (a < b ? -1 : 1));
  return patterns.flatMap(([pattern, percent]) => {
    const members = [...left].filter(({ locality }) => matches(locality, pattern));
    for (const one of members) left.delete(one);
    const total = members.reduce((sum, { weight }) => sum + weight, 0);
    return percent === 0
      ? []
      : members.map((one) => ({ ...one, weight: Math.ceil((one.weight * percent * SCALE) / total) }));
  });
}

const partsOf = (pattern: string): readonly string[] => pattern.split('/');
const isAny = (part: string | undefined): boolean => part === undefined || part === '' || part === '*';
const precision = (pattern: string): number => partsOf(pattern).filter((part) => !isAny(part)).length;

/** `region/zone/subzone`, each `*` or left out for any. */
function matches({ region, zone, subzone }: Locality, pattern: string): boolean {
  const parts = partsOf(pattern);
  return [region, zone, subzone].every((own, i) => isAny(parts[i]) || parts[i] === own);
}
