/** The fields of Deployments, Services and their like whose lists merge by a key; other lists are replaced. */
const MERGE_KEYS: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  env: ['name'],
  volumes: ['name'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  ports: ['containerPort', 'port'],
  imagePullSecrets: ['name'],
  secrets: ['name'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey'],
};
const PATCH = '$patch';

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Kubernetes' strategic merge patch, for the types that are made for a Gateway. Null removes a field; neither input changes. */
export function strategicMerge(base: Json, patch: Json): Json {
  if (patch[PATCH] === 'replace') return without(patch, PATCH);
  const merged: Record<string, unknown> = { ...base };
  for (const [key, wanted] of Object.entries(patch)) {
    if (key === PATCH) continue;
    if (wanted === null) Reflect.deleteProperty(merged, key);
    else merged[key] = mergeField(key, merged[key], wanted);
  }
  return merged;
}

function mergeField(field: string, current: unknown, wanted: unknown): unknown {
  if (isObject(wanted)) return strategicMerge(isObject(current) ? current : {}, wanted);
  if (!Array.isArray(wanted)) return wanted;
  const keys = Object.hasOwn(MERGE_KEYS, field) ? MERGE_KEYS[field]! : [];
  const items = wanted.filter(isObject);
  const key = keys.find((name) => items.some((item) => item[name] !== undefined));
  return key === undefined || !Array.isArray(current) ? wanted.filter(isKept) : mergeList(current, items, key);
}

const isKept = (item: unknown): boolean => !isObject(item) || item[PATCH] === undefined;

function mergeList(current: readonly unknown[], patch: readonly Json[], key: string): unknown[] {
  if (patch.some((item) => item[PATCH] === 'replace')) return patch.filter(isKept);
  const merged = [...current];
  for (const item of patch) {
    const at = merged.findIndex((one) => isObject(one) && one[key] === item[key]);
    if (item[PATCH] === 'delete') {
      if (at >= 0) merged.splice(at, 1);
    } else if (at >= 0) merged[at] = strategicMerge(merged[at] as Json, item);
    else merged.push(item);
  }
  return merged;
}

function without(value: Json, key: string): Json {
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
}
