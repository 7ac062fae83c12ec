import type { KubeObject } from '@weft/kube';
import { object, PORTS, route, SHOP, WAYPOINT } from '../proxy/mesh-objects.js';
import { EDGE_PARENT } from './use-gateway.js';

const PROXIES = { 'gateway.networking.k8s.io/gateway-name': WAYPOINT };

/** An answer that came by `routesThroughWaypoint`. */
export const THROUGH = { status: 200, headers: { 'x-by': 'waypoint' } };

/** The Service of the waypoint, as its Deployment has one. */
export const waypointService = (clusterIP: string, metadata: object = {}): KubeObject =>
  object({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: WAYPOINT, namespace: SHOP, labels: PROXIES, ...metadata },
    spec: {
      clusterIP,
      ports: [{ name: 'mesh', port: 15_008, targetPort: 15_008, appProtocol: 'hbone' }],
      selector: PROXIES,
    },
  });

/** A Service of the pod `v1` that says by its labels how it is reached. */
export const labelledService = (
  name: string,
  clusterIP: string,
  labels: Readonly<Record<string, string>>,
): KubeObject =>
  object({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: SHOP, labels },
    spec: { clusterIP, ports: PORTS, selector: { app: 'echo', version: 'v1' } },
  });

/** Routes to a Service: from the gateway by the host, and one in the mesh, by which its waypoint adds a header to answers. */
export function routesThroughWaypoint(name: string, host: string): readonly KubeObject[] {
  const backendRefs = [{ name, port: 80 }];
  const added = {
    type: 'ResponseHeaderModifier',
    responseHeaderModifier: { set: [{ name: 'x-by', value: 'waypoint' }] },
  };
  return [
    route('HTTPRoute', `${name}-mesh`, { name, port: 80 }, { rules: [{ filters: [added], backendRefs }] }),
    route('HTTPRoute', `${name}-edge`, EDGE_PARENT, { hostnames: [host], rules: [{ backendRefs }] }),
  ];
}
