import type { Collection, Graph } from '@weft/collections';
import {
  DESTINATION_RULES,
  ENVOY_FILTERS,
  formatProblem,
  ISTIO_GATEWAYS,
  REQUEST_AUTHENTICATIONS,
  TELEMETRIES,
  TRAFFIC_EXTENSIONS,
  VIRTUAL_SERVICES,
  WASM_PLUGINS,
  type MeshKind,
  type ObjectMeta,
  type ParsedResource,
} from '@weft/mesh-api';
import type { IngressGateway } from './gateways/ingress-gateway.js';
import type { MeshSources } from './mesh-sources.js';
import type { PolicyCollections } from './policy-collections.js';
import { serviceNameOf, type ServiceClaim } from './service-claim.js';
import type { ServiceCollections } from './service-collections.js';
import { readEnvoyFilter } from './waypoints/envoy-patches.js';
import { readTrafficExtension, readWasmPlugin } from './waypoints/traffic-extensions.js';
import type { WorkloadCollections } from './workload-collections.js';

export const STATUS_KINDS = [
  'AuthorizationPolicy',
  'PeerAuthentication',
  'ServiceEntry',
  'WorkloadEntry',
  'Gateway',
  'VirtualService',
  'DestinationRule',
  'RequestAuthentication',
  'Telemetry',
  'EnvoyFilter',
  'TrafficExtension',
  'WasmPlugin',
] as const;
export type StatusKind = (typeof STATUS_KINDS)[number];

/** What the control plane has to say about one mesh resource. */
export interface ResourceStatus {
  readonly kind: StatusKind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly observedGeneration: number;
  /** Null: nothing to say, and what was said before is to be taken back. */
  readonly condition: ResourceCondition | null;
}

export interface ResourceCondition {
  /** `ZtunnelAccepted` for policies, `Accepted` for the others. */
  readonly type: string;
  readonly accepted: boolean;
  /** One word. */
  readonly reason: string;
  /** Names the field and the cure. */
  readonly message: string;
}

export const statusKey = ({ kind, namespace, name }: Pick<ResourceStatus, 'kind' | 'namespace' | 'name'>): string =>
  `${kind}/${namespace}/${name}`;

const key = statusKey;
const POLICY = 'ZtunnelAccepted';
const OTHER = 'Accepted';
const MAX_LISTED = 5;

