import type { SourceCollection } from '@weft/collections';
import { objectMetaOf } from '@weft/mesh-api';
import type { MeshModel } from '../mesh-model.js';
import type { MeshSources } from '../mesh-sources.js';

const SOURCES: Readonly<Record<string, keyof MeshSources>> = {
  Namespace: 'namespaces',
  Node: 'nodes',
  Pod: 'pods',
  Service: 'services',
  EndpointSlice: 'endpointSlices',
  AuthorizationPolicy: 'authorizationPolicies',
  PeerAuthentication: 'peerAuthentications',
  ServiceEntry: 'serviceEntries',
  WorkloadEntry: 'workloadEntries',
  Gateway: 'gateways',
  GatewayClass: 'gatewayClasses',
  ListenerSet: 'listenerSets',
  HTTPRoute: 'httpRoutes',
  ReferenceGrant: 'referenceGrants',
  VirtualService: 'virtualServices',
  DestinationRule: 'destinationRules',
  RequestAuthentication: 'requestAuthentications',
};

/** Where an object belongs, by its kind. */
export function placeOf(
  model: MeshModel,
  object: unknown,
): { readonly source: SourceCollection<unknown>; readonly key: string } {
  const kind = (object as { kind?: string }).kind ?? '';
  const name = SOURCES[kind];
  if (name === undefined) throw new TypeError(`no source for kind ${kind}`);
  const meta = objectMetaOf(object);
  return {
    source: model.sources[name] as SourceCollection<unknown>,
    key: meta.namespace === '' ? meta.name : `${meta.namespace}/${meta.name}`,
  };
}

/** Puts objects into the sources of a model as one batch. */
export function loadObjects(model: MeshModel, objects: readonly unknown[]): void {
  model.graph.batch(() => {
    for (const object of objects) {
      const { source, key } = placeOf(model, object);
      source.set(key, object);
    }
  });
}
