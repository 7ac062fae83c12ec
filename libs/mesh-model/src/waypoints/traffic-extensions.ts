import {
  TRAFFIC_EXTENSIONS,
  WASM_PLUGINS,
  type FieldProblem,
  type ParsedResource,
  type TrafficExtensionSpec,
  type WasmPluginSpec,
} from '@weft/mesh-api';
import { readWrittenMessage } from '@weft/xds';
import { PATCHED_MESSAGES, type EnvoyPatch, type FilterPhase, type ReadPatches } from './envoy-patches.js';
import { EXTENSION_PREFIX, type ProxyExtension } from './proxy-extension.js';

type Attachment = Pick<WasmPluginSpec, 'selector' | 'targetRef' | 'targetRefs' | 'phase' | 'priority' | 'match'>;

/** A script or a module in every proxy that it is attached to. */
export function readTrafficExtension(object: unknown): ReadPatches {
  const { meta, spec, problems } = TRAFFIC_EXTENSIONS.parse(object);
  if (spec === null) return { meta, spec, problems };
  const { lua, wasm, phase, ...rest } = spec;
  const code = lua === undefined ? wasmCode(wasm!) : ({ kind: 'lua', script: lua.inlineCode } as const);
  const attachment = { ...rest, phase: phase === 'UNSPECIFIED' ? 'UNSPECIFIED_PHASE' : phase } as Attachment;
  return extended('trafficextension', { meta, code, attachment, problems });
}

export function readWasmPlugin(object: unknown): ReadPatches {
  const { meta, spec, problems } = WASM_PLUGINS.parse(object);
  if (spec === null) return { meta, spec, problems };
  return extended('wasmplugin', { meta, code: wasmCode(spec), attachment: spec, problems });
}

const wasmCode = (module: NonNullable<TrafficExtensionSpec['wasm']>): ProxyExtension['code'] => ({
  kind: 'wasm',
  layer: module.type === 'NETWORK' ? 'network' : 'http',
  module,
});

interface Read {
  readonly meta: ParsedResource<unknown>['meta'];
  readonly code: ProxyExtension['code'];
  readonly attachment: Attachment;
  readonly problems: readonly FieldProblem[];
}

/** By the phase: where the filter goes, and which of several is put there first. */
const PHASES: Readonly<Record<string, readonly [FilterPhase, number]>> = {
  AUTHN: ['tokens', 0],
  AUTHZ: ['policies', 1],
  STATS: ['end', 2],
  UNSPECIFIED_PHASE: ['end', 3],
};

function extended(kind: string, { meta, code, attachment, problems }: Read): ReadPatches {
  const { selector, targetRef, targetRefs, priority = 0, match } = attachment;
  const { namespace, generation } = meta;
  const extension = { name: `${EXTENSION_PREFIX}${kind}/${namespace}.${meta.name}`, namespace, generation, code };
  const [phase, rank] = PHASES[attachment.phase ?? 'UNSPECIFIED_PHASE']!;
  return {
    meta,
    spec: {
      meta,
      targetRefs: [...(targetRef === undefined ? [] : [targetRef]), ...targetRefs],
      selector: selector?.matchLabels ?? null,
      // Its highest priority goes first.
      order: [rank, -priority],
      patches: [
        ...patchesFor('SIDECAR_INBOUND', ['SERVER', 'CLIENT_AND_SERVER'], match, extension, phase),
        ...patchesFor('GATEWAY', ['CLIENT', 'CLIENT_AND_SERVER'], match, extension, phase),
      ],
      extension,
    },
    problems,
  };
}

/** A waypoint is the server of what goes through it; a gateway at the edge is a client, as in Istio. */
function patchesFor(
  context: 'SIDECAR_INBOUND' | 'GATEWAY',
  modes: readonly string[],
  match: Attachment['match'],
  extension: ProxyExtension,
  phase: FilterPhase,
): readonly EnvoyPatch[] {
  const own = match.filter(({ mode = 'UNDEFINED' }) => mode === 'UNDEFINED' || modes.includes(mode));
  if (match.length > 0 && own.length === 0) return [];
  const everyPort = own.some(({ ports }) => ports.length === 0);
  const ports = everyPort ? [] : own.flatMap((one) => one.ports.map(({ number }) => number));
  const applyTo = isNetwork(extension) ? ('NETWORK_FILTER' as const) : ('HTTP_FILTER' as const);
  return [{ applyTo, operation: 'ADD', match: { context }, value: discoveredFilter(applyTo, extension), phase, ports }];
}

const isNetwork = ({ code }: ProxyExtension): boolean => code.kind === 'wasm' && code.layer === 'network';

/** The agent of a proxy puts one of the second types in place of a module that cannot be had. */
function typesOf({ code }: ProxyExtension): readonly string[] {
  if (code.kind === 'lua') return ['envoy.extensions.filters.http.lua.v3.Lua'];
  return ['wasm.v3.Wasm', 'rbac.v3.RBAC'].map((type) => `envoy.extensions.filters.${code.layer}.${type}`);
}

/** Its configuration comes by name. Without a deadline: traffic must not pass before it is there. */
function discoveredFilter(applyTo: 'NETWORK_FILTER' | 'HTTP_FILTER', extension: ProxyExtension): Uint8Array {
  const read = readWrittenMessage(PATCHED_MESSAGES[applyTo], {
    name: extension.name,
    config_discovery: {
      config_source: { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' },
      type_urls: typesOf(extension).map((type) => `type.googleapis.com/${type}`),
    },
  });
  if (!read.ok) throw new Error(read.error);
  return read.value;
}
