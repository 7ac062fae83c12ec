import { readFile } from 'node:fs/promises';
import { err, ok, toError, type Clock, type Result } from '@weft/result';
import type { Logger, Service } from '@weft/runtime';
import {
  parseTrustBundle,
  splitPemCertificates,
  summarizeCertificate,
  verifyChain,
  type AuthorityMaterial,
  type CertificateAuthority,
} from '@weft/spiffe';
import { X509Certificate } from 'node:crypto';
import type { Issued, IssueRequest } from '../issuing.js';
import { RootUnusableError, type Signer } from '../signer.js';

/** Somebody else who signs. Rejects on any failure; `chain` is the leaf and what leads to a root, PEM each. */
export interface ExternalAuthority extends Service {
  sign(request: IssueRequest): Promise<readonly string[]>;
}

export interface ExternalSignerOptions {
  readonly authority: ExternalAuthority;
  readonly rootFile: string;
  readonly refreshMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Clocks of two machines may differ by that much. */
const SKEW_MS = 60_000;

/**
 * Has certificates signed by somebody else and believes nothing: what comes back must be for the key and the identity that
 * were asked for, no longer than asked, and lead to the roots in a file that the operator gave. The key is not here, so
 * neither are revocation and rotation of it: they are the other side's.
 */
export class ExternalSigner implements Signer {
  readonly name = 'external signer';
  readonly #listeners = new Set<() => void>();
  #rootsPem = '';
  #cancel: () => void = () => undefined;
  #stopped = false;

  constructor(private readonly options: ExternalSignerOptions) {}

  async start(): Promise<void> {
    const { authority, rootFile } = this.options;
    const problem = await this.#readRoots();
    if (problem !== null)
      throw new RootUnusableError(`file ${rootFile}: ${problem}. It must hold the roots of the external authority`);
    await authority.start();
    this.#arm();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.options.authority.stop(AbortSignal.timeout(1000));
  }

  current(): Result<CertificateAuthority, string> {
    return err('signing is delegated: there is no key here');
  }

  admitTtl(): Promise<void> {
    return Promise.resolve();
  }

  rootsPem(): string {
    return this.#rootsPem;
  }

  revoking(): readonly AuthorityMaterial[] {
    return [];
  }

  foreignCrl(): string {
    return '';
  }

  distrustedPem(): string {
    return '';
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  async issue(request: IssueRequest): Promise<Result<Issued, string>> {
    try {
      const chain = (await this.options.authority.sign(request)).flatMap((pem) => splitPemCertificates(pem));
      return this.#check(chain, request);
    } catch (thrown) {
      return err(`the external authority did not sign: ${toError(thrown).message}`);
    }
  }

  #check(chain: readonly string[], { spiffeId, publicKey, ttlMs }: IssueRequest): Result<Issued, string> {
    const refuse = (why: string) => err(`the answer of the external authority for ${spiffeId} is refused: ${why}`);
    const nowMs = this.options.clock.now();
    const verified = verifyChain(chain, this.#rootsPem, nowMs);
    if (!verified.ok) return refuse(verified.error.message);
    if (verified.value !== spiffeId) return refuse(`it certifies ${verified.value}`);
    const leaf = summarizeCertificate(chain[0]!);
    if (!leaf.ok) return refuse(leaf.error.message);
    const spki = new X509Certificate(chain[0]!).publicKey.export({ format: 'der', type: 'spki' });
    if (!spki.equals(publicKey.spki)) return refuse('it is for another key');
    const { notAfter, serialNumber } = leaf.value;
    if (notAfter.getTime() > nowMs + ttlMs + SKEW_MS) return refuse(`it is good until ${notAfter.toISOString()}`);
    const roots = new Set(splitPemCertificates(this.#rootsPem));
    const path = chain.filter((pem, index) => index === 0 || !roots.has(pem));
    return ok({ certChain: [...path, this.#rootsPem], serialNumber, notAfter });
  }

  #arm(): void {
    if (this.#stopped) return;
    const { clock, refreshMs, log, rootFile } = this.options;
    this.#cancel = clock.after(refreshMs, () => {
      void this.#readRoots().then((problem) => {
        if (problem !== null)
          log.warn({ rootFile, problem }, 'roots of the external authority cannot be read; the last good ones count');
        this.#arm();
      });
    });
  }

  /** Null, or why the file cannot be used; then the last good roots stay. */
  async #readRoots(): Promise<string | null> {
    try {
      const roots = parseTrustBundle(await readFile(this.options.rootFile, 'utf8'));
      if (!roots.ok) return roots.error.message;
      const { pem } = roots.value;
      if (pem === this.#rootsPem) return null;
      this.#rootsPem = pem;
      for (const listener of this.#listeners) listener();
      return null;
    } catch (thrown) {
      return toError(thrown).message;
    }
  }
}
