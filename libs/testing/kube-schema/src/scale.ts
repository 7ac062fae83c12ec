import { labelSelectorText } from './selector/label-selector.js';
import { asObject, cloneJson, dig, isObject, setKey, type JsonObject } from './json.js';
import type { ResourceInfo } from './resource-info.js';

/** The autoscaling/v1 Scale of an object; `undefined` when the resource has no scale subresource. */
export function readScale(resource: ResourceInfo, object: JsonObject): JsonObject | undefined {
  const { scale } = resource;
  if (scale === undefined) return undefined;
  const selector = scale.labelSelectorPath === undefined ? undefined : dig(object, ...pathOf(scale.labelSelectorPath));
  const metadata = asObject(object['metadata']);
  const kept = ['name', 'namespace', 'uid', 'resourceVersion', 'creationTimestamp'].filter(
    (key) => metadata[key] !== undefined,
  );
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: Object.fromEntries(kept.map((key) => [key, metadata[key]])),
    spec: { replicas: numberAt(object, scale.specReplicasPath) },
    status: {
      replicas: numberAt(object, scale.statusReplicasPath),
      ...(selector === undefined ? {} : { selector: selectorText(resource, selector) }),
    },
  };
}

function selectorText(resource: ResourceInfo, selector: unknown): string {
  if (typeof selector === 'string') return selector;
  // A ReplicationController's selector is a plain map of labels.
  return labelSelectorText(resource.kind === 'ReplicationController' ? { matchLabels: selector } : selector);
}

/** A copy of the object with `replicas` written where the resource keeps it. */
export function writeReplicas(resource: ResourceInfo, object: JsonObject, replicas: number): JsonObject {
  if (resource.scale === undefined) return object;
  const copy = cloneJson(object);
  const path = pathOf(resource.scale.specReplicasPath);
  let here = copy;
  for (const key of path.slice(0, -1)) {
    const next = Object.hasOwn(here, key) ? here[key] : undefined;
    const child = isObject(next) ? next : {};
    setKey(here, key, child);
    here = child;
  }
  setKey(here, path.at(-1) ?? 'replicas', replicas);
  return copy;
}

/** `.spec.replicas` and `.spec['a.b']` as keys. */
function pathOf(jsonPath: string): readonly string[] {
  return [...jsonPath.matchAll(/\.([\w-]+)|\['([^']*)'\]/g)].map((match) => match[1] ?? match[2] ?? '');
}

function numberAt(object: JsonObject, path: string): number {
  const value = dig(object, ...pathOf(path));
  return typeof value === 'number' ? value : 0;
}
