/** A status condition as metav1.Condition has it. */
export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown' | (string & {});
  reason?: string;
  message?: string;
  observedGeneration?: number;
  lastTransitionTime?: string;
}

/**
 * The conditions with `wanted` set. lastTransitionTime moves only when the status changes, other conditions keep their place,
 * and the very same array comes back when nothing changed, so that the caller can skip the write.
 */
export function setCondition<C extends Condition>(
  conditions: readonly C[] | undefined,
  wanted: C,
  now: string,
): readonly C[] {
  const current = conditions ?? [];
  const at = current.findIndex(({ type }) => type === wanted.type);
  const existing = current[at];
  const lastTransitionTime = existing?.status === wanted.status ? (existing.lastTransitionTime ?? now) : now;
  if (existing === undefined) return [...current, { ...wanted, lastTransitionTime }];
  const same =
    existing.status === wanted.status &&
    existing.reason === wanted.reason &&
    existing.message === wanted.message &&
    existing.observedGeneration === wanted.observedGeneration;
  return same
    ? current
    : current.map((condition, i) => (i === at ? { ...existing, ...wanted, lastTransitionTime } : condition));
}
