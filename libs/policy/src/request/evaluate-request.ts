import {
  ANNOTATION_DRY_RUN,
  type AuthorizationCondition,
  type AuthorizationOperation,
  type AuthorizationPolicy,
  type AuthorizationRule,
  type AuthorizationSource,
} from '@weft/mesh-api';
import type { RuleHit } from '../evaluate.js';
import * as of from './attribute-tests.js';
import type { TestOf } from './attribute-tests.js';
import type { RequestAttributes } from './request-attributes.js';

export interface RequestDecision {
  readonly decision: 'allow' | 'deny';
  /** The rule that decided; null when none did. */
  readonly hit: RuleHit | null;
  /** Rules of AUDIT policies that matched. */
  readonly audited: readonly RuleHit[];
  /** Providers that CUSTOM policies ask first; any of them may still refuse. */
  readonly asked: readonly string[];
}

/**
 * Decides a request by the policies that apply to it, as Istio specifies them: what matches a DENY rule is denied; without
 * ALLOW policies the rest is allowed; else some ALLOW rule must match. Policies for a trial decide nothing. Reads the policies
 * themselves and knows nothing of Envoy, which is measured against this.
 *
 * Expects policies without errors; whoever enforces others fails closed.
 */
export function evaluateRequest(request: RequestAttributes, policies: readonly AuthorizationPolicy[]): RequestDecision {
  const enforced = policies.filter(({ meta }) => meta.annotations[ANNOTATION_DRY_RUN] !== 'true');
  const hits = (action: string): readonly RuleHit[] =>
    enforced.filter(({ spec }) => spec?.action === action).flatMap((policy) => hitOf(policy, request) ?? []);
  const custom = policies.filter(({ spec }) => spec?.action === 'CUSTOM');
  const asked = custom.flatMap((policy) => (hitOf(policy, request) === null ? [] : [policy.spec?.provider ?? '']));
  const about = { audited: hits('AUDIT'), asked: [...new Set(asked)].sort() };
  const [denied] = hits('DENY');
  if (denied !== undefined) return { decision: 'deny', hit: denied, ...about };
  if (!enforced.some(({ spec }) => spec?.action === 'ALLOW')) return { decision: 'allow', hit: null, ...about };
  const [allowed] = hits('ALLOW');
  return { decision: allowed === undefined ? 'deny' : 'allow', hit: allowed ?? null, ...about };
}

function hitOf({ meta, spec }: AuthorizationPolicy, request: RequestAttributes): RuleHit | null {
  const rule = spec!.rules.findIndex((one) => ruleMatches(one, meta.namespace, request));
  return rule < 0 ? null : { policy: `${meta.namespace}/${meta.name}`, rule };
}

function ruleMatches({ from, to, when = [] }: AuthorizationRule, namespace: string, request: RequestAttributes) {
  return (
    (from === undefined || from.some((one) => sourceMatches(one, namespace, request))) &&
    (to === undefined || to.some((one) => operationMatches(one, request))) &&
    when.every((one) => conditionMatches(one, namespace, request))
  );
}

type Lists = Partial<Record<string, readonly string[]>>;

/** Of the values of each field at least one, of those of its `not` twin none. */
function listsMatch(lists: Lists, tests: Readonly<Record<string, TestOf>>, request: RequestAttributes): boolean {
  return Object.entries(tests).every(([name, testOf]) => {
    const not = `not${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    return valuesMatch(testOf, lists[name] ?? [], lists[not] ?? [], request);
  });
}

function valuesMatch(
  testOf: TestOf,
  values: readonly string[],
  notValues: readonly string[],
  request: RequestAttributes,
): boolean {
  const some = (list: readonly string[]): boolean => list.some((value) => testOf(value)(request));
  return (values.length === 0 || some(values)) && !some(notValues);
}

const sourceMatches = (source: AuthorizationSource, namespace: string, request: RequestAttributes): boolean =>
  listsMatch(
    source,
    {
      principals: of.principal,
      requestPrincipals: of.requestPrincipal,
      namespaces: of.namespace,
      serviceAccounts: of.serviceAccount(namespace),
      trustDomains: of.trustDomain,
      ipBlocks: of.sourceIp,
      remoteIpBlocks: of.remoteIp,
    },
    request,
  );

const operationMatches = (operation: AuthorizationOperation, request: RequestAttributes): boolean =>
  listsMatch(operation, { hosts: of.host, methods: of.method, paths: of.path, ports: of.port }, request);

const KEYS: Readonly<Record<string, TestOf>> = {
  'source.ip': of.sourceIp,
  'remote.ip': of.remoteIp,
  'source.namespace': of.namespace,
  'source.principal': of.principal,
  'source.trustDomain': of.trustDomain,
  'request.auth.principal': of.requestPrincipal,
  'request.auth.audiences': of.claim(['aud']),
  'request.auth.presenter': of.claim(['azp']),
  'destination.ip': of.destinationIp,
  'destination.port': of.port,
  'connection.sni': of.serverName,
};

function conditionMatches(
  { key, values, notValues }: AuthorizationCondition,
  namespace: string,
  request: RequestAttributes,
): boolean {
  const test = KEYS[key] ?? nested(key, namespace);
  return test !== null && valuesMatch(test, values, notValues, request);
}

function nested(key: string, namespace: string): TestOf | null {
  if (key === 'source.serviceAccount') return of.serviceAccount(namespace);
  const header = /^request\.headers\[([^\][]+)\]$/.exec(key)?.[1];
  if (header !== undefined) return of.header(header.toLowerCase());
  const claims = /^request\.auth\.claims((?:\[[^\][]+\])+)$/.exec(key)?.[1];
  return claims === undefined ? null : of.claim([...claims.matchAll(/\[([^\][]+)\]/g)].map(([, name]) => name!));
}
