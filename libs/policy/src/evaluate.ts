import type { PolicyConnection } from './evaluate-match.js';
import type { CompiledPolicy } from './evaluate-policy.js';

/** A rule that matched. */
export interface RuleHit {
  /** `namespace/name`. */
  readonly policy: string;
  readonly rule: number;
}

export type PolicyDecision =
  | { readonly decision: 'allow'; readonly hit: RuleHit | null; readonly dryRun: DryRunDecision | null }
  | {
      readonly decision: 'deny';
      /** The denying rule; null when ALLOW policies exist and none matched. */
      readonly hit: RuleHit | null;
      /** ALLOW policies that did not match, `namespace/name`; empty for an explicit denial. */
      readonly unmatched: readonly string[];
      readonly reason: string;
      readonly dryRun: DryRunDecision | null;
    };

/** What the dry-run policies would have said; for logs only. */
export interface DryRunDecision {
  readonly denied: RuleHit | null;
  readonly allowed: RuleHit | null;
}

/**
 * Decides one connection by the policies that apply to its destination.
 *
 * Order: any matching DENY denies; no ALLOW policy allows; else some ALLOW must match. Dry-run policies change nothing.
 * Pure; O(policies x rules). Never throws: a policy that cannot be read was rejected by `compilePolicy`.
 */
export function evaluatePolicies(connection: PolicyConnection, policies: Iterable<CompiledPolicy>): PolicyDecision {
  const allows: CompiledPolicy[] = [];
  const dryRunAllows: CompiledPolicy[] = [];
  let dryRunDenied: RuleHit | null = null;
  let denied: RuleHit | null = null;
  for (const policy of policies) {
    if (policy.action === 'allow') (policy.dryRun ? dryRunAllows : allows).push(policy);
    else if (policy.dryRun) dryRunDenied ??= hitOf(policy, connection);
    else denied ??= hitOf(policy, connection);
  }
  const dryRunAllowed = firstHit(dryRunAllows, connection);
  const dryRun =
    dryRunDenied === null && dryRunAllows.length === 0 ? null : { denied: dryRunDenied, allowed: dryRunAllowed };
  if (denied !== null) {
    return { decision: 'deny', hit: denied, unmatched: [], reason: `explicitly denied by: ${denied.policy}`, dryRun };
  }
  if (allows.length === 0) return { decision: 'allow', hit: null, dryRun };
  const allowed = firstHit(allows, connection);
  if (allowed !== null) return { decision: 'allow', hit: allowed, dryRun };
  const unmatched = allows.map(({ key }) => key);
  return { decision: 'deny', hit: null, unmatched, reason: 'allow policies exist, but none allowed', dryRun };
}

function hitOf(policy: CompiledPolicy, connection: PolicyConnection): RuleHit | null {
  const rule = policy.matches(connection);
  return rule === null ? null : { policy: policy.key, rule };
}

function firstHit(policies: readonly CompiledPolicy[], connection: PolicyConnection): RuleHit | null {
  for (const policy of policies) {
    const hit = hitOf(policy, connection);
    if (hit !== null) return hit;
  }
  return null;
}
