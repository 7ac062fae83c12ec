import type { HboneTarget, OutboundPlan, PlainTarget } from './messages.js';

export type Drawn =
  { readonly kind: 'hbone'; readonly target: HboneTarget } | { readonly kind: 'plain'; readonly target: PlainTarget };

interface Wheel {
  readonly all: readonly Drawn[];
  /** Sum of the weights up to and with each target. */
  readonly upTo: readonly number[];
  readonly total: number;
}

/** Plans are drawn from again and again; one of a large service has thousands of targets. */
const wheels = new WeakMap<OutboundPlan, Wheel>();

/**
 * Draws one target by weight, none of those whose `targetKey` is in `not` (they failed); null when nothing is left. `random`
 * is in [0, 1). Targets without any weight at all are drawn evenly.
 */
export function drawTarget(plan: OutboundPlan, not: ReadonlySet<string> | null, random: number): Drawn | null {
  if (not !== null && not.size > 0)
    return draw(wheelOf(targetsOf(plan).filter((drawn) => !not.has(targetKey(drawn)))), random);
  let wheel = wheels.get(plan);
  if (wheel === undefined) {
    wheel = wheelOf(targetsOf(plan));
    wheels.set(plan, wheel);
  }
  return draw(wheel, random);
}

/** The same for a target in the next version of a plan. */
export function targetKey({ kind, target }: Drawn): string {
  return kind === 'hbone' ? `${target.dial} ${target.authority}` : target.dial;
}

export function targetCount(plan: OutboundPlan): number {
  if (plan.kind !== 'hbone' && plan.kind !== 'plain') return 0;
  return plan.targets.length + (plan.kind === 'hbone' ? (plan.plainTargets?.length ?? 0) : 0);
}

function wheelOf(all: readonly Drawn[]): Wheel {
  let total = 0;
  const upTo = all.map(({ target }) => (total += Math.max(0, target.weight)));
  return { all, upTo, total };
}

function draw({ all, upTo, total }: Wheel, random: number): Drawn | null {
  if (total <= 0) return all[Math.floor(random * all.length)] ?? null;
  const point = random * total;
  let [low, high] = [0, all.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (upTo[middle]! > point) high = middle;
    else low = middle + 1;
  }
  return all[low] ?? null;
}

function targetsOf(plan: OutboundPlan): readonly Drawn[] {
  if (plan.kind !== 'hbone' && plan.kind !== 'plain') return [];
  if (plan.kind === 'plain') return plan.targets.map((target) => ({ kind: 'plain', target }));
  return [
    ...plan.targets.map((target) => ({ kind: 'hbone' as const, target })),
    ...(plan.plainTargets ?? []).map((target) => ({ kind: 'plain' as const, target })),
  ];
}
