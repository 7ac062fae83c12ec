import type { ProxyRole } from './listener-state.js';

/** The controllers of GatewayClasses that are ours, by what their Gateways are. */
export const CONTROLLERS = {
  gateway: 'istio.io/gateway-controller',
  waypoint: 'istio.io/mesh-controller',
  eastWest: 'istio.io/eastwest-controller',
  unmanaged: 'istio.io/unmanaged-gateway',
} as const;

/** How the proxies of a controller's Gateways work; undefined for a controller that is not ours. */
export function roleOfController(controllerName: string): ProxyRole | undefined {
  switch (controllerName) {
    case CONTROLLERS.gateway:
      return 'router';
    case CONTROLLERS.waypoint:
    case CONTROLLERS.eastWest:
      return 'waypoint';
    default:
      return undefined;
  }
}
