import {
  ENVOY_FILTERS,
  type ConfigPatch,
  type FieldProblem,
  type ParsedResource,
  type PolicyTargetReference,
} from '@weft/mesh-api';
import { readWrittenMessage } from '@weft/xds';
import type { ProxyExtension } from './proxy-extension.js';

/** The message that a patch of each kind has as its value. */
export const PATCHED_MESSAGES = {
  CLUSTER: 'envoy.config.cluster.v3.Cluster',
  LISTENER: 'envoy.config.listener.v3.Listener',
  NETWORK_FILTER: 'envoy.config.listener.v3.Filter',
  HTTP_FILTER: 'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter',
  ROUTE_CONFIGURATION: 'envoy.config.route.v3.RouteConfiguration',
  VIRTUAL_HOST: 'envoy.config.route.v3.VirtualHost',
  HTTP_ROUTE: 'envoy.config.route.v3.Route',
} as const;
export type PatchedKind = keyof typeof PATCHED_MESSAGES;

const OF_LISTS = ['ADD', 'REMOVE', 'MERGE', 'INSERT_BEFORE', 'INSERT_AFTER', 'INSERT_FIRST'] as const;
const OPERATIONS = {
  CLUSTER: ['ADD', 'REMOVE', 'MERGE'],
  LISTENER: ['MERGE'],
  NETWORK_FILTER: [...OF_LISTS, 'REPLACE'],
  HTTP_FILTER: [...OF_LISTS, 'REPLACE'],
  ROUTE_CONFIGURATION: ['MERGE'],
  VIRTUAL_HOST: ['ADD', 'REMOVE', 'MERGE'],
  HTTP_ROUTE: OF_LISTS,
} as const;
export type PatchOperation = (typeof OF_LISTS)[number] | 'REPLACE';

/** Where a filter is added: before tokens are read, before policies decide, before requests are counted, or last. */
export type FilterPhase = 'tokens' | 'policies' | 'statistics' | 'end';

/** A change of what Envoy is given. */
export interface EnvoyPatch {
  readonly applyTo: PatchedKind;
  readonly operation: PatchOperation;
  readonly match: NonNullable<ConfigPatch['match']>;
  /** Encoded, see `PATCHED_MESSAGES`; null for REMOVE. */
  readonly value: Uint8Array | null;
  /** For ADD of a filter. */
  readonly phase: FilterPhase;
  /** Only for traffic to these ports of services; none: to all. */
  readonly ports: readonly number[];
}

/** An EnvoyFilter, TrafficExtension or WasmPlugin as far as waypoints and gateways can follow it. */
export interface EnvoyPatches {
  readonly meta: ParsedResource<unknown>['meta'];
  readonly targetRefs: readonly PolicyTargetReference[];
  /** Labels of the pods of gateways at the edge; null: all that the other fields leave. Selects no waypoint. */
  readonly selector: Readonly<Record<string, string>> | null;
  /** The lowest goes first: by their first numbers, and by the next where those are equal. */
  readonly order: readonly [number, number];
  readonly patches: readonly EnvoyPatch[];
  /** What the filter that is added runs; null: its configuration is in the patch. */
  readonly extension: ProxyExtension | null;
}

export interface ReadPatches extends ParsedResource<EnvoyPatches> {
  readonly problems: readonly FieldProblem[];
}

/** What must be written to be understood goes with the problems; the other patches of the resource hold. */
export function readEnvoyFilter(object: unknown): ReadPatches {
  const { meta, spec, problems } = ENVOY_FILTERS.parse(object);
  if (spec === null) return { meta, spec, problems };
  const read = readPatches(object);
  return {
    meta,
    spec: {
      meta,
      targetRefs: spec.targetRefs,
      selector: spec.workloadSelector?.labels ?? null,
      order: [0, spec.priority ?? 0],
      patches: read.flatMap((one) => ('applyTo' in one ? [one] : [])),
      extension: null,
    },
    problems: [...problems, ...read.flatMap((one) => ('problem' in one ? [one] : []))],
  };
}

/** What is wrong in the values of patches, which only their messages tell. */
export const valueProblems = (object: unknown): readonly FieldProblem[] =>
  readPatches(object).flatMap((one) => ('problem' in one && one.field.endsWith('.value') ? [one] : []));

/** One by one: a list leaves out what cannot be read of it, and with that the places of the others. */
function readPatches(object: unknown): readonly (EnvoyPatch | FieldProblem)[] {
  const { spec, ...rest } = object as { readonly spec?: { readonly configPatches?: unknown } };
  const written: readonly unknown[] = Array.isArray(spec?.configPatches) ? spec.configPatches : [];
  return written.flatMap((one, i) => {
    const alone = ENVOY_FILTERS.parse({ ...rest, spec: { configPatches: [one] } }).spec?.configPatches[0];
    return alone === undefined ? [] : [readPatch(alone, `spec.configPatches[${i}]`)];
  });
}

const fault = (field: string, problem: string, cure: string): FieldProblem => ({
  field,
  problem,
  cure,
  severity: 'error',
});

function readPatch({ applyTo, match, patch }: ConfigPatch, at: string): EnvoyPatch | FieldProblem {
  if (applyTo === undefined || patch?.operation === undefined)
    return fault(at, 'is incomplete', 'write applyTo and patch');
  if (!isPatched(applyTo)) {
    const cure = `use one of ${Object.keys(PATCHED_MESSAGES).join(', ')}`;
    return fault(`${at}.applyTo`, `${applyTo} cannot be patched in waypoints`, cure);
  }
  const operation = OPERATIONS[applyTo].find((one) => one === patch.operation);
  if (operation === undefined) {
    const cure = `use one of ${OPERATIONS[applyTo].join(', ')}`;
    return fault(`${at}.patch.operation`, `${patch.operation} does not fit applyTo ${applyTo}`, cure);
  }
  if (match?.proxy !== undefined)
    return fault(`${at}.match.proxy`, 'is not known of waypoints', 'choose waypoints by targetRefs');
  const phase = PHASES_OF_CLASSES[patch.filterClass ?? 'UNSPECIFIED'];
  const common = { applyTo, operation, match: match ?? {}, phase, ports: [] };
  if (operation === 'REMOVE') return { ...common, value: null };
  const read = readWrittenMessage(PATCHED_MESSAGES[applyTo], patch.value);
  if (read.ok) return { ...common, value: read.value };
  return fault(`${at}.patch.value`, read.error, `write it as ${PATCHED_MESSAGES[applyTo]} of Envoy has it`);
}

const isPatched = (kind: string): kind is PatchedKind => kind in PATCHED_MESSAGES;

/** An EnvoyFilter names what its filter comes after. */
const PHASES_OF_CLASSES = { UNSPECIFIED: 'end', AUTHN: 'policies', AUTHZ: 'statistics', STATS: 'end' } as const;
