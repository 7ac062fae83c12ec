import type { EndpointSlice } from '@weft/kube';
import { equalJson } from '@weft/testing-kube-schema';
import { groupKey, type Endpoint, type EndpointGroup } from './endpoints.js';

/** As in a real cluster. */
const MAX_ENDPOINTS = 100;

export interface SlicePlan {
  readonly create: readonly {
    readonly group: Omit<EndpointGroup, 'endpoints'>;
    readonly endpoints: readonly Endpoint[];
  }[];
  readonly update: readonly { readonly slice: EndpointSlice; readonly endpoints: readonly Endpoint[] }[];
  readonly delete: readonly EndpointSlice[];
}

const addressOf = ({ addresses }: Endpoint): string => addresses[0] ?? '';

/**
 * How to bring the slices of a Service to the wanted endpoints with the fewest writes: an endpoint stays in its slice, new ones
 * fill slices that change anyway, then those with room, then new slices; slices that would be empty go.
 */
export function planSlices(groups: readonly EndpointGroup[], existing: readonly EndpointSlice[]): SlicePlan {
  const plan = {
    create: [] as SlicePlan['create'][number][],
    update: [] as SlicePlan['update'][number][],
    delete: [] as EndpointSlice[],
  };
  const byGroup = new Map<string, EndpointSlice[]>();
  for (const slice of existing) {
    const key = groupKey(slice.addressType, slice.ports ?? []);
    byGroup.set(key, [...(byGroup.get(key) ?? []), slice]);
  }
  for (const group of groups) {
    const key = groupKey(group.addressType, group.ports);
    planGroup(group, byGroup.get(key) ?? [], plan);
    byGroup.delete(key);
  }
  for (const slices of byGroup.values()) plan.delete.push(...slices);
  return plan;
}

function planGroup(
  group: EndpointGroup,
  slices: readonly EndpointSlice[],
  plan: { create: SlicePlan['create'][number][]; update: SlicePlan['update'][number][]; delete: EndpointSlice[] },
): void {
  const unplaced = new Map(group.endpoints.map((endpoint) => [addressOf(endpoint), endpoint]));
  const kept = slices.map((slice) => {
    const endpoints = (slice.endpoints ?? []).flatMap((old) => {
      const wanted = unplaced.get(addressOf(old));
      unplaced.delete(addressOf(old));
      return wanted === undefined ? [] : [wanted];
    });
    return { slice, endpoints, changed: !equalJson(endpoints, slice.endpoints ?? []) };
  });
  const rest = [...unplaced.values()];
  const byUse = [...kept].sort(
    (a, b) => Number(b.changed) - Number(a.changed) || b.endpoints.length - a.endpoints.length,
  );
  for (const target of byUse)
    target.endpoints.push(...rest.splice(0, Math.max(0, MAX_ENDPOINTS - target.endpoints.length)));
  const { addressType, ports } = group;
  while (rest.length > 0) plan.create.push({ group: { addressType, ports }, endpoints: rest.splice(0, MAX_ENDPOINTS) });
  const needsPlaceholder = group.endpoints.length === 0;
  if (needsPlaceholder && kept.length === 0) plan.create.push({ group: { addressType, ports }, endpoints: [] });
  for (const [i, { slice, endpoints }] of kept.entries()) {
    if (endpoints.length === 0 && !(needsPlaceholder && i === 0)) plan.delete.push(slice);
    else if (!equalJson(endpoints, slice.endpoints ?? [])) plan.update.push({ slice, endpoints });
  }
}
