import {
  CONFIG_MAPS,
  ENDPOINT_SLICES,
  NAMESPACES,
  NODES,
  PODS,
  SECRETS,
  SERVICES,
  type KubeClient,
  type KubeObject,
  type ResourceType,
} from '@weft/kube';
import { MESH_KINDS } from '@weft/mesh-api';

const TYPES: ReadonlyMap<string, ResourceType<KubeObject>> = new Map(
  [
    NAMESPACES as ResourceType<KubeObject>,
    NODES as ResourceType<KubeObject>,
    PODS as ResourceType<KubeObject>,
    SECRETS as ResourceType<KubeObject>,
    SERVICES as ResourceType<KubeObject>,
    ENDPOINT_SLICES as ResourceType<KubeObject>,
    CONFIG_MAPS as ResourceType<KubeObject>,
    SECRETS as ResourceType<KubeObject>,
    ...MESH_KINDS,
  ].map((type) => [type.kind, type]),
);

export function typeOf({
  apiVersion = '',
  kind = '',
}: KubeObject & { apiVersion?: string; kind?: string }): ResourceType<KubeObject> {
  // Istio has a kind of this name, too.
  const found =
    kind === 'Gateway'
      ? MESH_KINDS.find((one) => one.kind === kind && apiVersion.startsWith(one.group))
      : TYPES.get(kind);
  if (found === undefined) throw new Error(`${apiVersion} ${kind} is no kind that is known here`);
  return found;
}

/** Creates or replaces. */
export async function applyObject(kube: KubeClient, object: KubeObject): Promise<void> {
  const type = typeOf(object);
  const { namespace = '', name = '' } = object.metadata ?? {};
  const there = await kube.get(type, namespace, name);
  if (there === null) await kube.create(type, object);
  else await kube.replace(type, { ...object, metadata: { ...there.metadata, ...object.metadata } });
}
