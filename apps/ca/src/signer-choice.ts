import type { KubeClient, KubeObject } from '@weft/kube';
import type { Result } from '@weft/result';
import type { CertificateAuthority } from '@weft/spiffe';
import { folderSource, PluggedInSigner, secretSource } from './plugged-in-signer.js';
import { SelfSignedSigner, type SelfSignedSignerOptions } from './self-signed-signer.js';
import type { Signer } from './signer.js';

export interface SignerChoiceOptions extends SelfSignedSignerOptions {
  readonly kube: KubeClient;
  /** What events about the folder are written on. */
  readonly pod: KubeObject;
}

/**
 * Chooses at the start, and for as long as the process lives, who signs: what is in the folder, else the plugged-in Secret,
 * else the self-signed root. Not later: to change the root of a running mesh from one moment to the next breaks it.
 */
export class SignerChoice implements Signer {
  readonly name = 'signing certificate';
  #chosen: Signer | null = null;
  readonly #listeners: (() => void)[] = [];

  constructor(private readonly options: SignerChoiceOptions) {}

  async start(): Promise<void> {
    const { kube, config, holder, clock, log, pod } = this.options;
    const places = [
      folderSource(config.pluggedInFolder, pod),
      secretSource(kube, config.namespace, config.pluggedInSecret),
    ];
    for (const source of places) {
      if ((await source.read()) === null) continue;
      log.info({ source: source.name }, 'the signing certificate is plugged in');
      this.#chosen = new PluggedInSigner({ source, holder, clock, log, refreshMs: config.rootRefreshMs });
      break;
    }
    this.#chosen ??= new SelfSignedSigner(this.options);
    await this.#chosen.start();
    for (const listener of this.#listeners) this.#chosen.onChange(listener);
  }

  async stop(): Promise<void> {
    await this.#chosen?.stop(AbortSignal.abort());
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

  onChange(listener: () => void): void {
    if (this.#chosen === null) this.#listeners.push(listener);
    else this.#chosen.onChange(listener);
  }

  get #signer(): Signer {
    if (this.#chosen === null) throw new TypeError('the root is loaded before anything is served');
    return this.#chosen;
  }
}
