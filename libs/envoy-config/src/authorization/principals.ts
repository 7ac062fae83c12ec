import type { AuthorizationSource } from '@weft/mesh-api';
import { JWT_FILTER, JWT_PAYLOAD } from '../authentication/claim-matcher.js';
import { STATE_ORIGINAL_SRC, STATE_PEER_PRINCIPAL } from '../connections/well-known-keys.js';
import type { StringMatcherDraft } from '../routes/string-matcher.js';
import { constraints, PRINCIPALS, type PrincipalDraft } from './logic.js';
import {
  cidrRange,
  namespaceMatcher,
  principalMatcher,
  serviceAccountMatcher,
  SOMETHING,
  trustDomainMatcher,
  valueMatcher,
} from './value-matchers.js';

export type PrincipalOf = (value: string) => PrincipalDraft | null;

/** Of the tunnel's peer, as `connect_terminate` verified it: inside of the proxy there is no TLS. */
const identity = (matcher: StringMatcherDraft): PrincipalDraft => ({
  identifier: {
    $case: 'filterState',
    value: { key: STATE_PEER_PRINCIPAL, matcher: { $case: 'stringMatch', value: matcher } },
  },
});

export const byPrincipal: PrincipalOf = (value) => identity(principalMatcher(value));
export const byNamespace: PrincipalOf = (value) => identity(namespaceMatcher(value));
export const byServiceAccount =
  (policyNamespace: string): PrincipalOf =>
  (value) =>
    identity(serviceAccountMatcher(value, policyNamespace));
export const byTrustDomain: PrincipalOf = (value) => identity(trustDomainMatcher(value));

/** Of the tunnel's client; the peer of the inner connection is this proxy itself, and has no address. */
export const bySourceIp: PrincipalOf = (value) => {
  const range = cidrRange(value);
  if (range === null) return null;
  const matcher = { $case: 'addressMatch' as const, value: { ranges: [range] } };
  return { identifier: { $case: 'filterState', value: { key: STATE_ORIGINAL_SRC, matcher } } };
};
/** With the addresses that proxies before this one wrote into headers. */
export const byRemoteIp: PrincipalOf = (value) => {
  const range = cidrRange(value);
  return range === null ? null : { identifier: { $case: 'remoteIp', value: range } };
};

const claim = (name: string, matcher: StringMatcherDraft): PrincipalDraft => ({
  identifier: {
    $case: 'metadata',
    value: {
      filter: JWT_FILTER,
      path: [JWT_PAYLOAD, name].map((key) => ({ segment: { $case: 'key', value: key } })),
      value: { matchPattern: { $case: 'stringMatch', value: matcher } },
    },
  },
});

/** Of the verified token, `issuer/subject`; the last slash divides, and either half may have a wildcard. */
export const byRequestPrincipal: PrincipalOf = (value) => {
  if (value === '*') return PRINCIPALS.all([claim('iss', SOMETHING), claim('sub', SOMETHING)]);
  const slash = value.lastIndexOf('/');
  const half = (text: string): StringMatcherDraft => (text === '' ? SOMETHING : (valueMatcher(text) ?? SOMETHING));
  if (slash < 0) {
    return value.startsWith('*')
      ? PRINCIPALS.all([claim('iss', SOMETHING), claim('sub', half(value))])
      : PRINCIPALS.all([claim('iss', half(value)), claim('sub', SOMETHING)]);
  }
  return PRINCIPALS.all([claim('iss', half(value.slice(0, slash))), claim('sub', half(value.slice(slash + 1)))]);
};

/** One `source` of a rule; `tcp` leaves out what only requests have. */
export function sourcePrincipal(
  source: AuthorizationSource,
  policyNamespace: string,
  stack: 'http' | 'tcp',
): PrincipalDraft {
  const of = (termOf: PrincipalOf, values: readonly string[] = [], notValues: readonly string[] = []) =>
    constraints(PRINCIPALS, termOf, values, notValues);
  const http =
    stack === 'http'
      ? [
          ...of(byRequestPrincipal, source.requestPrincipals, source.notRequestPrincipals),
          ...of(byRemoteIp, source.remoteIpBlocks, source.notRemoteIpBlocks),
        ]
      : of(bySourceIp, source.remoteIpBlocks, source.notRemoteIpBlocks);
  return PRINCIPALS.all([
    ...of(byPrincipal, source.principals, source.notPrincipals),
    ...of(byServiceAccount(policyNamespace), source.serviceAccounts, source.notServiceAccounts),
    ...of(byTrustDomain, source.trustDomains, source.notTrustDomains),
    ...of(byNamespace, source.namespaces, source.notNamespaces),
    ...of(bySourceIp, source.ipBlocks, source.notIpBlocks),
    ...http,
  ]);
}
