import {
  RouteAction_ClusterNotFoundResponseCode,
  type Route,
  type RouteAction,
  type RouteMatch,
} from '@weft/xds/gen/envoy/config/route/v3/route_components.js';
import type { Draft } from '../messages/draft.js';
import { headerFields, type HeaderChanges } from './header-changes.js';

export type RouteDraft = Draft<typeof Route>;
export type RouteActionDraft = Draft<typeof RouteAction>;
export type RouteMatchDraft = Draft<typeof RouteMatch>;

export interface WeightedTarget {
  readonly cluster: string;
  readonly weight: number;
  readonly request: HeaderChanges;
  readonly response: HeaderChanges;
  readonly host?: string | undefined;
}

const { INTERNAL_SERVER_ERROR, SERVICE_UNAVAILABLE } = RouteAction_ClusterNotFoundResponseCode;

/** To one cluster, or to several by weight; null if nothing has any weight. Changes of headers by target stay with it. */
export function clustersAction(targets: readonly WeightedTarget[], missing: 500 | 503 = 500): RouteActionDraft | null {
  const clusterNotFoundResponseCode = missing === 503 ? SERVICE_UNAVAILABLE : INTERNAL_SERVER_ERROR;
  const weighted = targets.filter(({ weight }) => weight > 0);
  if (weighted.length === 0) return null;
  const clusters = weighted.map(({ cluster, weight, request, response, host }) => ({
    name: cluster,
    weight,
    ...headerFields(request, response),
    ...(host === undefined ? {} : { hostRewriteSpecifier: { $case: 'hostRewriteLiteral' as const, value: host } }),
  }));
  const [only] = weighted;
  const plain = [only!.request, only!.response].every(
    ({ set, add, remove }) => set.length + add.length + remove.length === 0,
  );
  if (weighted.length === 1 && plain)
    return { clusterSpecifier: { $case: 'cluster', value: only!.cluster }, clusterNotFoundResponseCode };
  return { clusterSpecifier: { $case: 'weightedClusters', value: { clusters } }, clusterNotFoundResponseCode };
}

/** An answer of Envoy's own. */
export const respond = (status: number, body?: string): RouteDraft['action'] => ({
  $case: 'directResponse',
  value: { status, ...(body === undefined ? {} : { body: { specifier: { $case: 'inlineString', value: body } } }) },
});
