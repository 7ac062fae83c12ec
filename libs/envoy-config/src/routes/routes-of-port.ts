import type { AttachedService, RoutesByKind } from '@weft/mesh-model';
import { portRoutes } from './port-routes.js';
import type { RouteDraft } from './forward.js';
import { gatewayApiRoutes } from './gateway-api-route.js';
import { grpcRoutes } from './grpc-route.js';
import { istioRoutes, type IstioRouteContext } from './istio-route.js';

/** A service with its routes, in a waypoint or as clients see it. */
export type RoutedService = Pick<AttachedService, 'claim' | 'virtualServices' | 'destinations'> & RoutesByKind;

/** The routes that were written for one port, VirtualServices first; null: there are none. */
export function routesOfPort(
  service: RoutedService,
  context: Omit<IstioRouteContext, 'destinations'>,
): readonly RouteDraft[] | null {
  const { destinations } = service;
  const own = portRoutes(service, context.port);
  const istio = service.virtualServices.filter(({ spec }) => spec.http.length > 0);
  const gatewayApi =
    own?.kind === 'HTTPRoute'
      ? gatewayApiRoutes(own.routes, destinations)
      : own?.kind === 'GRPCRoute'
        ? grpcRoutes(own.routes, destinations)
        : null;
  if (gatewayApi === null && istio.length === 0) return null;
  return [...istioRoutes(istio, { ...context, destinations }), ...(gatewayApi ?? [])];
}
