import type { Verdict } from '@weft/gateway-api';
import type { ParentReference } from '@weft/mesh-api';

export const ROUTE_KINDS = ['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute'] as const;
export type RouteKindName = (typeof ROUTE_KINDS)[number];

/** What the mesh made of a route of the Gateway API, parent by parent. */
export interface RouteStatus {
  readonly kind: RouteKindName;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly observedGeneration: number;
  readonly parents: readonly RouteParentStatus[];
}

export interface RouteParentStatus {
  readonly parentRef: ParentReference;
  readonly controllerName: string;
  readonly accepted: Verdict;
  readonly resolvedRefs: Verdict;
  /** Only when something of the route cannot be read and does not work. */
  readonly partiallyInvalid?: Verdict;
}

export const routeStatusKey = ({ kind, namespace, name }: Pick<RouteStatus, 'kind' | 'namespace' | 'name'>): string =>
  `${kind}/${namespace}/${name}`;
