import type { IpAddress } from '@weft/ip';
import type { Clock } from '@weft/result';

/** What the name servers said. */
export interface ResolvedName {
  readonly addresses: readonly IpAddress[];
  readonly ttlSeconds: number;
}

export interface OnDemandNamesOptions {
  /** Rejects when the name does not exist or nobody answers. */
  readonly resolve: (hostname: string) => Promise<ResolvedName>;
  readonly clock: Clock;
  /** What was answered for the name is too old: whatever was made of it must be made again. */
  readonly onExpired: (hostname: string) => void;
  readonly log: { debug(fields: object, message: string): void };
}

interface Entry {
  readonly addresses: readonly IpAddress[];
  readonly cancelExpiry: () => void;
}

const MOST_NAMES = 4096;
const SHORTEST_TTL_SECONDS = 5;
const LONGEST_TTL_SECONDS = 300;
/** A name that cannot be resolved is not asked for again for this long. */
const FAILED_TTL_SECONDS = 5;

/**
 * The addresses of workloads that have a name instead, asked for when a connection needs them. An entry lives as long as the
 * name servers say; then the next connection asks again, and the last addresses stay in use if nobody answers it.
 */
export class OnDemandNames {
  readonly #entries = new Map<string, Entry>();
  readonly #last = new Map<string, readonly IpAddress[]>();
  readonly #asking = new Map<string, Set<() => void>>();

  constructor(private readonly options: OnDemandNamesOptions) {}

  /** Null: not asked yet, or too long ago. Empty: the name leads nowhere. */
  known(hostname: string): readonly IpAddress[] | null {
    return this.#entries.get(hostname)?.addresses ?? null;
  }

  /** Calls `done` once all of them are known, for good or ill. */
  ask(hostnames: Iterable<string>, done: () => void): void {
    const open = new Set([...hostnames].filter((hostname) => this.known(hostname) === null));
    if (open.size === 0) {
      done();
      return;
    }
    for (const hostname of [...open]) {
      this.#wait(hostname, () => {
        open.delete(hostname);
        if (open.size === 0) done();
      });
    }
  }

  /** Forgets everything and wakes nobody. */
  close(): void {
    for (const { cancelExpiry } of this.#entries.values()) cancelExpiry();
    this.#entries.clear();
    this.#last.clear();
    this.#asking.clear();
  }

  #wait(hostname: string, done: () => void): void {
    const waiting = this.#asking.get(hostname);
    if (waiting !== undefined) {
      waiting.add(done);
      return;
    }
    this.#asking.set(hostname, new Set([done]));
    void this.options.resolve(hostname).then(
      ({ addresses, ttlSeconds }) => this.#answered(hostname, addresses, ttlSeconds),
      (error: unknown) => {
        this.options.log.debug({ hostname, error: String(error) }, 'name not resolved');
        this.#answered(hostname, this.#last.get(hostname) ?? [], FAILED_TTL_SECONDS);
      },
    );
  }

  #answered(hostname: string, addresses: readonly IpAddress[], ttlSeconds: number): void {
    const waiting = this.#asking.get(hostname);
    if (waiting === undefined) return;
    this.#asking.delete(hostname);
    this.#makeRoom();
    const seconds = Math.min(LONGEST_TTL_SECONDS, Math.max(SHORTEST_TTL_SECONDS, ttlSeconds));
    const cancelExpiry = this.options.clock.after(seconds * 1000, () => this.#expire(hostname));
    this.#entries.set(hostname, { addresses, cancelExpiry });
    this.#last.delete(hostname);
    if (addresses.length > 0) this.#last.set(hostname, addresses);
    for (const done of waiting) done();
  }

  #expire(hostname: string): void {
    this.#entries.get(hostname)?.cancelExpiry();
    this.#entries.delete(hostname);
    this.options.onExpired(hostname);
  }

  #makeRoom(): void {
    const oldest = this.#entries.keys().next();
    if (this.#entries.size >= MOST_NAMES && oldest.done !== true) this.#expire(oldest.value);
    const oldestLast = this.#last.keys().next();
    if (this.#last.size >= MOST_NAMES && oldestLast.done !== true) this.#last.delete(oldestLast.value);
  }
}
