import type { PolicyDecision } from '@weft/policy';

/** A denial with the policies that caused it by name. */
export function describeDenial({ reason, unmatched }: Extract<PolicyDecision, { decision: 'deny' }>): string {
  return unmatched.length === 0 ? reason : `${reason} (${unmatched.join(', ')})`;
}
