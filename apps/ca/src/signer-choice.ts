import type { KubeClient, KubeObject } from '@weft/kube';
import { toError, type Result } from '@weft/result';
import type { AuthorityMaterial, CertificateAuthority } from '@weft/spiffe';
import type { ExternalSigner } from './external/external-signer.js';
import { issueWith, type Issued, type IssueRequest } from './issuing.js';
import { continuityProblem, DISTRUSTED_FILE } from './plugged-in-files.js';
import {
  folderSource,
  loadPluggedIn,
  PluggedInSigner,
  secretSource,
  type PluggedInSource,
} from './plugged-in-signer.js';
import { SelfSignedSigner, type SelfSignedSignerOptions } from './self-signed-signer.js';
import type { Signer } from './signer.js';

export interface SignerChoiceOptions extends SelfSignedSignerOptions {
  readonly kube: KubeClient;
  /** Who signs instead of a key that is here; null: nobody. */
  readonly external: ExternalSigner | null;
  /** What events about the folder are written on. */
  readonly pod: KubeObject;
}

/**
 * Chooses who signs: an external authority if there is one, else what is in the folder, else the plugged-in Secret, else the self-signed root. While the self-signed root
 * signs, material that is plugged in takes over as soon as that breaks nothing: when workloads know its root already, and it
 * keeps the old one.
 */
export class SignerChoice implements Signer {
  readonly name = 'signing certificate';
  #chosen: Signer | null = null;
  readonly #listeners: (() => void)[] = [];
  #cancel: () => void = () => undefined;
  #stopped = false;
  /** As read last and as judged last, so that files written one after the other are not judged half way. */
  #seen = '';
  #judged = '';
  #told = '';

  constructor(private readonly options: SignerChoiceOptions) {}

  async start(): Promise<void> {
    const { log, external } = this.options;
    if (external !== null) {
      log.info({ signer: external.name }, 'signing is delegated');
      await this.#choose(external);
      return;
    }
    for (const source of this.#places()) {
      if ((await source.read()) === null) continue;
      log.info({ source: source.name }, 'the signing certificate is plugged in');
      await this.#choose(this.#pluggedIn(source));
      return;
    }
    await this.#choose(new SelfSignedSigner(this.options));
    this.#arm();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#chosen?.stop(AbortSignal.abort());
  }

  /** The error is for the log; the caller may try again. */
  issue(request: IssueRequest): Promise<Result<Issued, string>> {
    const { external, clock } = this.options;
    return external === null ? issueWith(this, request, clock.now()) : external.issue(request);
  }

  current(): Result<CertificateAuthority, string> {
    return this.#signer.current();
  }

  admitTtl(ttlMs: number): Promise<void> {
    return this.#signer.admitTtl(ttlMs);
  }

  rootsPem(): string {
    return this.#signer.rootsPem();
  }

  revoking(): readonly AuthorityMaterial[] {
    return this.#signer.revoking();
  }

  foreignCrl(): string {
    return this.#signer.foreignCrl();
  }

  distrustedPem(): string {
    return this.#signer.distrustedPem();
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
    this.#chosen?.onChange(listener);
  }

  #places(): readonly PluggedInSource[] {
    const { kube, config, pod } = this.options;
    return [folderSource(config.pluggedInFolder, pod), secretSource(kube, config.namespace, config.pluggedInSecret)];
  }

  #pluggedIn(source: PluggedInSource): PluggedInSigner {
    const { config, holder, clock, log } = this.options;
    return new PluggedInSigner({ source, holder, clock, log, refreshMs: config.rootRefreshMs });
  }

  async #choose(signer: Signer): Promise<void> {
    await signer.start();
    const before = this.#chosen;
    this.#chosen = signer;
    await before?.stop(AbortSignal.abort());
    // The holder knows the listeners already if there was a signer before; it calls each of them once.
    for (const listener of this.#listeners) signer.onChange(listener);
  }

  #arm(): void {
    if (this.#stopped) return;
    const { clock, config, log } = this.options;
    this.#cancel = clock.after(config.rootRefreshMs, () => {
      this.#lookForPluggedIn().then(
        (taken) => {
          if (!taken) this.#arm();
        },
        (thrown: unknown) => {
          log.warn({ err: toError(thrown).message }, 'cannot look for a plugged-in signing certificate');
          this.#arm();
        },
      );
    });
  }

  async #lookForPluggedIn(): Promise<boolean> {
    const { holder, clock, log } = this.options;
    for (const source of this.#places()) {
      const files = await source.read();
      if (files === null || holder.current === null) continue;
      const seen = JSON.stringify([source.name, ...[...files].sort()]);
      const settled = seen === this.#seen;
      this.#seen = seen;
      if (!settled || seen === this.#judged || this.#stopped) return false;
      const next = await loadPluggedIn(files, clock.now());
      const distrusted = files.get(DISTRUSTED_FILE) ?? '';
      const problem = next.ok ? continuityProblem(holder.current, next.value, distrusted) : next.error;
      if (problem === null) {
        log.info({ source: source.name }, 'the plugged-in signing certificate takes over from the self-signed root');
        await this.#choose(this.#pluggedIn(source));
        return true;
      }
      // A root may still reach the workloads, so what only comes too early is judged again.
      if (!next.ok) this.#judged = seen;
      const told = `${source.name}: ${problem}`;
      if (told !== this.#told) {
        this.#told = told;
        log.warn({ problem: told }, 'the plugged-in signing certificate cannot take over yet');
        holder.tell(source.object, `${told}. The self-signed root goes on signing`);
      }
      return false;
    }
    return false;
  }

  get #signer(): Signer {
    if (this.#chosen === null) throw new TypeError('the root is loaded before anything is served');
    return this.#chosen;
  }
}
