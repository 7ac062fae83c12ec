import {
  ANNOTATION_DRY_RUN,
  formatProblem,
  isWithin,
  type AuthorizationPolicy,
  type FieldProblem,
} from '@weft/mesh-api';
import { Action, Authorization, Scope, type Group } from '@weft/xds/gen/mesh/security/authorization.js';
import { convertAllowRule, convertDenyRule, type RuleContext } from './convert-authorization-rule.js';

export interface PolicyConversionOptions {
  readonly rootNamespace: string;
  /** Send dry-run policies to ztunnel, which then logs what they would decide. Otherwise they are left out. */
  readonly dryRunEnabled: boolean;
  /** All names of the mesh; principals that name one stand for all. Default: as written. */
  readonly trustDomains?: readonly string[];
}

/** For the status condition: whether ztunnel enforces the policy as written. */
export interface PolicyVerdict {
  readonly accepted: boolean;
  readonly reason: 'Accepted' | 'UnsupportedValue' | 'InvalidValue' | 'NotForZtunnel';
  readonly message: string;
}

export interface ConvertedAuthorizationPolicy {
  /** Null when nothing of it goes to ztunnel. */
  readonly authorization: Authorization | null;
  /** Labels that select workloads; null when the scope is a namespace or the mesh. */
  readonly selector: Readonly<Record<string, string>> | null;
  readonly verdict: PolicyVerdict;
}

const MAX_LISTED = 5;

/**
 * An AuthorizationPolicy for ztunnel. What Layer 4 cannot decide, and what cannot be read, fails closed: such a rule of an
 * ALLOW policy allows nothing, and of a DENY policy the broken field is dropped, so that more is denied.
 */
export function convertAuthorizationPolicy(
  policy: AuthorizationPolicy,
  options: PolicyConversionOptions,
): ConvertedAuthorizationPolicy {
  const { meta, spec, problems } = policy;
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (spec === null) return unsent('InvalidValue', `not enforced: ${listed(errors)}`);
  if (spec.targetRefs.length > 0)
    return unsent('NotForZtunnel', 'enforced by the waypoint or gateway that targetRefs name');
  if (spec.action === 'AUDIT' || spec.action === 'CUSTOM') {
    return unsent(
      'UnsupportedValue',
      `spec.action: ztunnel cannot enforce ${spec.action}; attach the policy to a waypoint with targetRefs`,
    );
  }
  const dryRun = /^(true|t|1)$/i.test(meta.annotations[ANNOTATION_DRY_RUN] ?? '');
  if (dryRun && !options.dryRunEnabled) {
    return unsent(
      'UnsupportedValue',
      `metadata.annotations[${ANNOTATION_DRY_RUN}]: dry-run is off; set AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY=true`,
    );
  }
  const layer7 = new Set<string>();
  const groups = spec.rules.flatMap((rule, i) => {
    const context: RuleContext = {
      policyNamespace: meta.namespace,
      trustDomains: options.trustDomains ?? [],
      path: `spec.rules[${i}]`,
      broken: (path) => errors.some(({ field }) => isWithin(field, path)),
      onLayer7: (path) => layer7.add(path),
    };
    const group = spec.action === 'DENY' ? convertDenyRule(rule, context) : convertAllowRule(rule, context);
    return group === null ? [] : [group];
  });
  const selector = spec.selector?.matchLabels ?? null;
  const authorization = Authorization.fromPartial({
    name: meta.name,
    namespace: meta.namespace,
    scope:
      selector !== null
        ? Scope.WORKLOAD_SELECTOR
        : meta.namespace === options.rootNamespace
          ? Scope.GLOBAL
          : Scope.NAMESPACE,
    action: spec.action === 'DENY' ? Action.DENY : Action.ALLOW,
    groups,
    dryRun,
  });
  return { authorization, selector, verdict: verdictOf(spec.action, groups, errors, layer7) };
}

function verdictOf(
  action: 'ALLOW' | 'DENY',
  groups: readonly Group[],
  errors: readonly FieldProblem[],
  layer7: ReadonlySet<string>,
): PolicyVerdict {
  if (errors.length > 0) {
    const effect =
      action === 'DENY'
        ? 'until then the fields named deny more than written'
        : 'until then the rules concerned allow nothing';
    return { accepted: false, reason: 'InvalidValue', message: `${listed(errors)}; ${effect}` };
  }
  if (layer7.size > 0) {
    const fields = [...layer7].slice(0, MAX_LISTED).join(', ');
    const message = `ztunnel cannot decide by Layer 7 (${fields}); attach the policy to a waypoint with targetRefs; ${effectOf(action, groups)}`;
    return { accepted: true, reason: 'UnsupportedValue', message };
  }
  return { accepted: true, reason: 'Accepted', message: 'enforced by ztunnel' };
}

function effectOf(action: 'ALLOW' | 'DENY', groups: readonly Group[]): string {
  if (action === 'ALLOW') return 'until then the rules concerned allow nothing';
  const effective = groups.some(({ rules }) =>
    rules.every(({ matches }) =>
      matches.some((match) => Object.values(match).some((v) => Array.isArray(v) && v.length > 0)),
    ),
  );
  return effective
    ? 'until then the rest of the rules denies more than written'
    : 'until then the policy has no effect';
}

const unsent = (reason: PolicyVerdict['reason'], message: string): ConvertedAuthorizationPolicy => ({
  authorization: null,
  selector: null,
  verdict: { accepted: reason === 'NotForZtunnel', reason, message },
});

function listed(errors: readonly FieldProblem[]): string {
  const more = errors.length > MAX_LISTED ? `, and ${errors.length - MAX_LISTED} more` : '';
  return errors.slice(0, MAX_LISTED).map(formatProblem).join('; ') + more;
}
