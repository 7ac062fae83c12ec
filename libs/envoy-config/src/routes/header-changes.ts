import type { HeaderValueOption } from '@weft/xds/gen/envoy/config/core/v3/base.js';
import { HeaderValueOption_HeaderAppendAction as Append } from '@weft/xds/gen/envoy/config/core/v3/base.js';
import type { Draft } from '../messages/draft.js';

type HeaderValueOptionDraft = Draft<typeof HeaderValueOption>;

export interface HeaderChanges {
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly add: readonly (readonly [name: string, value: string])[];
  readonly remove: readonly string[];
}

export const NO_CHANGES: HeaderChanges = { set: [], add: [], remove: [] };

/** Fields that routes and their weighted clusters share. Pseudo-headers cannot be changed and are left out. */
export function headerFields(request: HeaderChanges, response: HeaderChanges) {
  return {
    requestHeadersToAdd: toAdd(request),
    requestHeadersToRemove: [...request.remove].filter(isPlain).sort(),
    responseHeadersToAdd: toAdd(response),
    responseHeadersToRemove: [...response.remove].filter(isPlain).sort(),
  };
}

/** The value of the Host header that a change asks for; it is set by rewriting, not as a header. */
export function hostOf({ set }: HeaderChanges): string | undefined {
  return set.find(([name]) => isHost(name))?.[1];
}

const isHost = (name: string): boolean => name.toLowerCase() === 'host' || name === ':authority';
const isPlain = (name: string): boolean => !name.startsWith(':') && !isHost(name);

function toAdd({ set, add }: HeaderChanges): HeaderValueOptionDraft[] {
  const option =
    (appendAction: Append) =>
    ([key, value]: readonly [string, string]): HeaderValueOptionDraft => ({
      header: { key, value: literal(value) },
      appendAction,
      keepEmptyValue: true,
    });
  const sorted = (pairs: HeaderChanges['set']) =>
    pairs.filter(([name]) => isPlain(name)).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return [
    ...sorted(set).map(option(Append.OVERWRITE_IF_EXISTS_OR_ADD)),
    ...sorted(add).map(option(Append.APPEND_IF_EXISTS_OR_ADD)),
  ];
}

const WITH_ARGUMENT =
  'REQ|REQ_WITHOUT_QUERY|RESP|TRAILER|DYNAMIC_METADATA|CLUSTER_METADATA|UPSTREAM_METADATA|FILTER_STATE|UPSTREAM_FILTER_STATE|ENVIRONMENT';
const ADDRESS = '(?:REMOTE|LOCAL|DIRECT_REMOTE)_(?:ADDRESS(?:_WITHOUT_PORT)?|PORT)';
const CERTIFICATE = '(?:PEER|LOCAL)_(?:SUBJECT|ISSUER|URI_SAN|DNS_SAN)|PEER_(?:SERIAL|FINGERPRINT_256|FINGERPRINT_1)';
const WITHOUT = [
  'PROTOCOL|START_TIME|ROUTE_NAME|HOSTNAME|REQUESTED_SERVER_NAME|CONNECTION_ID|VIRTUAL_CLUSTER_NAME',
  'RESPONSE_CODE|RESPONSE_FLAGS|RESPONSE_CODE_DETAILS|BYTES_RECEIVED|BYTES_SENT|DURATION',
  `DOWNSTREAM_(?:${ADDRESS}|${CERTIFICATE}|TLS_VERSION|TLS_CIPHER|TLS_SESSION_ID)`,
  'UPSTREAM_(?:HOST|CLUSTER|REMOTE_ADDRESS(?:_WITHOUT_PORT)?|REMOTE_PORT|LOCAL_ADDRESS(?:_WITHOUT_PORT)?|LOCAL_PORT)',
].join('|');
const FORMAT = new RegExp(`^(?:[^%]|%%|%(?:(?:${WITH_ARGUMENT})\\([^()]+\\)(?::\\d+)?|${WITHOUT})%)*$`);

/** Commands such as `%REQ(name)%` stay Envoy's, as in Istio; any other percent sign would make it refuse all routes. */
const literal = (value: string): string => (FORMAT.test(value) ? value : value.replaceAll('%', '%%'));
