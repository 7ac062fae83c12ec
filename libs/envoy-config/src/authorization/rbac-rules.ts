import { ANNOTATION_DRY_RUN, isWithin, type AuthorizationPolicy, type AuthorizationRule } from '@weft/mesh-api';
import { RBAC_Action, type Policy, type RBAC } from '@weft/xds/gen/envoy/config/rbac/v3/rbac.js';
import type { Draft } from '../messages/draft.js';
import { conditionTerms } from './conditions.js';
import { PERMISSIONS, PRINCIPALS, type PermissionDraft, type PrincipalDraft } from './logic.js';
import { operationPermission } from './permissions.js';
import { sourcePrincipal } from './principals.js';

export type RbacDraft = Draft<typeof RBAC>;
type PolicyDraft = Draft<typeof Policy>;
type Stack = 'http' | 'tcp';

export interface RbacRules {
  readonly enforced: RbacDraft | null;
  /** Only counted. */
  readonly dryRun: RbacDraft | null;
}

const NOTHING: PolicyDraft = {
  permissions: [PERMISSIONS.not({ rule: { $case: 'any', value: true } })],
  principals: [PRINCIPALS.not({ identifier: { $case: 'any', value: true } })],
};

/** Requests have these; connections do not. */
const HTTP_FIELDS = {
  source: ['requestPrincipals', 'notRequestPrincipals'],
  operation: ['hosts', 'notHosts', 'methods', 'notMethods', 'paths', 'notPaths'],
} as const;
const HTTP_KEY = /^(request\.|experimental\.)/;

/**
 * The policies of one action as Envoy's rules. What cannot be told fails closed: an ALLOW rule allows nothing then, a DENY
 * rule loses the field and denies more.
 *
 * @see https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/rbac/v3/rbac.proto
 */
export function rbacRules(
  policies: readonly AuthorizationPolicy[],
  action: 'AUDIT' | 'DENY' | 'ALLOW',
  stack: Stack,
): RbacRules {
  const own = policies.filter(({ spec }) => spec?.action === action);
  const isDryRun = ({ meta }: AuthorizationPolicy): boolean => meta.annotations[ANNOTATION_DRY_RUN] === 'true';
  return {
    enforced: rbac(
      own.filter((policy) => !isDryRun(policy)),
      action,
      stack,
    ),
    dryRun: rbac(own.filter(isDryRun), action, stack),
  };
}

/** Put around the name of each rule. */
export interface RuleNaming {
  readonly prefix?: string;
  readonly suffix?: string;
}

/** Null without policies. */
export function rbac(
  policies: readonly AuthorizationPolicy[],
  action: 'AUDIT' | 'CUSTOM' | 'DENY' | 'ALLOW',
  stack: Stack,
  { prefix = '', suffix = '' }: RuleNaming = {},
): RbacDraft | null {
  if (policies.length === 0) return null;
  const named: Record<string, PolicyDraft> = {};
  for (const policy of policies) {
    const { meta, spec } = policy;
    const name = (i: number): string => `${prefix}ns[${meta.namespace}]-policy[${meta.name}]-rule[${i}]${suffix}`;
    if (spec!.rules.length === 0) named[name(0)] = NOTHING;
    for (const [i, rule] of spec!.rules.entries()) {
      const built =
        action === 'ALLOW' && !isTellable(policy, rule, i, stack) ? NOTHING : ruleOf(rule, meta.namespace, stack);
      named[name(i)] = built;
    }
  }
  const envoyAction = action === 'ALLOW' ? RBAC_Action.ALLOW : action === 'AUDIT' ? RBAC_Action.LOG : RBAC_Action.DENY;
  return {
    action: envoyAction,
    policies: Object.fromEntries(Object.entries(named).sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

function isTellable(policy: AuthorizationPolicy, rule: AuthorizationRule, i: number, stack: Stack): boolean {
  const broken = policy.problems.some(
    ({ severity, field }) => severity === 'error' && isWithin(field, `spec.rules[${i}]`),
  );
  if (broken || (rule.when ?? []).some((one) => conditionTerms(one, '', stack) === null)) return false;
  return stack === 'http' || !needsHttp(rule);
}

function needsHttp({ from = [], to = [], when = [] }: AuthorizationRule): boolean {
  return (
    from.some((source) => HTTP_FIELDS.source.some((field) => source[field] !== undefined)) ||
    to.some((operation) => HTTP_FIELDS.operation.some((field) => operation[field] !== undefined)) ||
    when.some(({ key }) => HTTP_KEY.test(key))
  );
}

function ruleOf({ from = [], to = [], when = [] }: AuthorizationRule, namespace: string, stack: Stack): PolicyDraft {
  const conditions = when.flatMap((one) => conditionTerms(one, namespace, stack) ?? []);
  const permissions = conditions.flatMap((one) => one.permissions);
  const principals = conditions.flatMap((one) => one.principals);
  const tos: readonly (PermissionDraft | null)[] =
    to.length === 0 ? [null] : to.map((one) => operationPermission(one, stack));
  const froms: readonly (PrincipalDraft | null)[] =
    from.length === 0 ? [null] : from.map((one) => sourcePrincipal(one, namespace, stack));
  return {
    permissions: tos.map((one) => PERMISSIONS.all([...(one === null ? [] : [one]), ...permissions])),
    principals: froms.map((one) => PRINCIPALS.all([...(one === null ? [] : [one]), ...principals])),
  };
}
