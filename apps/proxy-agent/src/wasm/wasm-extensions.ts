import type { Clock, Result } from '@weft/result';
import type { CachedModule, ModuleCache } from './module-cache.js';
import { readWasmExtension, type WasmExtension } from './wasm-extension.js';

export interface WasmExtensionsOptions {
  readonly cache: Pick<ModuleCache, 'get'>;
  readonly clock: Clock;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  readonly onConversion?: (result: 'success' | 'fetch_failure') => void;
}

/** What Envoy is given in place of a resource. `fault`: its module cannot be had, and this is the last good one, or a stand-in. */
export interface Converted {
  readonly name: string;
  readonly body: Uint8Array;
  readonly fault: string | null;
}

interface Held {
  readonly body: Uint8Array;
  readonly file: string;
}

interface Missing {
  cancel(): void;
}

/** Envoy waits no longer for a module that its first configuration needs: a listener waits with it. */
const FIRST_WAIT_MS = 10_000;
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 60_000;

/**
 * Extensions on their way to Envoy: their modules are fetched, and Envoy finds them as files. One whose module cannot be had keeps
 * what it was before; without that it gets a stand-in, and its module is asked for until it is there.
 */
export class WasmExtensions {
  readonly #held = new Map<string, Held>();
  readonly #missing = new Map<string, Missing>();
  /** Asks the control plane for these once more: their modules are there now. */
  onFound: (name: string) => void = () => undefined;

  constructor(private readonly options: WasmExtensionsOptions) {}

  get missing(): number {
    return this.#missing.size;
  }

  filesInUse(): ReadonlySet<string> {
    return new Set([...this.#held.values()].map(({ file }) => file));
  }

  /** Null: nothing to be done for it. */
  async convert(bytes: Uint8Array): Promise<Converted | null> {
    const extension = readWasmExtension(bytes);
    if (extension === null) return null;
    const { name, module } = extension;
    this.#settle(name);
    const fetching = this.options.cache.get(module);
    const fetched = await this.#within(fetching);
    if (fetched?.ok === true) {
      const held = { file: fetched.value, body: extension.loadedFrom(fetched.value) };
      this.#held.set(name, held);
      this.options.onConversion?.('success');
      return { name, body: held.body, fault: null };
    }
    this.options.onConversion?.('fetch_failure');
    return this.#without(extension, fetched === null ? 'is still being fetched' : fetched.error, fetching);
  }

  /** Envoy wants them no more. */
  forget(names: readonly string[]): void {
    for (const name of names) {
      this.#settle(name);
      this.#held.delete(name);
    }
  }

  close(): void {
    for (const name of [...this.#missing.keys()]) this.#settle(name);
  }

  #without({ name, module, opens, standIn }: WasmExtension, reason: string, fetching: Promise<unknown>): Converted {
    const held = this.#held.get(name);
    const instead =
      held !== undefined ? 'the last good one stays' : opens ? 'traffic passes without' : 'traffic is refused';
    const fault = `module ${module.url} ${reason}; ${instead} until it is there`;
    this.options.log.warn(
      { extension: name, url: module.url, reason, lastGood: held !== undefined },
      'a WebAssembly module cannot be had',
    );
    this.#retry(name, module, fetching);
    return { name, body: held?.body ?? standIn(), fault };
  }

  #within(fetching: Promise<Result<string, string>>): Promise<Result<string, string> | null> {
    return new Promise((resolve) => {
      const cancel = this.options.clock.after(FIRST_WAIT_MS, () => resolve(null));
      void fetching.then((result) => {
        cancel();
        resolve(result);
      });
    });
  }

  #retry(name: string, module: CachedModule, last: Promise<unknown>): void {
    const { cache, clock, log } = this.options;
    let cancelled = false;
    let cancelWait = (): void => undefined;
    const cancel = (): void => {
      cancelled = true;
      cancelWait();
    };
    this.#missing.set(name, { cancel });
    const attempt = (waitMs: number): void => {
      void cache.get(module).then((fetched) => {
        if (cancelled) return;
        if (!fetched.ok) {
          cancelWait = clock.after(waitMs, () => attempt(Math.min(waitMs * 2, LAST_RETRY_MS)));
          return;
        }
        this.#settle(name);
        log.info({ extension: name, url: module.url }, 'a WebAssembly module is there now');
        this.onFound(name);
      });
    };
    void last.then(() => {
      if (!cancelled) cancelWait = clock.after(FIRST_RETRY_MS, () => attempt(2 * FIRST_RETRY_MS));
    });
  }

  #settle(name: string): void {
    this.#missing.get(name)?.cancel();
    this.#missing.delete(name);
  }
}
