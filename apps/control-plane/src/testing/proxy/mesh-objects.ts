import type { KubeObject } from '@weft/kube';
import { GRPC_PORT, GRPCS_PORT, HTTP_PORT, HTTPS_PORT, TCP_PORT, TLS_PORT } from './echo-pod.js';

export const SHOP = 'shop';
/** The Gateway that the waypoint runs for, and its account. */
export const WAYPOINT = 'wp';

/** Kinds whose types are not needed here. */
export const object = (fields: object): KubeObject => fields;

export const namespace = (name: string, labels: Readonly<Record<string, string>> = {}): KubeObject =>
  object({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });

export const gateway = (): KubeObject =>
  object({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: WAYPOINT, namespace: SHOP },
    spec: {
      gatewayClassName: 'istio-waypoint',
      listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE', allowedRoutes: { namespaces: { from: 'All' } } }],
    },
    status: { addresses: [{ type: 'Hostname', value: `${WAYPOINT}.${SHOP}.svc.cluster.local` }] },
  });

export const meshConfig = (config: object): KubeObject =>
  object({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'istio', namespace: 'istio-system' },
    data: { mesh: JSON.stringify(config) },
  });

const running = (ip: string, ...more: readonly string[]) => ({
  phase: 'Running',
  podIP: ip,
  podIPs: [ip, ...more].map((one) => ({ ip: one })),
  conditions: [{ type: 'Ready', status: 'True' }],
});

/** A proxy of a Gateway. */
export const gatewayPod = (name: string, ...ips: readonly [string, ...string[]]): KubeObject =>
  object({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${name}-1`,
      namespace: SHOP,
      labels: { 'gateway.networking.k8s.io/gateway-name': name },
    },
    spec: { serviceAccountName: name, nodeName: 'node-1' },
    status: running(...ips),
  });

/** Outside of the mesh, so that a waypoint reaches it without a tunnel. */
export const pod = (name: string, ip: string, node = 'node-1'): KubeObject =>
  object({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: SHOP, labels: { app: 'echo', version: name } },
    spec: { nodeName: node, serviceAccountName: 'echo' },
    status: running(ip),
  });

export const node = (name: string, region: string, zone: string): KubeObject =>
  object({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'topology.kubernetes.io/region': region, 'topology.kubernetes.io/zone': zone } },
  });

export interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly targetPort: number;
  readonly appProtocol?: string;
}

export const PORTS: readonly ServicePort[] = [
  { name: 'http', port: 80, targetPort: HTTP_PORT },
  { name: 'http-alt', port: 8080, targetPort: HTTP_PORT },
  { name: 'grpc', port: 7070, targetPort: GRPC_PORT },
  { name: 'tcp', port: 9000, targetPort: TCP_PORT },
  { name: 'tls', port: 443, targetPort: TLS_PORT },
  { name: 'secure', port: 8443, targetPort: HTTPS_PORT },
  { name: 'secure-too', port: 9443, targetPort: HTTPS_PORT },
  { name: 'grpc-secure', port: 7443, targetPort: GRPCS_PORT },
];

/** `version` null: all pods. */
export const service = (
  name: string,
  clusterIP: string,
  version: string | null,
  { ns = SHOP, ports = PORTS }: { readonly ns?: string; readonly ports?: readonly ServicePort[] } = {},
): KubeObject =>
  object({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: ns },
    spec: { clusterIP, ports, selector: { app: 'echo', ...(version === null ? {} : { version }) } },
  });

/** A route of the Gateway API, of a Service, or one of its ports, if the parent says nothing else. */
export const route = (
  kind: 'HTTPRoute' | 'GRPCRoute' | 'TLSRoute' | 'TCPRoute',
  name: string,
  parent: {
    readonly group?: string;
    readonly kind?: string;
    readonly name: string;
    readonly namespace?: string;
    readonly port?: number;
    readonly sectionName?: string;
  },
  spec: object,
  ns = SHOP,
): KubeObject =>
  object({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind,
    metadata: { name, namespace: ns },
    spec: { parentRefs: [{ group: '', kind: 'Service', ...parent }], ...spec },
  });

export const istio = (
  kind: 'VirtualService' | 'DestinationRule' | 'ServiceEntry',
  name: string,
  spec: object,
): KubeObject => object({ apiVersion: 'networking.istio.io/v1', kind, metadata: { name, namespace: SHOP }, spec });
