/** Kinds of routes for a port of a Service, the most specific first: where there is one, the others after it do not count. */
export const SERVICE_ROUTE_KINDS = ['GRPCRoute', 'HTTPRoute', 'TLSRoute', 'TCPRoute'] as const;
export type ServiceRouteKind = (typeof SERVICE_ROUTE_KINDS)[number];

/** The ports of a Service that a parentRef of a route is for; undefined is all of them. */
export interface ServicePortClaim {
  readonly kind: ServiceRouteKind;
  readonly port?: number | undefined;
}

/**
 * The kind that takes a whole parentRef away from a route: on each of its ports there is a route of a more specific kind. Null:
 * something is left to the route. Of several kinds the least specific that does so is told.
 *
 * @see Gateway API, GEP-1294, "Route types"
 */
export function supersedingKind(
  { kind, port }: ServicePortClaim,
  servicePorts: readonly number[],
  others: readonly ServicePortClaim[],
): ServiceRouteKind | null {
  const before = SERVICE_ROUTE_KINDS.slice(0, SERVICE_ROUTE_KINDS.indexOf(kind));
  const rivals = others.filter((other) => before.includes(other.kind));
  const wanted = port === undefined ? servicePorts : [port];
  const taken = wanted.map((one) => rivals.find((rival) => rival.port === undefined || rival.port === one)?.kind);
  return wanted.length > 0 && taken.every((rival) => rival !== undefined) ? taken[0]! : null;
}
