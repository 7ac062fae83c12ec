import { hash } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok, toError, type Result } from '@weft/result';
import { fetchModule, type FetchOptions, type WantedModule } from './module-fetcher.js';

/** A module, and which pull of it: a different one is fetched again. Empty: any that is there. */
export interface CachedModule extends WantedModule {
  readonly pull: string;
}

export interface ModuleCacheOptions extends FetchOptions {
  readonly folder: string;
  /** On disk. Modules in use stay, so that one which does not fit beside them is refused. */
  readonly maxBytes: number;
  /** Files that Envoy's configuration names. */
  readonly inUse: () => ReadonlySet<string>;
  readonly onLookup?: (hit: boolean) => void;
  readonly onFetch?: (result: 'success' | 'failure') => void;
  readonly fetch?: typeof fetchModule;
}

/** Modules as files for Envoy. What several filters want is fetched once; the longest unused goes first when space is needed. */
export class ModuleCache {
  /** Bytes by file; the last used is the last. */
  readonly #files = new Map<string, number>();
  /** Bytes on their way to the disk. */
  #writing = 0;
  readonly #fetching = new Map<string, Promise<Result<string, string>>>();

  constructor(private readonly options: ModuleCacheOptions) {}

  /** What an earlier run left is not trusted. */
  async open(): Promise<void> {
    const { folder } = this.options;
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o755 });
  }

  get size(): number {
    return this.#files.size;
  }

  /** Path of the module, or why there is none. Who may not pull an image does not get it because another one could. */
  get({ url, sha256, pullSecret, pull }: CachedModule): Promise<Result<string, string>> {
    const { folder, onLookup } = this.options;
    const key = hash('sha256', JSON.stringify([url, sha256, pullSecret, pull]), 'hex');
    const file = join(folder, `${key}.wasm`);
    const bytes = this.#files.get(file);
    onLookup?.(bytes !== undefined);
    if (bytes !== undefined) {
      this.#files.delete(file);
      this.#files.set(file, bytes);
      return Promise.resolve(ok(file));
    }
    let fetching = this.#fetching.get(key);
    if (fetching === undefined) {
      fetching = this.#fetch({ url, sha256, pullSecret }, file).finally(() => this.#fetching.delete(key));
      this.#fetching.set(key, fetching);
    }
    return fetching;
  }

  async #fetch(wanted: WantedModule, file: string): Promise<Result<string, string>> {
    const { fetch = fetchModule, onFetch } = this.options;
    const module = await fetch(wanted, this.options);
    onFetch?.(module.ok ? 'success' : 'failure');
    if (!module.ok) return module;
    try {
      return await this.#store(module.value, file);
    } catch (thrown) {
      return err(`cannot be written: ${toError(thrown).message}`);
    }
  }

  async #store(module: Buffer, file: string): Promise<Result<string, string>> {
    const { maxBytes } = this.options;
    if (!(await this.#makeRoom(module.length))) return err(`does not fit: modules may have ${maxBytes} bytes in all`);
    this.#writing += module.length;
    try {
      await writeFile(`${file}.part`, module);
      await rename(`${file}.part`, file);
    } finally {
      this.#writing -= module.length;
    }
    // Not before: who looks it up gives it to Envoy at once.
    this.#files.set(file, module.length);
    return ok(file);
  }

  async #makeRoom(bytes: number): Promise<boolean> {
    const { maxBytes, inUse } = this.options;
    const used = inUse();
    let total = bytes + this.#writing;
    for (const one of this.#files.values()) total += one;
    for (const [file, size] of [...this.#files]) {
      if (total <= maxBytes) break;
      if (used.has(file)) continue;
      this.#files.delete(file);
      total -= size;
      await rm(file, { force: true });
    }
    return total <= maxBytes;
  }
}
