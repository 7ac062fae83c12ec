import type { KubeObject } from '@weft/kube';
import { freePort } from '../free-port.js';
import { gateway, gatewayClass, httpRoute, pod } from './mesh-objects.js';

/** How routes hang on a Gateway, and how requests find them. */
export interface RouteShape {
  /** Name of its row. */
  readonly load: string;
  /** Of the Envoy, as its node id says. */
  readonly proxyType: 'waypoint' | 'router';
  /** That the account and the pod of the Envoy are named after. */
  readonly gateway: string;
  /** What is there beside the namespace, the pods and the routes. */
  objects(serverPort: number): readonly Stored[];
  route(name: string, n: number): KubeObject;
  /** Of a request that the route of this name, which came late, is for. */
  request(name: string): { readonly path: string; readonly host: string };
  /** Where requests go in: a listener of the bench's own with these routes, or one of the Gateway's. */
  readonly entry: { readonly routes: string } | { readonly port: number };
}

export interface Stored {
  readonly bucket: string;
  readonly object: KubeObject;
}

export const NAMESPACE = 'shop';
const SERVICES = 'services';
const GATEWAYS = 'gateways.gateway.networking.k8s.io';

/** As the API server would have stored it. */
function stored(route: KubeObject, n: number): KubeObject {
  const creationTimestamp = new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString();
  return { ...route, metadata: { ...route.metadata, uid: `route-${n}`, generation: 1, creationTimestamp } };
}

/** Routes of services behind a waypoint, one path each; what comes late is for the first service. */
export function waypointRoutes(load: string, services: number): RouteShape {
  const nameOf = (n: number): string => `web-${n}`;
  const hostOf = (n: number): string => `${nameOf(n)}.${NAMESPACE}.svc.cluster.local`;
  return {
    ...{ load, proxyType: 'waypoint', gateway: 'wp' },
    objects: (serverPort) => [
      { bucket: GATEWAYS, object: gateway(NAMESPACE, 'wp') },
      ...Array.from({ length: services }, (_, n) => ({
        bucket: SERVICES,
        object: serviceTo(nameOf(n), n, serverPort, { 'istio.io/use-waypoint': 'wp' }),
      })),
    ],
    route: (name, n) => {
      const target = nameOf(name.startsWith('old-') ? n % services : 0);
      const parent = { group: '', kind: 'Service', name: target };
      return stored(httpRoute(NAMESPACE, name, { parent, target, path: `/${name}` }), n);
    },
    request: (name) => ({ path: `/${name}`, host: hostOf(0) }),
    entry: { routes: `inbound-vip|80|http|${hostOf(0)}` },
  };
}

/** Routes on the one listener of a Gateway at the edge: a host each, or a path each of the same host. */
export async function gatewayRoutes(load: string, apart: 'hosts' | 'paths'): Promise<RouteShape> {
  const port = await freePort();
  const parent = { kind: 'Gateway', name: 'edge' };
  const hostOf = (name: string): string => (apart === 'hosts' ? `${name}.example.com` : 'www.example.com');
  return {
    ...{ load, proxyType: 'router', gateway: 'edge' },
    objects: (serverPort) => [
      { bucket: 'gatewayclasses.gateway.networking.k8s.io', object: gatewayClass() },
      { bucket: GATEWAYS, object: gateway(NAMESPACE, 'edge', { className: 'istio', port, protocol: 'HTTP' }) },
      { bucket: SERVICES, object: serviceTo('web', 0, serverPort, {}) },
    ],
    route: (name, n) =>
      stored(httpRoute(NAMESPACE, name, { parent, target: 'web', path: `/${name}`, host: hostOf(name) }), n),
    request: (name) => ({ path: `/${name}`, host: hostOf(name) }),
    entry: { port },
  };
}

/** To the pod that is no pod: the bench's own server. */
const serviceTo = (name: string, n: number, targetPort: number, labels: Readonly<Record<string, string>>): KubeObject =>
  ({
    ...{ apiVersion: 'v1', kind: 'Service' },
    metadata: { namespace: NAMESPACE, name, uid: `service-${name}`, labels },
    spec: {
      ...{ selector: { app: 'web' }, clusterIP: `10.96.1.${n + 1}` },
      ports: [{ name: 'http', port: 80, targetPort, protocol: 'TCP' }],
    },
  }) as KubeObject;

/** Of the Envoy, and of the server, which is not enrolled, so that Envoy goes to it without a tunnel. */
export function podsOf(gatewayName: string): readonly KubeObject[] {
  const proxy = pod(NAMESPACE, gatewayName, 1);
  const web = pod(NAMESPACE, 'web', 2);
  return [
    {
      ...proxy,
      metadata: { ...proxy.metadata, labels: { 'gateway.networking.k8s.io/gateway-name': gatewayName } },
    },
    {
      ...web,
      metadata: { namespace: NAMESPACE, name: 'web-2', uid: 'web-2', labels: { app: 'web' } },
      status: { ...(web as { status?: object }).status, podIP: '127.0.0.1', podIPs: [{ ip: '127.0.0.1' }] },
    } as KubeObject,
  ];
}
