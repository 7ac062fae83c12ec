import { setTimeout as delay } from 'node:timers/promises';
import { Backoff, toError } from '@weft/result';
import { KubeApiError, KubeConnectionError } from './errors.js';
import type { KubeLog } from './kube-log.js';
import type { KubeObject } from './resource-type.js';
import type { WatchEvent, WatchHandler } from './transport.js';

/** Where a reflector reads from. */
export interface ReflectorSource<T> {
  /** `atLeast`: any answer at least that new will do; undefined: the newest. */
  list(atLeast: string | undefined, signal: AbortSignal): Promise<{ items: T[]; resourceVersion: string }>;
  watch(resourceVersion: string, timeoutSeconds: number, handler: WatchHandler, signal: AbortSignal): Promise<void>;
}

/** Where a reflector writes to. */
export interface ReflectorSink<T> {
  /** All objects that exist now. */
  replace(items: readonly T[]): void;
  changed(object: T): void;
  deleted(object: T): void;
}

export interface ReflectorOptions {
  readonly log: KubeLog;
  readonly random: () => number;
}

const MIN_WATCH_SECONDS = 300;
const BACKOFF = { initialMs: 200, maxMs: 10_000, jitter: 0.5 };
/** A watch that held for this long was sound. */
const SOUND_WATCH_MS = 10_000;

/**
 * Lists, then watches from there, for ever.
 *
 * A watch that ends or breaks is opened again at the last version seen (bookmarks keep that fresh), so a restarted API server
 * costs nothing but the missed changes. Only when the server no longer knows that version (410), or refuses the watch, is the
 * whole list read again; the sink then works out what really changed.
 */
export class Reflector<T extends KubeObject> {
  /** The version to watch from; null when a list is due. */
  #resourceVersion: string | null = null;
  /** The newest version ever seen: a later list must not be older. Null after the server disowned it. */
  #newest: string | null = '0';
  readonly #backoff: Backoff;

  constructor(
    private readonly what: string,
    private readonly source: ReflectorSource<T>,
    private readonly sink: ReflectorSink<T>,
    private readonly options: ReflectorOptions,
  ) {
    this.#backoff = new Backoff(BACKOFF, options.random);
  }

  /** Resolves after `signal` aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#resourceVersion === null) await this.#list(signal);
        else await this.#watch(this.#resourceVersion, signal);
      } catch (thrown) {
        if (isOver(signal)) return;
        this.#failed(toError(thrown));
        await delay(this.#backoff.next(), undefined, { signal, ref: true }).catch(() => undefined);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { items, resourceVersion } = await this.source.list(this.#newest ?? undefined, signal);
    if (signal.aborted) return;
    this.sink.replace(items);
    this.#resourceVersion = this.#newest = resourceVersion;
  }

  async #watch(from: string, signal: AbortSignal): Promise<void> {
    const timeoutSeconds = Math.round(MIN_WATCH_SECONDS * (1 + this.options.random()));
    const deadline = AbortSignal.timeout((timeoutSeconds + 30) * 1000);
    const startedAtMs = performance.now();
    const status = { opened: false, events: 0 };
    const handler: WatchHandler = {
      opened: () => void (status.opened = true),
      event: (event) => {
        this.#event(event);
        if (status.events++ === 0) this.#backoff.reset();
      },
    };
    await this.source.watch(from, timeoutSeconds, handler, AbortSignal.any([signal, deadline]));
    if (performance.now() - startedAtMs >= SOUND_WATCH_MS) this.#backoff.reset();
    // A server (or a proxy before it) that ends each watch at once must not be asked in a tight loop.
    if (status.opened && status.events === 0) {
      await delay(this.#backoff.next(), undefined, { signal }).catch(() => undefined);
    }
  }

  #event({ type, object }: WatchEvent): void {
    if (type === 'ERROR') throw new KubeApiError(`watch ${this.what}`, 500, object);
    const version = (object as T).metadata?.resourceVersion;
    if (type === 'ADDED' || type === 'MODIFIED') this.sink.changed(object as T);
    else if (type === 'DELETED') this.sink.deleted(object as T);
    if (version !== undefined && version !== '') this.#resourceVersion = this.#newest = version;
  }

  #failed(failure: Error): void {
    const { log } = this.options;
    if (failure instanceof KubeConnectionError) {
      log.warn({ what: this.what, err: failure.message }, 'watch lost the API server; trying again');
      return;
    }
    if (failure instanceof KubeApiError) {
      // 504 is the answer to a version from the future: the server lost its data or is another one.
      if (failure.expired || failure.status === 504 || this.#resourceVersion === null) this.#newest = null;
      this.#resourceVersion = null;
      const level = failure.expired ? 'info' : 'warn';
      log[level]({ what: this.what, err: failure.message }, 'watch refused; listing again');
      return;
    }
    this.#resourceVersion = null;
    log.error({ what: this.what, err: failure.stack }, 'watch failed; listing again');
  }
}

/** Asked anew after each await; a direct read would be taken as unchanged by the type checker. */
const isOver = (signal: AbortSignal): boolean => signal.aborted;
