import { AppProtocol } from '@weft/xds/gen/mesh/workload/workload.js';
import { SERVICE_ROUTE_KINDS, type ServiceRouteKind } from '@weft/gateway-api';
import type { ParentReference } from '@weft/mesh-api';
import type { Readable, RoutesByKind, ServiceClaim } from '@weft/mesh-model';
import { serviceParent } from './route-parent.js';

/** The routes of the Gateway API that are in force on one port: all of one kind, the oldest first. */
export type PortRoutes = {
  readonly [K in ServiceRouteKind]: { readonly kind: K; readonly routes: RoutesByKind[(typeof LISTS)[K]] };
}[ServiceRouteKind];

const LISTS = {
  GRPCRoute: 'grpcRoutes',
  HTTPRoute: 'httpRoutes',
  TLSRoute: 'tlsRoutes',
  TCPRoute: 'tcpRoutes',
} as const satisfies Readonly<Record<ServiceRouteKind, keyof RoutesByKind>>;

interface HasParents {
  readonly parentRefs: readonly ParentReference[];
}

/** Null: there are none. Where kinds meet, the most specific is in force alone. */
export function portRoutes(attached: RoutesByKind & { readonly claim: ServiceClaim }, port: number): PortRoutes | null {
  for (const kind of SERVICE_ROUTE_KINDS) {
    const all: readonly Readable<HasParents>[] = attached[LISTS[kind]];
    const routes = all.filter(({ meta, spec }) =>
      serviceParent(attached.claim, port, parentsFor(kind, attached.claim, port, spec), meta.namespace),
    );
    if (routes.length > 0) return { kind, routes } as unknown as PortRoutes;
  }
  return null;
}

/** Where a port is declared as plain TCP no handshake is looked for, unless the route names the port. */
function parentsFor(
  kind: ServiceRouteKind,
  { ports }: ServiceClaim,
  port: number,
  { parentRefs }: HasParents,
): readonly ParentReference[] {
  if (kind !== 'TLSRoute' || !isPlainTcp(ports, port)) return parentRefs;
  return parentRefs.filter((ref) => ref.port !== undefined || ref.sectionName !== undefined);
}

export const isPlainTcp = (ports: ServiceClaim['ports'], port: number): boolean =>
  ports.some(({ servicePort, appProtocol }) => servicePort === port && appProtocol === AppProtocol.TCP);
