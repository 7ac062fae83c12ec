import type { Clock } from '@weft/result';
import type { DeltaUpdate } from '@weft/xds';

export interface OnDemandAddressesOptions {
  /** Keys of the xDS on-demand form: `network/ip`, a workload uid, or `namespace/hostname`. */
  readonly subscribe: (keys: readonly string[]) => void;
  readonly unsubscribe: (keys: readonly string[]) => void;
  /** What was decided with these keys has to be decided again. */
  readonly onForgotten: (keys: readonly string[]) => void;
  readonly clock: Clock;
}

type Knowledge = 'asked' | 'there' | 'nothing';

interface Wait {
  readonly keys: Set<string>;
  readonly finish: (answered: boolean) => void;
}

/** Before the worker that asked gives up, so that the connection hears why. */
const ANSWER_MS = 4000;
/** Addresses that are nobody's: each one that was ever dialled is followed, so that it is known when it becomes somebody's. */
const MOST_NOTHINGS = 20_000;
const FORGET_AT_ONCE = 2000;

/**
 * Workloads and services asked for one by one, when a decision needs them, instead of all at once. A key stays subscribed:
 * what was nothing may become something. What the control plane has not answered is not known, and never taken for nothing.
 */
export class OnDemandAddresses {
  readonly #keys = new Map<string, Knowledge>();
  readonly #waits = new Set<Wait>();
  #nothings = 0;

  constructor(private readonly options: OnDemandAddressesOptions) {}

  /** Those of the keys that a decision cannot do without yet. */
  unanswered(keys: Iterable<string>): readonly string[] {
    return [...keys].filter((key) => (this.#keys.get(key) ?? 'asked') === 'asked');
  }

  /** Calls `done` when all of them are answered, with false when the control plane is silent for 4 s. */
  ask(keys: Iterable<string>, done: (answered: boolean) => void): void {
    const open = this.unanswered(keys);
    const added = open.filter((key) => !this.#keys.has(key));
    for (const key of added) this.#keys.set(key, 'asked');
    if (open.length === 0) {
      done(true);
      return;
    }
    const cancel = this.options.clock.after(ANSWER_MS, () => wait.finish(false));
    const wait: Wait = {
      keys: new Set(open),
      finish: (answered) => {
        this.#waits.delete(wait);
        cancel();
        done(answered);
      },
    };
    this.#waits.add(wait);
    if (added.length > 0) this.options.subscribe(added);
  }

  /** After the response was applied. */
  received({ upserts, removals }: DeltaUpdate): void {
    for (const name of removals) this.#answer(name, 'nothing');
    for (const { name, aliases } of upserts) for (const key of [name, ...aliases]) this.#answer(key, 'there');
    for (const wait of [...this.#waits]) if (wait.keys.size === 0) wait.finish(true);
    this.#forgetSome();
  }

  #answer(key: string, knowledge: 'there' | 'nothing'): void {
    const before = this.#keys.get(key);
    if (before === undefined) return;
    this.#nothings += Number(knowledge === 'nothing') - Number(before === 'nothing');
    this.#keys.set(key, knowledge);
    for (const { keys } of this.#waits) keys.delete(key);
  }

  #forgetSome(): void {
    if (this.#nothings <= MOST_NOTHINGS) return;
    const forgotten: string[] = [];
    for (const [key, knowledge] of this.#keys) {
      if (knowledge === 'nothing') forgotten.push(key);
      if (forgotten.length === FORGET_AT_ONCE) break;
    }
    for (const key of forgotten) this.#keys.delete(key);
    this.#nothings -= forgotten.length;
    this.options.unsubscribe(forgotten);
    this.options.onForgotten(forgotten);
  }
}
