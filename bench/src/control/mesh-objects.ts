import type { KubeObject } from '@weft/kube';

/** Objects as the API server stores them. */
const object = (apiVersion: string, kind: string, metadata: object, rest: object): KubeObject => ({
  apiVersion,
  kind,
  metadata: { creationTimestamp: '2026-01-01T00:00:00Z', ...metadata },
  ...rest,
});

export const service = (
  namespace: string,
  name: string,
  n: number,
  labels: Readonly<Record<string, string>> = {},
): KubeObject =>
  object(
    'v1',
    'Service',
    { namespace, name, uid: `service-${n}`, labels },
    {
      spec: {
        selector: { app: name },
        clusterIP: `10.96.${(n >> 8) & 255}.${n & 255}`,
        ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
      },
    },
  );

/** Ready and enrolled; pods are told apart by their number for all time. Without an owner: the garbage collector would end them. */
export const pod = (namespace: string, app: string, n: number): KubeObject =>
  object(
    'v1',
    'Pod',
    {
      namespace,
      name: `${app}-${n}`,
      uid: `pod-${n}`,
      labels: { app, version: 'v1', 'pod-template-hash': '7d5b9c5f4d' },
      annotations: { 'ambient.istio.io/redirection': 'enabled' },
    },
    {
      spec: {
        nodeName: `node-${n % 500}`,
        serviceAccountName: app,
        containers: [
          { name: 'app', image: 'registry.example/app:1.0.0', ports: [{ name: 'http', containerPort: 8080 }] },
        ],
      },
      status: {
        phase: 'Running',
        podIP: addressOf(n),
        podIPs: [{ ip: addressOf(n) }],
        hostIP: '172.16.0.1',
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    },
  );

const addressOf = (n: number): string => `11.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;

export interface GatewayShape {
  readonly className: string;
  readonly port: number;
  readonly protocol: string;
}

const WAYPOINT: GatewayShape = { className: 'istio-waypoint', port: 15008, protocol: 'HBONE' };

export const gateway = (
  namespace: string,
  name: string,
  { className, port, protocol }: GatewayShape = WAYPOINT,
): KubeObject =>
  object(
    'gateway.networking.k8s.io/v1',
    'Gateway',
    { namespace, name, uid: `gateway-${name}` },
    {
      spec: { gatewayClassName: className, listeners: [{ name: 'mesh', port, protocol }] },
      status: { addresses: [{ type: 'IPAddress', value: '10.96.255.1' }] },
    },
  );

/** Of Gateways at the edge. */
export const gatewayClass = (): KubeObject =>
  object(
    'gateway.networking.k8s.io/v1',
    'GatewayClass',
    { name: 'istio', uid: 'gateway-class' },
    { spec: { controllerName: 'istio.io/gateway-controller' } },
  );

export interface RouteFields {
  readonly parent: object;
  readonly target: string;
  readonly path: string;
  readonly host?: string;
}

/** To a service by one path, and one host if there is one. */
export const httpRoute = (namespace: string, name: string, { parent, target, path, host }: RouteFields): KubeObject =>
  ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { namespace, name },
    spec: {
      parentRefs: [parent],
      ...(host === undefined ? {} : { hostnames: [host] }),
      rules: [
        {
          matches: [{ path: { type: 'Exact', value: path } }],
          filters: [
            { type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'x-route', value: name }] } },
          ],
          backendRefs: [{ name: target, port: 80 }],
        },
      ],
    },
  }) as KubeObject;
