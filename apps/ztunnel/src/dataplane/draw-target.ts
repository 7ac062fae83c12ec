import type { HboneTarget, OutboundPlan, PlainTarget } from './messages.js';

export type Drawn =
  { readonly kind: 'hbone'; readonly target: HboneTarget } | { readonly kind: 'plain'; readonly target: PlainTarget };

/**
 * Draws one target by weight. `not` is left out (it failed a moment ago) unless nothing else would remain, then null.
 * `random` is in [0, 1). Targets without any weight at all are drawn evenly.
 */
export function drawTarget(plan: OutboundPlan, not: Drawn | null, random: number): Drawn | null {
  const candidates = targetsOf(plan).filter(({ target }) => target !== not?.target);
  const total = candidates.reduce((sum, { target }) => sum + Math.max(0, target.weight), 0);
  if (total <= 0) return candidates[Math.floor(random * candidates.length)] ?? null;
  let left = random * total;
  for (const candidate of candidates) {
    left -= Math.max(0, candidate.target.weight);
    if (left < 0) return candidate;
  }
  return candidates.at(-1) ?? null;
}

function targetsOf(plan: OutboundPlan): readonly Drawn[] {
  if (plan.kind === 'reject') return [];
  if (plan.kind === 'plain') return plan.targets.map((target) => ({ kind: 'plain', target }));
  return [
    ...plan.targets.map((target) => ({ kind: 'hbone' as const, target })),
    ...(plan.plainTargets ?? []).map((target) => ({ kind: 'plain' as const, target })),
  ];
}
