import { Backoff, toError, type Clock } from '@weft/result';
import { createCsr } from './certificate-signing-request.js';
import { CaBusyError, SpiffeError } from './errors.js';
import type { KeyType } from './keys.js';
import { SigningQueue, type Priority } from './signing-queue.js';
import { svidFromCaResponse, type Svid } from './svid.js';

/**
 * Asks a CA; resolves to leaf, intermediates, root bundle (PEM each), rejects on any failure: with `CaBusyError` if the CA
 * said when to come back.
 */
export interface CertificateSigner {
  sign(csrPem: string, spiffeId: string, ttlSeconds: number): Promise<readonly string[]>;
}

export interface SecretManagerOptions {
  readonly signer: CertificateSigner;
  readonly clock: Clock;
  readonly ttlSeconds: number;
  readonly keyType?: KeyType;
  /** Requests to the CA under way at once. Default 8. */
  readonly concurrency?: number;
  readonly random?: () => number;
  /** Called after every failed request; the manager retries by itself. */
  readonly onFailure?: (spiffeId: string, error: Error) => void;
}

export type SecretState =
  | { readonly kind: 'initializing' }
  | { readonly kind: 'available'; readonly svid: Svid }
  | { readonly kind: 'unavailable'; readonly reason: string };

interface Waiter {
  readonly resolve: (svid: Svid) => void;
  readonly reject: (error: Error) => void;
}

interface Entry {
  readonly spiffeId: string;
  readonly backoff: Backoff;
  readonly watchers: Set<(svid: Svid) => void>;
  waiters: Waiter[];
  state: SecretState;
  /** Why the last request failed; null after a success. */
  failure: Error | null;
  /** Since when the CA has been answering that it is busy; null if its last answer was another. */
  busySinceMs: number | null;
  signing: boolean;
  cancelTimer: (() => void) | null;
  forgotten: boolean;
}

/** Whatever the CA says. */
const SHORTEST_PUSHBACK_MS = 50;
/** Callers wait no longer for a CA that is busy. */
const LONGEST_BUSY_MS = 60_000;

/**
 * Keeps the SVIDs of many workloads fresh. One request per identity is under way at a time, however many callers wait;
 * renewal starts at half of the lifetime, moved a little at random so that a node does not ask for all at once; a failure
 * is retried with back-off while the old SVID stays in use until it expires. An expired SVID is never given out. A CA that is
 * busy is asked again when it said so, and callers go on waiting: that is no failure.
 */
export class SecretManager {
  readonly #entries = new Map<string, Entry>();
  readonly #queue: SigningQueue;

  constructor(private readonly options: SecretManagerOptions) {
    this.#queue = new SigningQueue(options.concurrency ?? 8);
  }

  /** The current SVID; waits for the request under way if there is none, and rejects when that fails. */
  get(spiffeId: string, priority: Priority = 0): Promise<Svid> {
    const entry = this.#entry(spiffeId, priority);
    const current = this.#usable(entry);
    if (current !== null) return Promise.resolve(current);
    if (!entry.signing && entry.failure !== null) return Promise.reject(entry.failure);
    this.#queue.promote(spiffeId, priority);
    return new Promise((resolve, reject) => entry.waiters.push({ resolve, reject }));
  }

  /** Calls back with the SVID as soon as there is one and after every renewal. Does not fetch by a connection's urgency. */
  watch(spiffeId: string, callback: (svid: Svid) => void): () => void {
    const entry = this.#entry(spiffeId, 1);
    entry.watchers.add(callback);
    const current = this.#usable(entry);
    if (current !== null) callback(current);
    return () => entry.watchers.delete(callback);
  }

  /** Asks for another SVID although the present one is not old; that one stays in use meanwhile. */
  renew(spiffeId: string): void {
    const entry = this.#entries.get(spiffeId);
    if (entry === undefined || entry.signing) return;
    entry.cancelTimer?.();
    this.#request(entry, 0);
  }

