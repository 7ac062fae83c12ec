import type { OnDemandAddresses } from './on-demand-addresses.js';
import type { TrackingView } from './tracking-view.js';

/** More than any chain of service, waypoint, gateway and name has links. */
export const MOST_ROUNDS = 8;

export interface MissingAnswer {
  /** Decides again; each round knows more than the one before. */
  readonly again: () => void;
  readonly refuse: (reason: string) => void;
  readonly roundsLeft: number;
}

/**
 * Whether a decision needs what was not asked for yet; it is then made again, or refused when no answer comes. Nothing is
 * missing where everything is subscribed (`onDemand` null).
 */
export function askMissing(
  onDemand: OnDemandAddresses | null,
  view: TrackingView,
  { again, refuse, roundsLeft }: MissingAnswer,
): boolean {
  const missing = onDemand?.unanswered(view.missing) ?? [];
  if (onDemand === null || missing.length === 0) return false;
  const unanswered = `the control plane has not said what ${missing.join(', ')} is`;
  if (roundsLeft === 0) refuse(unanswered);
  else onDemand.ask(missing, (answered) => (answered ? again() : refuse(unanswered)));
  return true;
}
