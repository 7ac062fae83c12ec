import { TLS_PROFILES, type TlsProfileName } from '@weft/tls-profile';
import type { Deadline, Loop } from './loop.js';
import type { FromWorker, Identity } from './messages.js';
import type { SecureContext } from './secure-socket.js';
import type { Transport } from './transport.js';

/** The TLS context of each identity, and the connections that wait for one that is not there yet. */
export class Identities {
  readonly #contexts = new Map<string, SecureContext>();
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(
    private readonly loop: Loop,
    private readonly transport: Transport,
    private readonly settings: { readonly identityTimeoutMs: number; readonly tlsProfile: TlsProfileName },
    private readonly post: (message: FromWorker) => void,
  ) {}

  /** New or rotated. An identity that TLS refuses is reported, and the one before it stays. */
  set(identity: Identity): void {
    const made = this.transport.secureContext(identity, TLS_PROFILES[this.settings.tlsProfile]);
    if (!made.ok) {
      this.post({ type: 'log', level: 'error', message: `identity ${identity.spiffeId}: ${made.error.message}` });
      return;
    }
    this.#contexts.get(identity.spiffeId)?.free();
    this.#contexts.set(identity.spiffeId, made.value);
    this.#wakeAll(identity.spiffeId);
  }

  /** Whoever waits for it is told now: it does not come any more. */
  drop(spiffeId: string): void {
    this.#contexts.get(spiffeId)?.free();
    this.#contexts.delete(spiffeId);
    this.#wakeAll(spiffeId);
  }

  peek(spiffeId: string): SecureContext | null {
    return this.#contexts.get(spiffeId) ?? null;
  }

  /**
   * Calls `done` with the context, at once if it is loaded; else asks for it and calls later, with null after the
   * deadline, or when it is dropped. Returns what takes the interest back, or null when `done` was called already.
   */
  get(spiffeId: string, done: (context: SecureContext | null) => void): (() => void) | null {
    const context = this.#contexts.get(spiffeId);
    if (context !== undefined) {
      done(context);
      return null;
    }
    const waiting = this.#waiting.get(spiffeId) ?? new Set();
    if (waiting.size === 0) this.post({ type: 'identityNeeded', spiffeId });
    this.#waiting.set(spiffeId, waiting);
    return this.#wait(spiffeId, waiting, done);
  }

  close(): void {
    for (const context of this.#contexts.values()) context.free();
    this.#contexts.clear();
    this.#waiting.clear();
  }

  #wakeAll(spiffeId: string): void {
    const waiting = this.#waiting.get(spiffeId);
    this.#waiting.delete(spiffeId);
    for (const resume of waiting ?? []) resume();
  }

  #wait(spiffeId: string, waiting: Set<() => void>, done: (context: SecureContext | null) => void): () => void {
    let deadline: Deadline | null = null;
    const stop = (): void => {
      waiting.delete(resume);
      this.loop.cancel(deadline);
    };
    const resume = (): void => {
      stop();
      done(this.#contexts.get(spiffeId) ?? null);
    };
    deadline = this.loop.deadline(this.settings.identityTimeoutMs, resume);
    waiting.add(resume);
    return stop;
  }
}
