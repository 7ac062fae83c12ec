import { builtinSchema } from '../builtin/builtin-schema.js';
import type { GroupVersionKind } from '../group-version-kind.js';
import type { ResourceInfo, ScalePaths, SubresourceInfo } from '../resource-info.js';
import { RESOURCE_TABLE } from './resource-table.js';

const ALL_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

const REPLICAS_SCALE: ScalePaths = {
  specReplicasPath: '.spec.replicas',
  statusReplicasPath: '.status.replicas',
  labelSelectorPath: '.spec.selector',
};

const SUBRESOURCES: Readonly<Record<string, { readonly kind?: GroupVersionKind; readonly verbs: readonly string[] }>> =
  {
    status: { verbs: ['get', 'patch', 'update'] },
    scale: { kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' }, verbs: ['get', 'patch', 'update'] },
    binding: { kind: { group: '', version: 'v1', kind: 'Binding' }, verbs: ['create'] },
    eviction: { kind: { group: 'policy', version: 'v1', kind: 'Eviction' }, verbs: ['create'] },
    log: { verbs: ['get'] },
    exec: { kind: { group: '', version: 'v1', kind: 'PodExecOptions' }, verbs: ['create', 'get'] },
    attach: { kind: { group: '', version: 'v1', kind: 'PodAttachOptions' }, verbs: ['create', 'get'] },
    portforward: { kind: { group: '', version: 'v1', kind: 'PodPortForwardOptions' }, verbs: ['create', 'get'] },
    ephemeralcontainers: { verbs: ['get', 'patch', 'update'] },
    token: { kind: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' }, verbs: ['create'] },
    finalize: { verbs: ['update'] },
    approval: { verbs: ['get', 'patch', 'update'] },
  };

let built: readonly ResourceInfo[] | undefined;

/** Every built-in resource of Kubernetes 1.32 that is served, in the order of discovery. Built once, shared, never changed. */
export function builtinResources(): readonly ResourceInfo[] {
  built ??= RESOURCE_TABLE.trim()
    .split('\n')
    .map((line) => readLine(line));
  return built;
}

function readLine(line: string): ResourceInfo {
  const [groupVersion = '', kind = '', plural = '', ...options] = line.trim().split(/ +/);
  const [group = '', version = ''] = groupVersion.split('/');
  const type: GroupVersionKind = { group: group === 'core' ? '' : group, version, kind };
  const option = (key: string) =>
    options
      .find((item) => item.startsWith(`${key}=`))
      ?.slice(key.length + 1)
      .split(',') ?? [];
  const virtual = options.includes('virtual');
  const subresources = option('sub').map((name) => subresource(type, name));
  const schema = builtinSchema(type);
  return {
    ...type,
    listKind: `${kind}List`,
    plural,
    singular: kind.toLowerCase(),
    shortNames: option('short'),
    categories: option('cat'),
    namespaced: options.includes('ns'),
    verbs: virtual ? ['create'] : ALL_VERBS,
    subresources,
    ...(option('sub').includes('scale') ? { scale: REPLICAS_SCALE } : {}),
    ...(schema === undefined ? {} : { schema }),
    custom: false,
    virtual,
    selectableFields: option('fields'),
    hasGeneration: options.includes('gen'),
  };
}

function subresource(type: GroupVersionKind, name: string): SubresourceInfo {
  const known = SUBRESOURCES[name];
  if (known === undefined) throw new TypeError(`unknown subresource ${name} of ${type.kind}`);
  return { name, kind: known.kind ?? type, verbs: known.verbs };
}
