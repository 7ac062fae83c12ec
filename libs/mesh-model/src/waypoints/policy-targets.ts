import type { Collection, CollectionIndex, FetchContext, Graph } from '@weft/collections';
import {
  compareByAge,
  REQUEST_AUTHENTICATIONS,
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
import { readEnvoyFilter, readTrafficExtension, type EnvoyPatches } from './envoy-patches.js';
import { WAYPOINT_CLASS, type WaypointGateway } from './waypoint-gateway.js';

export interface PolicyTargets {
  /** The widest scope first, one of each: the mesh, the waypoint's namespace, its class, the waypoint, the service. */
  telemetriesOf(fetch: FetchContext, at: PolicyPlace): readonly Readable<TelemetrySpec>[];
  /** In the order in which they are applied. */
  envoyPatchesOf(fetch: FetchContext, at: PolicyPlace): readonly EnvoyPatches[];
  authorizationPoliciesOf(fetch: FetchContext, at: PolicyPlace): readonly AuthorizationPolicy[];
  requestAuthenticationsOf(fetch: FetchContext, at: PolicyPlace): readonly Readable<RequestAuthenticationSpec>[];
}

/** Where traffic is: in a waypoint or another gateway, on its way to a service or to a workload (null). */
export interface PolicyPlace {
  readonly waypoint: Pick<WaypointGateway, 'key' | 'namespace'> & { readonly className?: string };
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
    return graph.index(`${name} by target`, known, ({ meta, targetRefs }) =>
      targetRefs.length > 0 ? keys(meta.namespace, targetRefs) : [`Namespace//${meta.namespace}`],
    );
  };
  const envoyFilters = patches('envoy filters', sources.envoyFilters, readEnvoyFilter);
  const trafficExtensions = patches('traffic extensions', sources.trafficExtensions, readTrafficExtension);
  const everyPlace = (at: PolicyPlace): readonly string[] => {
    const { namespace } = at.waypoint;
    const own = namespace === rootNamespace ? [] : [`Namespace//${namespace}`];
    return [`Namespace//${rootNamespace}`, ...own, ...placesOf(at)];
  };
  return {
    telemetriesOf: (fetch, at) =>
      everyPlace(at).flatMap((place) =>
        [...fetch.lookup(telemetry, place)].sort((a, b) => compareByAge(a.meta, b.meta)).slice(0, 1),
      ),
    envoyPatchesOf: (fetch, at) =>
      [trafficExtensions, envoyFilters].flatMap((index) =>
        [...new Set(everyPlace(at).flatMap((place) => fetch.lookup(index, place)))].sort(
          (a, b) => a.priority - b.priority || compareByAge(a.meta, b.meta),
        ),
      ),
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
