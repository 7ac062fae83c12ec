import type { Clock } from '@weft/result';

export interface WaypointActivationOptions {
  readonly clock: Clock;
  /** Keys of services, `namespace/hostname`: subscribed to while connections wait for them. */
  readonly subscribe: (keys: readonly string[]) => void;
  readonly unsubscribe: (keys: readonly string[]) => void;
  readonly onRequested: (key: string) => void;
  /** Whoever was told to wait for the service has to ask again, so that it shows whether anybody still does. */
  readonly askAgain: (key: string) => void;
}

/** So often it is looked whether connections still wait. */
const LOOK_AGAIN_MS = 5000;
/** Longer than a worker needs to ask again. */
const ANSWER_MS = 1000;

/**
 * Asks the control plane to start waypoints that are asleep. A subscription stands for "connections wait": it is kept while they
 * do, told again on every new stream, and taken back when nobody waits any more or endpoints have come.
 */
export class WaypointActivation {
  readonly #wanted = new Map<string, () => void>();

  constructor(private readonly options: WaypointActivationOptions) {}

  /** A connection was told to wait for this service. */
  want(key: string): void {
    const cancel = this.#wanted.get(key);
    cancel?.();
    this.#lookLater(key);
    if (cancel !== undefined) return;
    this.options.onRequested(key);
    this.options.subscribe([key]);
  }

  /** The mesh changed: `isAwake` says of a service whether it has endpoints, or is not to be waited for any more. */
  check(isAwake: (key: string) => boolean): void {
    for (const key of [...this.#wanted.keys()]) if (isAwake(key)) this.#drop(key);
  }

  close(): void {
    for (const cancel of this.#wanted.values()) cancel();
    this.#wanted.clear();
  }

  #lookLater(key: string): void {
    const { clock, askAgain } = this.options;
    const look = (): void => {
      this.#wanted.set(
        key,
        clock.after(ANSWER_MS, () => this.#drop(key)),
      );
      askAgain(key);
    };
    this.#wanted.set(key, clock.after(LOOK_AGAIN_MS, look));
  }

  #drop(key: string): void {
    this.#wanted.get(key)?.();
    this.#wanted.delete(key);
    this.options.unsubscribe([key]);
  }
}
