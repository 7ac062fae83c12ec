import type { KubeObject } from '@weft/kube';
import type { MeshModel, RouteKindName, StatusKind } from '@weft/mesh-model';

export interface StatusSubject {
  readonly kind: StatusKind | RouteKindName;
  readonly namespace: string;
  readonly name: string;
}

/** Where the model takes each kind from; `Gateway` is Istio's own. */
const SOURCES = {
  AuthorizationPolicy: 'authorizationPolicies',
  PeerAuthentication: 'peerAuthentications',
  ServiceEntry: 'serviceEntries',
  WorkloadEntry: 'workloadEntries',
  Gateway: 'istioGateways',
  VirtualService: 'virtualServices',
  DestinationRule: 'destinationRules',
  RequestAuthentication: 'requestAuthentications',
  Telemetry: 'telemetries',
  EnvoyFilter: 'envoyFilters',
  TrafficExtension: 'trafficExtensions',
  WasmPlugin: 'wasmPlugins',
  HTTPRoute: 'httpRoutes',
  GRPCRoute: 'grpcRoutes',
  TLSRoute: 'tlsRoutes',
  TCPRoute: 'tcpRoutes',
} as const satisfies Record<StatusSubject['kind'], keyof MeshModel['sources']>;

/** The object that a status was derived from, as last seen. */
export function seenObject(
  { sources }: Pick<MeshModel, 'sources'>,
  { kind, namespace, name }: StatusSubject,
): KubeObject | undefined {
  return sources[SOURCES[kind]].get(`${namespace}/${name}`) as KubeObject | undefined;
}
