import type { Collection, CollectionIndex, FetchContext, Graph } from '@weft/collections';
import {
  compareByAge,
  REQUEST_AUTHENTICATIONS,
  selectorMatches,
  TELEMETRIES,
  type AuthorizationPolicy,
  type PolicyTargetReference,
  type RequestAuthenticationSpec,
  type TelemetrySpec,
} from '@weft/mesh-api';
import type { MeshModelConfig } from '../mesh-model-config.js';
import type { MeshSources } from '../mesh-sources.js';
import type { PolicyCollections } from '../policy-collections.js';
import type { Readable } from './route-sources.js';
import { readEnvoyFilter, type EnvoyPatches } from './envoy-patches.js';
import { readTrafficExtension, readWasmPlugin } from './traffic-extensions.js';
import { WAYPOINT_CLASS, type WaypointGateway } from './waypoint-gateway.js';

export interface PolicyTargets {
  /** The widest scope first, one of each: the mesh, the waypoint's namespace, its class, the waypoint, the service. */
  telemetriesOf(fetch: FetchContext, at: PolicyPlace): readonly Readable<TelemetrySpec>[];
  /** In the order in which they are applied; extensions come before EnvoyFilters. */
  envoyPatchesOf(fetch: FetchContext, at: PolicyPlace): readonly EnvoyPatches[];
  authorizationPoliciesOf(fetch: FetchContext, at: PolicyPlace): readonly AuthorizationPolicy[];
  requestAuthenticationsOf(fetch: FetchContext, at: PolicyPlace): readonly Readable<RequestAuthenticationSpec>[];
}

/** Where traffic is: in a waypoint or another gateway, on its way to a service or to a workload (null). */
export interface PolicyPlace {
  readonly waypoint: Pick<WaypointGateway, 'key' | 'namespace'> & { readonly className?: string };
  /** Of its pods, where selectors count: at gateways at the edge. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly service: { readonly kind: string; readonly namespace: string; readonly name: string } | null;
}

/** Policies by what their `targetRefs` name; a policy and its target are in one namespace. */
export function policyTargets(
  graph: Graph,
  sources: MeshSources,
  policies: PolicyCollections,
  { rootNamespace }: MeshModelConfig,
): PolicyTargets {
  const keys = (namespace: string, targets: readonly PolicyTargetReference[]): readonly string[] => [
    ...new Set(
      targets.flatMap(({ kind, name }) =>
        kind !== 'GatewayClass'
          ? [`${kind}/${namespace}/${name}`]
          : namespace === rootNamespace
            ? [`${kind}//${name}`]
            : [],
      ),
    ),
  ];
  const authorization = graph.index('authorization policies by target', policies.authorizationPolicies, ({ policy }) =>
    keys(policy.meta.namespace, policy.spec?.targetRefs ?? []),
  );
  const parsed = graph.derive('parsed request authentications', sources.requestAuthentications, (object) => {
    const { meta, spec } = REQUEST_AUTHENTICATIONS.parse(object);
    return spec === null ? undefined : { meta, spec };
  });
  const authentication = graph.index('request authentications by target', parsed, ({ meta, spec }) =>
    keys(meta.namespace, [...(spec.targetRef === undefined ? [] : [spec.targetRef]), ...spec.targetRefs]),
  );
  const telemetries = graph.derive('parsed telemetries', sources.telemetries, (object) => {
    const { meta, spec } = TELEMETRIES.parse(object);
    return spec === null ? undefined : { meta, spec };
  });
  const telemetry = graph.index('telemetries by target', telemetries, ({ meta, spec }) => {
    const targets = [...(spec.targetRef === undefined ? [] : [spec.targetRef]), ...spec.targetRefs];
    if (targets.length > 0) return keys(meta.namespace, targets);
    return spec.selector === undefined ? [`Namespace//${meta.namespace}`] : [];
  });
  const patches = (name: string, source: Collection<unknown>, read: typeof readEnvoyFilter) => {
    const known = graph.derive(`parsed ${name}`, source, (object) => read(object).spec ?? undefined);
    return graph.index(`${name} by target`, known, ({ meta, targetRefs, selector }) =>
      targetRefs.length > 0
        ? keys(meta.namespace, targetRefs)
        : [`${selector === null ? 'Namespace' : 'Selector'}//${meta.namespace}`],
    );
  };
  const envoyFilters = patches('envoy filters', sources.envoyFilters, readEnvoyFilter);
  const extensions = [
    patches('traffic extensions', sources.trafficExtensions, readTrafficExtension),
    patches('wasm plugins', sources.wasmPlugins, readWasmPlugin),
  ];
  const everyNamespace = ({ waypoint: { namespace } }: PolicyPlace): readonly string[] => [
    ...new Set([rootNamespace, namespace]),
  ];
  const everyPlace = (at: PolicyPlace): readonly string[] => [
    ...everyNamespace(at).map((namespace) => `Namespace//${namespace}`),
    ...placesOf(at),
  ];
  const patchesAt = (fetch: FetchContext, at: PolicyPlace, kinds: readonly CollectionIndex<EnvoyPatches>[]) => {
    const { labels } = at;
    const selecting = labels === undefined ? [] : everyNamespace(at).map((namespace) => `Selector//${namespace}`);
    const places = [...everyPlace(at), ...selecting];
    return [...new Set(kinds.flatMap((kind) => places.flatMap((place) => fetch.lookup(kind, place))))]
      .filter(({ selector }) => selector === null || selectorMatches(selector, labels ?? {}))
      .sort((a, b) => a.order[0] - b.order[0] || a.order[1] - b.order[1] || compareByAge(a.meta, b.meta));
  };
  return {
    telemetriesOf: (fetch, at) =>
      everyPlace(at).flatMap((place) =>
        [...fetch.lookup(telemetry, place)].sort((a, b) => compareByAge(a.meta, b.meta)).slice(0, 1),
      ),
    envoyPatchesOf: (fetch, at) => [...patchesAt(fetch, at, extensions), ...patchesAt(fetch, at, [envoyFilters])],
    authorizationPoliciesOf: (fetch, at) =>
      find(fetch, authorization, at)
        .map(({ policy }) => policy)
        .sort((a, b) => compareByAge(a.meta, b.meta)),
    requestAuthenticationsOf: (fetch, at) =>
      find(fetch, authentication, at).sort((a, b) => compareByAge(a.meta, b.meta)),
  };
}

const placesOf = ({ waypoint, service }: PolicyPlace): readonly string[] => [
  `GatewayClass//${waypoint.className ?? WAYPOINT_CLASS}`,
  `Gateway/${waypoint.key}`,
  ...(service === null ? [] : [`${service.kind}/${service.namespace}/${service.name}`]),
];

function find<T>(fetch: FetchContext, index: CollectionIndex<T>, at: PolicyPlace): T[] {
  return [...new Set(placesOf(at).flatMap((place) => fetch.lookup(index, place)))];
}
