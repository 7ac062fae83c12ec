import type { Graph, SourceCollection } from '@weft/collections';
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
}

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
  };
}
