import { formatApiVersion, type GroupVersionKind, type JsonObject, type ResourceInfo } from '@weft/testing-kube-schema';
import { parseAccept } from '../request/negotiation.js';

/** Groups in discovery order: core, apps, then the rest as registered. Versions in the order of the registry. */
function groupVersions(resources: readonly ResourceInfo[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const { group, version } of resources) {
    const versions = groups.get(group);
    if (versions === undefined) groups.set(group, [version]);
    else if (!versions.includes(version)) versions.push(version);
  }
  for (const versions of groups.values()) versions.sort(compareVersions);
  return groups;
}

/** Kubernetes' order of preference: v2, v1, v1beta2, v1beta1, v1alpha1, others by name. */
function compareVersions(a: string, b: string): number {
  const rank = (version: string): readonly [number, number, number] => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
    if (match === null) return [3, 0, 0];
    const stage = match[2] === undefined ? 0 : match[2] === 'beta' ? 1 : 2;
    return [stage, -Number(match[1]), -Number(match[3] ?? '0')];
  };
  const [x, y] = [rank(a), rank(b)];
  return x[0] - y[0] || x[1] - y[1] || x[2] - y[2] || (a < b ? -1 : a > b ? 1 : 0);
}

const versionEntry = (group: string, version: string): JsonObject => ({
  groupVersion: formatApiVersion({ group, version }),
  version,
});

function groupEntry(group: string, versions: readonly string[]): JsonObject {
  return {
    name: group,
    versions: versions.map((version) => versionEntry(group, version)),
    preferredVersion: versionEntry(group, versions[0]!),
  };
}

/** /api */
export const coreVersions = (serverAddress: string): JsonObject => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
});

/** /apis */
export function groupList(resources: readonly ResourceInfo[]): JsonObject {
  const groups = [...groupVersions(resources)].filter(([group]) => group !== '');
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: groups.map(([group, versions]) => groupEntry(group, versions)),
  };
}

/** /apis/<group>; undefined when nothing of it is served. */
export function oneGroup(resources: readonly ResourceInfo[], group: string): JsonObject | undefined {
  const versions = groupVersions(resources).get(group);
  return versions === undefined ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group, versions) };
}

/** /api/v1 and /apis/<group>/<version>; undefined when nothing of it is served. */
export function resourceList(
  resources: readonly ResourceInfo[],
  group: string,
  version: string,
): JsonObject | undefined {
  const served = resources.filter((info) => info.group === group && info.version === version);
  if (served.length === 0) return undefined;
  const foreign = (kind: GroupVersionKind): JsonObject =>
    kind.group === group && kind.version === version ? {} : { group: kind.group, version: kind.version };
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: formatApiVersion({ group, version }),
    resources: served.flatMap((info) => [
      {
        name: info.plural,
        singularName: info.singular,
        namespaced: info.namespaced,
        kind: info.kind,
        verbs: info.verbs,
        ...(info.shortNames.length === 0 ? {} : { shortNames: info.shortNames }),
        ...(info.categories.length === 0 ? {} : { categories: info.categories }),
      },
      ...info.subresources.map((subresource) => ({
        name: `${info.plural}/${subresource.name}`,
        singularName: '',
        namespaced: info.namespaced,
        kind: subresource.kind.kind,
        ...foreign(subresource.kind),
        verbs: subresource.verbs,
      })),
    ]),
  };
}

const responseKind = ({ group, version, kind }: GroupVersionKind): JsonObject => ({ group, version, kind });

/** /api or /apis in the aggregated form: all groups with all their resources in one answer. */
export function aggregatedDiscovery(resources: readonly ResourceInfo[], core: boolean, version: string): JsonObject {
  const groups = [...groupVersions(resources)].filter(([group]) => (group === '') === core);
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map(([group, versions]) => ({
      metadata: { name: group, creationTimestamp: null },
      versions: versions.map((each) => ({
        version: each,
        freshness: 'Current',
        resources: resources
          .filter((info) => info.group === group && info.version === each)
          .map((info) => ({
            resource: info.plural,
            responseKind: responseKind(info),
            scope: info.namespaced ? 'Namespaced' : 'Cluster',
            singularResource: info.singular,
            verbs: info.verbs,
            ...(info.shortNames.length === 0 ? {} : { shortNames: info.shortNames }),
            ...(info.categories.length === 0 ? {} : { categories: info.categories }),
            subresources: info.subresources.map((subresource) => ({
              subresource: subresource.name,
              responseKind: responseKind(subresource.kind),
              verbs: subresource.verbs,
            })),
          })),
      })),
    })),
  };
}

/** The version of aggregated discovery that the client asks for first, or null for the plain form. */
export function wantsAggregated(accept: string | undefined): 'v2' | 'v2beta1' | null {
  for (const { type, parameters } of parseAccept(accept ?? '')) {
    if (type !== 'application/json' && type !== '*/*') continue;
    if (parameters.get('as') !== 'APIGroupDiscoveryList' || parameters.get('g') !== 'apidiscovery.k8s.io') return null;
    const version = parameters.get('v');
    if (version === 'v2' || version === 'v2beta1') return version;
  }
  return null;
}
