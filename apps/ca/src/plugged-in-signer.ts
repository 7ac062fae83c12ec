import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SECRETS, type KubeClient, type KubeObject } from '@weft/kube';
import { err, ok, toError, type Clock, type Result } from '@weft/result';
import type { Logger } from '@weft/runtime';
import { CertificateAuthority, parseTrustBundle, readCrlFile, type AuthorityMaterial } from '@weft/spiffe';
import type { AuthorityHolder } from './authority-holder.js';
import {
  continuityProblem,
  CRL_FILE,
  DISTRUSTED_FILE,
  PLUGGED_IN_FILES,
  pluggedInMaterial,
  type PluggedInFiles,
} from './plugged-in-files.js';
import { RootUnusableError, type Signer } from './signer.js';

/** One place where plugged-in material may be. */
export interface PluggedInSource {
  /** For messages: `Secret istio-system/cacerts`, `folder /etc/cacerts`. */
  readonly name: string;
  /** What events are written on. */
  readonly object: KubeObject;
  /** Null if there is nothing. */
  read(): Promise<PluggedInFiles | null>;
}

export function secretSource(kube: KubeClient, namespace: string, name: string): PluggedInSource {
  return {
    name: `Secret ${namespace}/${name}`,
    object: { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name } },
    read: async () => {
      const secret = await kube.get(SECRETS, namespace, name);
      if (secret === null) return null;
      const entries = Object.entries(secret.data ?? {});
      return new Map(entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
    },
  };
}

/** `object` stands in for the folder in events: the pod that it is mounted into. */
export function folderSource(folder: string, object: KubeObject): PluggedInSource {
  return {
    name: `folder ${folder}`,
    object,
    read: async () => {
      const files = new Map<string, string>();
      for (const name of PLUGGED_IN_FILES) {
        try {
          files.set(name, await readFile(join(folder, name), 'utf8'));
        } catch (failure) {
          const { code } = failure as NodeJS.ErrnoException;
          if (code !== 'ENOENT' && code !== 'ENOTDIR') throw failure;
        }
      }
      return files.size === 0 ? null : files;
    },
  };
}

export interface PluggedInSignerOptions {
  readonly source: PluggedInSource;
  readonly holder: AuthorityHolder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly refreshMs: number;
}

/**
 * Signs with what the operator plugged in and takes changes up while it runs. A change counts once it has been read the same
 * twice, so that files written one after the other are not judged half way.
 */
export class PluggedInSigner implements Signer {
  readonly name = 'plugged-in signing certificate';
  #cancel: () => void = () => undefined;
  #stopped = false;
  /** As read last; null before the first change. */
  #seen: string | null = null;
  #judged: string | null = null;
  #crl = '';
  #distrusted = '';
  readonly #listeners = new Set<() => void>();

  constructor(private readonly options: PluggedInSignerOptions) {}

  async start(): Promise<void> {
    const { source, holder, clock } = this.options;
    const files = await source.read();
    const authority = await loadPluggedIn(files, clock.now());
    if (!authority.ok)
      throw new RootUnusableError(`${source.name}: ${authority.error}. Correct it; nothing was changed`);
    this.#seen = this.#judged = fingerprint(files);
    this.#takeExtras(files);
    holder.accept(authority.value);
    this.#arm();
  }

  stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    return Promise.resolve();
  }

  current(): Result<CertificateAuthority, string> {
    const { holder, clock } = this.options;
    const authority = holder.current;
    if (authority === null) return err('the signing certificate is not loaded yet');
    if (authority.notAfter.getTime() > clock.now()) return ok(authority);
    return err(`the signing certificate expired at ${authority.notAfter.toISOString()}`);
  }

  admitTtl(): Promise<void> {
    return Promise.resolve();
  }

  rootsPem(): string {
    return this.options.holder.current?.material.rootsPem ?? '';
  }

  revoking(): readonly AuthorityMaterial[] {
    const { current } = this.options.holder;
    return current === null ? [] : [current.material];
  }

  foreignCrl(): string {
    return this.#crl;
  }

  distrustedPem(): string {
    return this.#distrusted;
  }

  onChange(listener: () => void): void {
    this.options.holder.onChange(listener);
    this.#listeners.add(listener);
  }

  #arm(): void {
    if (this.#stopped) return;
    this.#cancel = this.options.clock.after(this.options.refreshMs, () => {
      void this.#refresh().finally(() => this.#arm());
    });
  }

  async #refresh(): Promise<void> {
    const { source, log } = this.options;
    try {
      const files = await source.read();
      const seen = fingerprint(files);
      const settled = seen === this.#seen;
      this.#seen = seen;
      if (!settled || seen === this.#judged) return;
      this.#judged = seen;
      await this.#judge(files);
    } catch (thrown) {
      log.warn({ source: source.name, err: toError(thrown).message }, 'cannot read the plugged-in signing certificate');
    }
  }

  async #judge(files: PluggedInFiles | null): Promise<void> {
    const { source, holder, clock } = this.options;
    const next = await loadPluggedIn(files, clock.now());
    const extrasChanged = this.#takeExtras(files);
    const problem = !next.ok
      ? next.error
      : holder.current === null
        ? null
        : continuityProblem(holder.current, next.value, this.#distrusted);
    if (next.ok && problem === null) holder.accept(next.value);
    else holder.refuse(source.object, `${source.name}: ${problem ?? ''}`);
    if (extrasChanged) for (const listener of this.#listeners) listener();
  }

  /** The optional files. A broken one is told, and the last good one stays. */
  #takeExtras(files: PluggedInFiles | null): boolean {
    const before = this.#crl + this.#distrusted;
    const crl = files?.get(CRL_FILE)?.trim() ?? '';
    const read = readCrlFile(Buffer.from(crl));
    if (read.ok) this.#crl = crl;
    else this.#refuseExtra(CRL_FILE, read.error.message);
    const distrusted = files?.get(DISTRUSTED_FILE)?.trim() ?? '';
    const bundle = distrusted === '' ? null : parseTrustBundle(distrusted);
    if (bundle?.ok !== false) this.#distrusted = bundle?.value.pem ?? '';
    else this.#refuseExtra(DISTRUSTED_FILE, bundle.error.message);
    return this.#crl + this.#distrusted !== before;
  }

  #refuseExtra(file: string, reason: string): void {
    const { source, log, holder } = this.options;
    log.error({ source: source.name, file, reason }, 'broken file; the last good one stays in use');
    holder.tell(source.object, `${source.name}, ${file}: ${reason}. The last good one stays in use`);
  }
}

/** Every check of plugged-in material; the error names what is wrong. */
export async function loadPluggedIn(
  files: PluggedInFiles | null,
  nowMs: number,
): Promise<Result<CertificateAuthority, string>> {
  if (files === null) return err('it is gone');
  const material = pluggedInMaterial(files);
  if (!material.ok) return material;
  const loaded = await CertificateAuthority.load(material.value, nowMs);
  return loaded.ok ? loaded : err(loaded.error.message);
}

const fingerprint = (files: PluggedInFiles | null): string => JSON.stringify(files === null ? null : [...files].sort());
