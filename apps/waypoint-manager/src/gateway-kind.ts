import { CONTROLLERS, type ProxyRole } from '@weft/gateway-api';

/** How the Gateways of one controller are run. */
export interface GatewayKind {
  readonly controllerName: string;
  /** The GatewayClass that we make for it. */
  readonly className: string;
  readonly description: string;
  readonly proxy: ProxyKind | null;
}

export interface ProxyKind {
  /** Node type of the proxy: what the control plane configures it as. */
  readonly role: ProxyRole;
  /** Value of `gateway.istio.io/managed` on all that is made. */
  readonly managedBy: string;
  readonly serviceType: 'ClusterIP' | 'LoadBalancer';
  /** Objects are named `<gateway>-<class>`, else as the Gateway. */
  readonly nameHasClass: boolean;
}

export const GATEWAY_KINDS: readonly GatewayKind[] = [
  {
    controllerName: CONTROLLERS.gateway,
    className: 'istio',
    description: 'Gateways at the edge of the mesh.',
    proxy: {
      role: 'router',
      managedBy: 'istio.io-gateway-controller',
      serviceType: 'LoadBalancer',
      nameHasClass: true,
    },
  },
  {
    controllerName: CONTROLLERS.waypoint,
    className: 'istio-waypoint',
    description: 'Waypoints: layer 7 for services of the mesh.',
    proxy: {
      role: 'waypoint',
      managedBy: 'istio.io-mesh-controller',
      serviceType: 'ClusterIP',
      nameHasClass: false,
    },
  },
  {
    controllerName: CONTROLLERS.eastWest,
    className: 'istio-east-west',
    description: 'Gateways between networks of one mesh.',
    proxy: {
      role: 'waypoint',
      managedBy: 'istio.io-eastwest-controller',
      serviceType: 'LoadBalancer',
      nameHasClass: false,
    },
  },
  {
    controllerName: CONTROLLERS.unmanaged,
    className: 'istio-remote',
    description: 'Gateways of other clusters: nothing is run here.',
    proxy: null,
  },
];

export const gatewayKindOf = (controllerName: string): GatewayKind | undefined =>
  GATEWAY_KINDS.find((kind) => kind.controllerName === controllerName);
