import { EXTENSION_PREFIX, PATCHED_MESSAGES, type EnvoyPatch, type FilterPhase } from '@weft/mesh-model';
import { mergeEncoded } from '@weft/xds';
import { Filter } from '@weft/xds/gen/envoy/config/listener/v3/listener_components.js';
import {
  HttpConnectionManager,
  HttpFilter,
} from '@weft/xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import type { Any } from '@weft/xds/gen/google/protobuf/any.js';
import type { FilterChainDraft } from '../chains/filter-chain.js';
import { matchesChain, type ChainPlace } from './patch-place.js';
import { patchedList, type ListItem } from './patched-list.js';

type FilterKind = 'NETWORK_FILTER' | 'HTTP_FILTER';

const HCM = `type.googleapis.com/${HttpConnectionManager.$type}`;
const MESSAGES = { NETWORK_FILTER: Filter, HTTP_FILTER: HttpFilter } as const;

/** The filters of a chain after the patches that are for them. */
export function patchedChain(
  chain: FilterChainDraft,
  patches: readonly EnvoyPatch[],
  where: Omit<ChainPlace, 'name'>,
): FilterChainDraft {
  const place: ChainPlace = { ...where, name: chain.name ?? '' };
  const here = patches.filter((patch) => matchesChain(patch, place));
  const network = here.filter(({ applyTo }) => applyTo === 'NETWORK_FILTER');
  const http = here.filter(({ applyTo }) => applyTo === 'HTTP_FILTER');
  if (network.length + http.length === 0) return chain;
  const encoded = (chain.filters ?? []).map((one) => Filter.encode(Filter.fromPartial(one)).finish());
  const filters = patchedFilters('NETWORK_FILTER', encoded, network).map((bytes) => Filter.decode(bytes));
  return { ...chain, filters: filters.map((one) => withHttpFilters(one, http)) };
}

function withHttpFilters(filter: Filter, patches: readonly EnvoyPatch[]): Filter {
  const { configType } = filter;
  if (patches.length === 0 || configType?.$case !== 'typedConfig' || configType.value.typeUrl !== HCM) return filter;
  const manager = HttpConnectionManager.decode(configType.value.value);
  const encoded = manager.httpFilters.map((one) => HttpFilter.encode(one).finish());
  manager.httpFilters = patchedFilters('HTTP_FILTER', encoded, patches).map((bytes) => HttpFilter.decode(bytes));
  const value = Buffer.from(HttpConnectionManager.encode(manager).finish());
  return { ...filter, configType: { $case: 'typedConfig', value: { ...configType.value, value } } };
}

function patchedFilters(
  kind: FilterKind,
  filters: readonly Uint8Array[],
  patches: readonly EnvoyPatch[],
): readonly Uint8Array[] {
  const read = (bytes: Uint8Array): ListItem => ({ name: MESSAGES[kind].decode(bytes).name, bytes });
  let items = filters.map(read);
  for (const patch of patches) {
    const name = filterNameOf(patch, kind);
    const patched = patchedList(items, patch, {
      matches: (item) => name === undefined || item.name === name,
      merge: (item, value) => ({ ...item, ...read(mergedFilter(kind, item.bytes, value)) }),
      read,
      placeOf: placeOfPhase,
    });
    items = [...keepLast(patched, items.at(-1))];
  }
  return items.map(({ bytes }) => bytes);
}

function filterNameOf({ match }: EnvoyPatch, kind: FilterKind): string | undefined {
  const filter = match.waypoint?.filter ?? match.listener?.filterChain?.filter;
  return kind === 'NETWORK_FILTER' ? filter?.name : filter?.subFilter?.name;
}

/** Envoy refuses a chain that does not end in the filter that answers or forwards: it stays, and stays last. */
function keepLast(items: readonly ListItem[], last: ListItem | undefined): readonly ListItem[] {
  if (last === undefined || items.at(-1) === last) return items;
  const at = items.findIndex(({ name }) => name === last.name);
  return [...items.filter((_, i) => i !== at), at < 0 ? last : items[at]!];
}

/** Configurations of one type merge; one of another type takes the place of the first. */
function mergedFilter(kind: FilterKind, base: Uint8Array, patch: Uint8Array): Uint8Array {
  const before = typedConfigOf(MESSAGES[kind].decode(base));
  const merged = mergeEncoded(PATCHED_MESSAGES[kind], base, patch);
  const after = typedConfigOf(MESSAGES[kind].decode(patch));
  if (before === undefined || after === undefined || before.typeUrl !== after.typeUrl || isOpaque(after)) return merged;
  const type = after.typeUrl.slice(after.typeUrl.lastIndexOf('/') + 1);
  const value: Any = { ...after, value: Buffer.from(mergeEncoded(type, before.value, after.value)) };
  const configType = { $case: 'typedConfig', value } as const;
  return kind === 'HTTP_FILTER'
    ? HttpFilter.encode({ ...HttpFilter.decode(merged), configType }).finish()
    : Filter.encode({ ...Filter.decode(merged), configType }).finish();
}

const typedConfigOf = ({ configType }: Pick<Filter | HttpFilter, 'configType'>): Any | undefined =>
  configType?.$case === 'typedConfig' ? configType.value : undefined;
const isOpaque = ({ typeUrl }: Any): boolean => typeUrl.endsWith('/xds.type.v3.TypedStruct');

const JWT = 'envoy.filters.http.jwt_authn';
const CUSTOM = /\.ext_authz$/;
const POLICY = /\.(rbac|ext_authz|jwt_authn)$/;

const isOurs = ({ name }: ListItem, what: RegExp): boolean => !name.startsWith(EXTENSION_PREFIX) && what.test(name);

/** Behind what was put there before for the same phase, or an earlier one. */
function placeOfPhase(items: readonly ListItem[], phase: FilterPhase): number {
  let place = firstPlaceOf(items, phase);
  while (
    place < items.length &&
    ORDER.indexOf(items[place]!.phase ?? 'end') <= ORDER.indexOf(phase) &&
    isAdded(items[place]!)
  )
    place++;
  return place;
}

const ORDER: readonly FilterPhase[] = ['tokens', 'policies', 'statistics', 'end'];
const isAdded = ({ phase }: ListItem): boolean => phase !== undefined;

/** By the filters that are there: external authorization, tokens, policies, statistics, and the last one. */
function firstPlaceOf(items: readonly ListItem[], phase: FilterPhase): number {
  const end = Math.max(0, items.length - 1);
  if (phase === 'end') return end;
  if (phase === 'statistics') return items.findLastIndex((one) => isOurs(one, POLICY)) + 1;
  const tokens = items.findIndex(({ name }) => name === JWT);
  if (tokens >= 0) return phase === 'tokens' ? tokens : tokens + 1;
  return items.findLastIndex((one) => isOurs(one, CUSTOM)) + 1;
}
