import type { Graph, SourceCollection } from '@weft/collections';
import type { Credential, CredentialRoots, TrustBundle } from '@weft/gateway-api';
import type { MeshExtensions, MeshTrustDomains } from '@weft/mesh-api';
import type { EndpointSliceObject, NamespaceObject, NodeObject, PodObject, ServiceObject } from './kube-objects.js';

/**
 * What the model is derived from. Keys: `<namespace>/<name>`, or `<name>` for nodes and namespaces. Mesh resources come as
 * they are in the API, unread.
 */
export interface MeshSources {
  readonly namespaces: SourceCollection<NamespaceObject>;
  readonly nodes: SourceCollection<NodeObject>;
  readonly pods: SourceCollection<PodObject>;
  readonly services: SourceCollection<ServiceObject>;
  readonly endpointSlices: SourceCollection<EndpointSliceObject>;
  readonly authorizationPolicies: SourceCollection<unknown>;
  readonly peerAuthentications: SourceCollection<unknown>;
  readonly serviceEntries: SourceCollection<unknown>;
  readonly workloadEntries: SourceCollection<unknown>;
  readonly gatewayClasses: SourceCollection<unknown>;
  readonly gateways: SourceCollection<unknown>;
  readonly listenerSets: SourceCollection<unknown>;
  /** Of Istio's own kind of that name. */
  readonly istioGateways: SourceCollection<unknown>;
  readonly httpRoutes: SourceCollection<unknown>;
  readonly grpcRoutes: SourceCollection<unknown>;
  readonly tlsRoutes: SourceCollection<unknown>;
  readonly tcpRoutes: SourceCollection<unknown>;
  readonly referenceGrants: SourceCollection<unknown>;
  readonly backendTlsPolicies: SourceCollection<unknown>;
  readonly virtualServices: SourceCollection<unknown>;
  readonly destinationRules: SourceCollection<unknown>;
  readonly requestAuthentications: SourceCollection<unknown>;
  readonly telemetries: SourceCollection<unknown>;
  readonly envoyFilters: SourceCollection<unknown>;
  readonly trafficExtensions: SourceCollection<unknown>;
  readonly wasmPlugins: SourceCollection<unknown>;
  /** Certificates of servers, by Secret. */
  readonly credentials: SourceCollection<Credential>;
  /** What registries are asked with, as `.dockerconfigjson`, by Secret. */
  readonly pullSecrets: SourceCollection<string>;
  /** What the other side is verified with, by Secret. */
  readonly credentialRoots: SourceCollection<CredentialRoots>;
  /** Roots for verifying peers, by ConfigMap. */
  readonly trustBundles: SourceCollection<TrustBundle>;
  /** Keys of token issuers, by the address that they came from. */
  readonly jwks: SourceCollection<string>;
  /** What MeshConfig says, by `MESH_TRUST_KEY`; without it the start-up configuration holds. */
  readonly trustDomains: SourceCollection<MeshTrustDomains>;
  /** Namespaces with connected clients that route by themselves, by name. */
  readonly proxylessNamespaces: SourceCollection<string>;
  /** The same for what proxies tell and ask others; without it there are only the built-in providers. */
  readonly meshExtensions: SourceCollection<MeshExtensions>;
}

export const MESH_TRUST_KEY = 'mesh';

/** Informers replace an object when it changed, so identity tells; comparing whole objects would cost more than deriving. */
const CHANGED_BY_IDENTITY = Object.is;

export function meshSources(graph: Graph): MeshSources {
  return {
    namespaces: graph.source<NamespaceObject>('namespaces', CHANGED_BY_IDENTITY),
    nodes: graph.source<NodeObject>('nodes', CHANGED_BY_IDENTITY),
    pods: graph.source<PodObject>('pods', CHANGED_BY_IDENTITY),
    services: graph.source<ServiceObject>('services', CHANGED_BY_IDENTITY),
    endpointSlices: graph.source<EndpointSliceObject>('endpoint slices', CHANGED_BY_IDENTITY),
    authorizationPolicies: graph.source<unknown>('authorization policies', CHANGED_BY_IDENTITY),
    peerAuthentications: graph.source<unknown>('peer authentications', CHANGED_BY_IDENTITY),
    serviceEntries: graph.source<unknown>('service entries', CHANGED_BY_IDENTITY),
    workloadEntries: graph.source<unknown>('workload entries', CHANGED_BY_IDENTITY),
    gatewayClasses: graph.source<unknown>('gateway classes', CHANGED_BY_IDENTITY),
    gateways: graph.source<unknown>('gateways', CHANGED_BY_IDENTITY),
    listenerSets: graph.source<unknown>('listener sets', CHANGED_BY_IDENTITY),
    istioGateways: graph.source<unknown>('Istio gateways', CHANGED_BY_IDENTITY),
    httpRoutes: graph.source<unknown>('HTTP routes', CHANGED_BY_IDENTITY),
    grpcRoutes: graph.source<unknown>('gRPC routes', CHANGED_BY_IDENTITY),
    tlsRoutes: graph.source<unknown>('TLS routes', CHANGED_BY_IDENTITY),
    tcpRoutes: graph.source<unknown>('TCP routes', CHANGED_BY_IDENTITY),
    referenceGrants: graph.source<unknown>('reference grants', CHANGED_BY_IDENTITY),
    backendTlsPolicies: graph.source<unknown>('backend TLS policies as written', CHANGED_BY_IDENTITY),
    virtualServices: graph.source<unknown>('virtual services', CHANGED_BY_IDENTITY),
    destinationRules: graph.source<unknown>('destination rules', CHANGED_BY_IDENTITY),
    requestAuthentications: graph.source<unknown>('request authentications', CHANGED_BY_IDENTITY),
    telemetries: graph.source<unknown>('telemetries', CHANGED_BY_IDENTITY),
    envoyFilters: graph.source<unknown>('envoy filters', CHANGED_BY_IDENTITY),
    trafficExtensions: graph.source<unknown>('traffic extensions', CHANGED_BY_IDENTITY),
    wasmPlugins: graph.source<unknown>('wasm plugins', CHANGED_BY_IDENTITY),
    credentials: graph.source<Credential>('credentials'),
    pullSecrets: graph.source<string>('pull secrets'),
    credentialRoots: graph.source<CredentialRoots>('roots of credentials'),
    trustBundles: graph.source<TrustBundle>('trust bundles'),
    jwks: graph.source<string>('keys of token issuers'),
    trustDomains: graph.source<MeshTrustDomains>('trust domains'),
    proxylessNamespaces: graph.source<string>('namespaces of proxyless clients'),
    meshExtensions: graph.source<MeshExtensions>('mesh extensions'),
  };
}
