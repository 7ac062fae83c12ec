import { fails, holds, type Verdict } from '@weft/gateway-api';
import { setCondition, type Condition, type KubeObject } from '@weft/kube';
import type { ListenerStatus } from './listener-status.js';

export interface ListenerSetStatus {
  readonly conditions: readonly Condition[];
  readonly listeners?: readonly ListenerStatus[];
}

export interface ListenerSetStatusInput {
  readonly object: KubeObject;
  /** Null: the Gateway does not take the set. */
  readonly listeners: readonly ListenerStatus[] | null;
  /** RFC 3339. */
  readonly now: string;
}

/** The status of a ListenerSet, complete. Times move only with what they speak of. */
export function listenerSetStatus({ object, listeners, now }: ListenerSetStatusInput): ListenerSetStatus {
  const verdicts = verdictsOf(listeners);
  const observedGeneration = object.metadata?.generation ?? 0;
  const existing = (object as KubeObject & { status?: { conditions?: Condition[] } }).status?.conditions ?? [];
  const conditions = verdicts.reduce<readonly Condition[]>(
    (all, [type, verdict]) => setCondition(all, { type, ...verdict, observedGeneration }, now),
    existing.filter(({ type }) => verdicts.some(([name]) => name === type)),
  );
  return { conditions, ...(listeners !== null && { listeners }) };
}

/** One valid listener is enough. */
export const isAttached = (listeners: readonly ListenerStatus[]): boolean => !listeners.every(isBad);

export const isBad = ({ conditions }: ListenerStatus): boolean =>
  conditions.some(({ type, status }) => type !== 'Conflicted' && status === 'False');

function verdictsOf(listeners: readonly ListenerStatus[] | null): readonly (readonly [string, Verdict])[] {
  const both = (verdict: Verdict) => [['Accepted', verdict] as const, ['Programmed', verdict] as const];
  if (listeners === null)
    return both(fails('NotAllowed', 'spec.parentRef: the Gateway does not take it; change its allowedListeners'));
  const bad = listeners.filter(isBad).map(({ name }) => name);
  const message = `listeners ${bad.join(', ')} are not valid; see their conditions`;
  if (!isAttached(listeners)) return both(fails('ListenersNotValid', message));
  return [
    ['Accepted', bad.length === 0 ? holds('Accepted', 'ListenerSet accepted') : holds('ListenersNotValid', message)],
    ['Programmed', holds('Programmed', 'Listeners programmed')],
  ];
}
