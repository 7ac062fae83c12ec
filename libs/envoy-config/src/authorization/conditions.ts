import type { AuthorizationCondition } from '@weft/mesh-api';
import { jwtClaimMatchers } from '../authentication/claim-matcher.js';
import { constraints, PERMISSIONS, PRINCIPALS, type PermissionDraft, type PrincipalDraft } from './logic.js';
import { byDestinationIp, byPort, byServerName, type PermissionOf } from './permissions.js';
import {
  byNamespace,
  byPrincipal,
  byRemoteIp,
  byRequestPrincipal,
  byServiceAccount,
  bySourceIp,
  byTrustDomain,
  type PrincipalOf,
} from './principals.js';
import { SOMETHING, valueMatcher } from './value-matchers.js';

const FILTER_METADATA = /^experimental\.(envoy\.filters\.[^\][]+)\[([^\][]+)\]$/;

export interface ConditionTerms {
  readonly permissions: readonly PermissionDraft[];
  readonly principals: readonly PrincipalDraft[];
}

const PERMISSION_KEYS: Readonly<Record<string, PermissionOf>> = {
  'destination.ip': byDestinationIp,
  'destination.port': byPort,
  'connection.sni': byServerName,
};
const PRINCIPAL_KEYS: Readonly<Record<string, PrincipalOf>> = {
  'source.ip': bySourceIp,
  'source.namespace': byNamespace,
  'source.principal': byPrincipal,
  'source.trustDomain': byTrustDomain,
};

/** One `when`. Null: its key cannot be used here, so that the rule cannot be told. */
export function conditionTerms(
  { key, values, notValues }: AuthorizationCondition,
  policyNamespace: string,
  stack: 'http' | 'tcp',
): ConditionTerms | null {
  const permission = PERMISSION_KEYS[key];
  if (permission !== undefined)
    return { permissions: constraints(PERMISSIONS, permission, values, notValues), principals: [] };
  const principal = PRINCIPAL_KEYS[key] ?? principalOf(key, policyNamespace, stack);
  return principal === null
    ? null
    : { permissions: [], principals: constraints(PRINCIPALS, principal, values, notValues) };
}

function principalOf(key: string, policyNamespace: string, stack: 'http' | 'tcp'): PrincipalOf | null {
  if (key === 'source.serviceAccount') return byServiceAccount(policyNamespace);
  if (stack === 'tcp') return key === 'remote.ip' ? bySourceIp : null;
  if (key === 'remote.ip') return byRemoteIp;
  if (key === 'request.auth.principal') return byRequestPrincipal;
  if (key === 'request.auth.audiences') return byClaim(['aud']);
  if (key === 'request.auth.presenter') return byClaim(['azp']);
  const header = /^request\.headers\[([^\][]+)\]$/.exec(key)?.[1];
  if (header !== undefined) return byHeader(header);
  const [, filter = '', inner = ''] = FILTER_METADATA.exec(key) ?? [];
  if (filter !== '') return byMetadata(filter, inner);
  const path = [...(/^request\.auth\.claims((?:\[[^\][]+\])+)$/.exec(key)?.[1] ?? '').matchAll(/\[([^\][]+)\]/g)];
  return path.length > 0 ? byClaim(path.map(([, part]) => part!)) : null;
}

const byClaim =
  (claim: readonly string[]): PrincipalOf =>
  (value) => ({ identifier: { $case: 'metadata', value: jwtClaimMatchers(claim, valueMatcher(value)) } });

/** What another filter left; `[text]` around a value asks for it in a list, as Istio has it. */
const byMetadata =
  (filter: string, key: string): PrincipalOf =>
  (value) => {
    const inList = /^\[(.*)\]$/.exec(value)?.[1];
    const text = { matchPattern: { $case: 'stringMatch' as const, value: valueMatcher(inList ?? value) ?? SOMETHING } };
    return {
      identifier: {
        $case: 'metadata',
        value: {
          filter,
          path: [{ segment: { $case: 'key', value: key } }],
          value:
            inList === undefined
              ? text
              : { matchPattern: { $case: 'listMatch', value: { matchPattern: { $case: 'oneOf', value: text } } } },
        },
      },
    };
  };

const byHeader =
  (name: string): PrincipalOf =>
  (value) => {
    const matcher = valueMatcher(value);
    return {
      identifier: {
        $case: 'header',
        value: {
          name: name.toLowerCase(),
          headerMatchSpecifier:
            matcher === null ? { $case: 'presentMatch', value: true } : { $case: 'stringMatch', value: matcher },
        },
      },
    };
  };
