import { setCondition, type Condition } from '@weft/kube';
import type { ListenerState, RouteKind } from '@weft/gateway-api';

/** One entry of a Gateway's `status.listeners`. */
export interface ListenerStatus {
  readonly name: string;
  readonly attachedRoutes: number;
  readonly supportedKinds: readonly RouteKind[];
  readonly conditions: readonly Condition[];
}

export interface ListenerStatusOptions {
  readonly attachedRoutes: number;
  readonly existing: readonly Condition[];
  readonly generation: number;
  /** RFC 3339. */
  readonly now: string;
}

export function listenerStatus(
  { listener, supportedKinds, ...verdicts }: ListenerState,
  { attachedRoutes, existing, generation, now }: ListenerStatusOptions,
): ListenerStatus {
  const wanted = [
    ['Accepted', verdicts.accepted],
    ['Conflicted', verdicts.conflicted],
    ['Programmed', verdicts.programmed],
    ['ResolvedRefs', verdicts.resolvedRefs],
  ] as const;
  const conditions = wanted.reduce<readonly Condition[]>(
    (all, [type, verdict]) => setCondition(all, { type, ...verdict, observedGeneration: generation }, now),
    existing.filter(({ type }) => wanted.some(([name]) => name === type)),
  );
  return { name: listener.name, attachedRoutes, supportedKinds, conditions };
}
