import type { Traffic } from './traffic-labels.js';

const MOST_ENTRIES = 10_000;

/**
 * One `Traffic` for all connections between the same two, until something changes that it was made of. It saves the
 * look-ups, and what hangs on the object: its metric series and the rendered part of its log lines.
 */
export class TrafficCache {
  readonly #known = new Map<string, Traffic>();
  #byContext = new WeakMap<object, { readonly actualDestination: string; readonly traffic: Traffic }>();

  get(key: string, make: () => Traffic): Traffic {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= MOST_ENTRIES) this.#known.clear();
    const made = make();
    this.#known.set(key, made);
    return made;
  }

  /** The same for connections that share their context's object, in which the key need not be made. */
  sharedBy(context: object | undefined, actualDestination: string, make: () => Traffic): Traffic {
    if (context === undefined) return make();
    const known = this.#byContext.get(context);
    if (known?.actualDestination === actualDestination) return known.traffic;
    const traffic = make();
    this.#byContext.set(context, { actualDestination, traffic });
    return traffic;
  }

  clear(): void {
    this.#known.clear();
    this.#byContext = new WeakMap();
  }
}