export function statusCollection(
  graph: Graph,
  services: ServiceCollections,
  policies: PolicyCollections,
  { workloadEntries }: WorkloadCollections,
  sources: MeshSources,
  gateways: Collection<IngressGateway>,
): Collection<ResourceStatus> {
  const ofPolicies = graph.deriveMany(
    'policy statuses',
    policies.authorizationPolicies,
    ({ policy, converted: { verdict } }) => {
      const condition = verdict.reason === 'NotForZtunnel' ? null : { type: POLICY, ...verdict };
      return [statusOf('AuthorizationPolicy', policy.meta, condition)];
    },
    { key },
  );
  const ofPeers = graph.deriveMany(
    'peer authentication statuses',
    policies.peerAuthentications,
    ({ policy, supersededBy, ignored }) => {
      const overruled = supersededBy && `${supersededBy} is older and rules the same scope; delete one of the two`;
      return [
        statusOf(
          'PeerAuthentication',
          policy.meta,
          conditionOf(policy, POLICY, 'enforced by ztunnel', ignored ?? overruled),
        ),
      ];
    },
    { key },
  );
  const byEntry = graph.index('claims by service entry', services.claims, (claim) => [
    `${claim.kind}/${claim.meta.namespace}/${claim.meta.name}`,
  ]);
  const ofServiceEntries = graph.deriveMany(
    'service entry statuses',
    services.parsedEntries,
    (entry, fetch) => {
      const claims = fetch.lookup(byEntry, `ServiceEntry/${entry.meta.namespace}/${entry.meta.name}`);
      const lost = claims.flatMap((claim) =>
        lostBy(
          claim,
          fetch.get(services.winners, serviceNameOf(claim)),
          fetch.get(services.services, serviceNameOf(claim))?.lost ?? [],
        ),
      );
      const conflict = lost.length === 0 ? null : lost.slice(0, MAX_LISTED).join('; ');
      return [statusOf('ServiceEntry', entry.meta, conditionOf(entry, OTHER, 'part of the mesh', conflict))];
    },
    { key },
  );
  const ofWorkloadEntries = graph.deriveMany(
    'workload entry statuses',
    workloadEntries,
    (entry) => [statusOf('WorkloadEntry', entry.meta, conditionOf(entry, OTHER, 'part of the mesh', null))],
    { key },
  );
  const byGateway = graph.index('gateways with faults of servers', gateways, ({ serverFaults }) => [
    ...new Set(serverFaults.map(({ gateway }) => gateway)),
  ]);
  const ofIstioGateways = graph.deriveMany(
    'Istio gateway statuses',
    sources.istioGateways,
    (object, fetch) => {
      const parsed = ISTIO_GATEWAYS.parse(object);
      const own = `${parsed.meta.namespace}/${parsed.meta.name}`;
      const faults = fetch
        .lookup(byGateway, own)
        .flatMap(({ serverFaults }) =>
          serverFaults.flatMap(({ gateway, message }) => (gateway === own ? message : [])),
        );
      const listed = [...new Set(faults)].slice(0, MAX_LISTED).join('; ');
      const condition = conditionOf(parsed, OTHER, '', listed === '' ? null : listed);
      return [statusOf('Gateway', parsed.meta, condition.accepted ? null : condition)];
    },
    { key },
  );
  const ofLayer7 = [
    ofIstioGateways,
    problemsOf(graph, VIRTUAL_SERVICES, sources.virtualServices),
    problemsOf(graph, DESTINATION_RULES, sources.destinationRules),
    problemsOf(graph, REQUEST_AUTHENTICATIONS, sources.requestAuthentications),
    problemsOf(graph, TELEMETRIES, sources.telemetries),
    problemsOf(graph, { ...ENVOY_FILTERS, parse: readEnvoyFilter }, sources.envoyFilters),
    problemsOf(graph, { ...TRAFFIC_EXTENSIONS, parse: readTrafficExtension }, sources.trafficExtensions),
    problemsOf(graph, { ...WASM_PLUGINS, parse: readWasmPlugin }, sources.wasmPlugins),
  ];
  return graph.union('resource statuses', [ofPolicies, ofPeers, ofServiceEntries, ofWorkloadEntries, ...ofLayer7]);
}

/** Of a kind whose resources get a status only when something is wrong with them. */
function problemsOf(graph: Graph, kind: MeshKind<unknown>, source: Collection<unknown>): Collection<ResourceStatus> {
  return graph.deriveMany(
    `problems of ${kind.plural}`,
    source,
    (object) => {
      const parsed = kind.parse(object);
      const condition = conditionOf(parsed, OTHER, '', null);
      return [statusOf(kind.kind as StatusKind, parsed.meta, condition.accepted ? null : condition)];
    },
    { key },
  );
}

function lostBy(
  claim: ServiceClaim,
  winner: ServiceClaim | undefined,
  lost: readonly { readonly lost: string; readonly winner: string }[],
): readonly string[] {
  if (winner !== undefined && winner !== claim)
    return [`spec.hosts: ${claim.hostname} already belongs to ${winner.key}; use another host`];
  return lost.map(
    (one) => `spec.addresses: ${one.lost.replace(/^\//, '')} already belongs to ${one.winner}; use another address`,
  );
}

function statusOf(kind: StatusKind, meta: ObjectMeta, condition: ResourceCondition | null): ResourceStatus {
  const { namespace, name, uid, generation } = meta;
  return { kind, namespace, name, uid, observedGeneration: generation, condition };
}

/** `conflict`: what keeps a resource that is right in itself from its effect. */
function conditionOf(
  { problems }: ParsedResource<unknown>,
  type: string,
  good: string,
  conflict: string | null,
): ResourceCondition {
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) {
    const more = errors.length > MAX_LISTED ? `; and ${errors.length - MAX_LISTED} more` : '';
    return {
      type,
      accepted: false,
      reason: 'InvalidValue',
      message: errors.slice(0, MAX_LISTED).map(formatProblem).join('; ') + more,
    };
  }
  if (conflict !== null)
    return {
      type,
      accepted: false,
      reason: conflict.startsWith('spec.selector') ? 'UnsupportedValue' : 'Conflicted',
      message: conflict,
    };
  return { type, accepted: true, reason: 'Accepted', message: good };
}
