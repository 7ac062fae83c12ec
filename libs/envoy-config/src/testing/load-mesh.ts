import { MESH_CONFIG_KEY, objectMetaOf, parseMeshExtensions } from '@weft/mesh-api';
import { MESH_TRUST_KEY, MeshModel, type MeshSources } from '@weft/mesh-model';

const TEST_MESH = {
  rootNamespace: 'istio-system',
  trustDomain: 'cluster.local',
  clusterId: 'Kubernetes',
  clusterDomain: 'cluster.local',
  network: '',
  dryRunPoliciesEnabled: false,
};

const IRREGULAR: Readonly<Record<string, keyof MeshSources>> = {
  AuthorizationPolicy: 'authorizationPolicies',
  GatewayClass: 'gatewayClasses',
  HTTPRoute: 'httpRoutes',
  GRPCRoute: 'grpcRoutes',
  TLSRoute: 'tlsRoutes',
  TCPRoute: 'tcpRoutes',
  ServiceEntry: 'serviceEntries',
  Telemetry: 'telemetries',
  WorkloadEntry: 'workloadEntries',
};

/** A model of these Kubernetes objects. */
export function loadMesh(objects: readonly unknown[]): MeshModel {
  const model = new MeshModel(TEST_MESH, ({ thrown }) => {
    throw thrown as Error;
  });
  model.graph.batch(() => {
    for (const object of objects) put(model, object);
  });
  return model;
}

export function put(model: MeshModel, object: unknown): void {
  const kind = (object as { kind: string }).kind;
  const { apiVersion = '' } = object as { apiVersion?: string };
  const source =
    kind === 'Gateway' && apiVersion.startsWith('networking.istio.io/')
      ? 'istioGateways'
      : (IRREGULAR[kind] ?? (`${kind.charAt(0).toLowerCase()}${kind.slice(1)}s` as keyof MeshSources));
  const { namespace, name } = objectMetaOf(object);
  if (kind === 'ConfigMap') {
    putMeshConfig(model, (object as { data: Record<string, string> }).data);
    return;
  }
  (model.sources[source] as { set(key: string, object: unknown): void }).set(
    namespace === '' ? name : `${namespace}/${name}`,
    object,
  );
}

/** As the control plane does with the ConfigMap `istio`. */
function putMeshConfig({ sources }: MeshModel, data: Readonly<Record<string, string>>): void {
  const read = parseMeshExtensions(data[MESH_CONFIG_KEY] ?? '');
  if (!read.ok || read.value.problems.length > 0) throw new Error(JSON.stringify(read));
  sources.meshExtensions.set(MESH_TRUST_KEY, read.value.extensions);
}