  /** Stops renewing and drops the key. */
  forget(spiffeId: string): void {
    const entry = this.#entries.get(spiffeId);
    if (entry === undefined) return;
    entry.forgotten = true;
    entry.cancelTimer?.();
    this.#entries.delete(spiffeId);
    for (const { reject } of entry.waiters)
      reject(new SpiffeError('SIGNING_FAILED', `${spiffeId} is no longer needed on this node`));
  }

  /** For the admin page: every identity with its state. */
  states(): ReadonlyMap<string, SecretState> {
    return new Map([...this.#entries].map(([id, entry]) => [id, entry.state]));
  }

  close(): void {
    for (const spiffeId of [...this.#entries.keys()]) this.forget(spiffeId);
  }

  #entry(spiffeId: string, priority: Priority): Entry {
    let entry = this.#entries.get(spiffeId);
    if (entry === undefined) {
      const backoff = new Backoff({ initialMs: 1000, maxMs: 150_000 }, this.options.random);
      entry = {
        spiffeId,
        backoff,
        watchers: new Set(),
        waiters: [],
        state: { kind: 'initializing' },
        signing: false,
        failure: null,
        busySinceMs: null,
        cancelTimer: null,
        forgotten: false,
      };
      this.#entries.set(spiffeId, entry);
      this.#request(entry, priority);
    }
    return entry;
  }

  #usable({ state }: Entry): Svid | null {
    return state.kind === 'available' && state.svid.notAfter.getTime() > this.options.clock.now() ? state.svid : null;
  }

  #request(entry: Entry, priority: Priority): void {
    entry.signing = true;
    entry.cancelTimer = null;
    this.#queue.push(entry.spiffeId, priority, () => this.#sign(entry));
  }

  async #sign(entry: Entry): Promise<void> {
    if (entry.forgotten) return;
    const { signer, clock, ttlSeconds, keyType } = this.options;
    try {
      const { csrPem, privateKeyPem } = await createCsr(entry.spiffeId, keyType);
      const chain = await signer.sign(csrPem, entry.spiffeId, ttlSeconds);
      const svid = svidFromCaResponse(chain, { spiffeId: entry.spiffeId, privateKeyPem, nowMs: clock.now() });
      if (!svid.ok) throw svid.error;
      this.#succeed(entry, svid.value);
    } catch (thrown) {
      this.#fail(entry, toError(thrown));
    }
  }

  #succeed(entry: Entry, svid: Svid): void {
    entry.signing = false;
    if (entry.forgotten) return;
    entry.backoff.reset();
    entry.failure = entry.busySinceMs = null;
    entry.state = { kind: 'available', svid };
    const lifetimeMs = svid.notAfter.getTime() - svid.notBefore.getTime();
    const jitter = 1 - 0.1 * (this.options.random ?? Math.random)();
    const renewAt = svid.notBefore.getTime() + (lifetimeMs / 2) * jitter;
    this.#arm(entry, Math.max(1000, renewAt - this.options.clock.now()));
    for (const { resolve } of entry.waiters.splice(0)) resolve(svid);
    for (const callback of entry.watchers) callback(svid);
  }

  #fail(entry: Entry, error: Error): void {
    entry.signing = false;
    if (entry.forgotten || this.#comeBack(entry, error)) return;
    entry.failure = error;
    entry.busySinceMs = null;
    this.options.onFailure?.(entry.spiffeId, error);
    if (this.#usable(entry) === null) entry.state = { kind: 'unavailable', reason: error.message };
    this.#arm(entry, entry.backoff.next());
    for (const { reject } of entry.waiters.splice(0)) reject(error);
  }

  /** Did the CA only say when to ask again? */
  #comeBack(entry: Entry, error: Error): boolean {
    if (!(error instanceof CaBusyError)) return false;
    const nowMs = this.options.clock.now();
    entry.busySinceMs ??= nowMs;
    if (nowMs - entry.busySinceMs > LONGEST_BUSY_MS) return false;
    this.#arm(entry, Math.max(SHORTEST_PUSHBACK_MS, error.retryAfterMs));
    return true;
  }

  #arm(entry: Entry, delayMs: number): void {
    entry.cancelTimer = this.options.clock.after(delayMs, () => this.#request(entry, entry.waiters.length > 0 ? 0 : 2));
  }
}
