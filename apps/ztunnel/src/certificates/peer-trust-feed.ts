import { X509Certificate } from 'node:crypto';
import { err, ok, type Clock, type Result } from '@weft/result';
import { parseTrustBundle, RevocationList, splitPemCertificates, type Svid } from '@weft/spiffe';
import type { DataPlanePort } from '../pods/data-plane-port.js';
import type { CertificateSource } from './identity-feed.js';
import type { RevocationMetrics } from './revocation-metrics.js';

export interface PeerTrustFeedOptions {
  readonly certificates: Pick<CertificateSource, 'states' | 'renew'>;
  readonly dataPlane: DataPlanePort;
  readonly clock: Clock;
  readonly log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
    error(fields: object, message: string): void;
  };
  readonly metrics: RevocationMetrics;
  readonly onTrustDomains: (names: ReadonlySet<string>) => void;
}

/** A certificate of our own that is taken back is renewed at once, but not again and again. */
const RENEW_AGAIN_MS = 10_000;
const NOTHING = Buffer.alloc(0);

/**
 * Tells workers whom not to trust: CRLs, and roots that were taken out in an emergency. A broken file changes nothing: the last
 * good one stays in force, an error is logged and `weft_crl_refused` is 1 until the file is good again.
 */
export class PeerTrustFeed {
  #crl: Buffer = NOTHING;
  #list = RevocationList.EMPTY;
  #distrusted = '';
  #trustDomains: readonly string[] = [];
  #sent = '';
  readonly #renewedAtMs = new Map<string, number>();

  constructor(private readonly options: PeerTrustFeedOptions) {}

  /** Null: the file is not there. Tolerated before the first one; a list that is taken away stays in force. */
  crlFile(content: Buffer | null): void {
    const { log, metrics } = this.options;
    if (content === null) {
      if (this.#crl.length > 0) log.error({}, 'the CRL file is gone; the last good one stays in force');
      return;
    }
    const read = this.#read(content, this.#distrusted);
    if (!read.ok) {
      metrics.refused();
      log.error({ error: read.error }, 'broken CRL file; the last good one stays in force');
      return;
    }
    this.#crl = content;
    metrics.loaded(read.value.crls);
    const entries = read.value.crls.map(({ serials, identities }) => serials.size + identities.length);
    log.info({ lists: entries.length, entries: entries.reduce((sum, count) => sum + count, 0) }, 'CRL file loaded');
    this.#apply();
  }

  /** PEM of the roots that an operator distrusts from one moment to the next. */
  distrustedRoots(content: Buffer | null): void {
    const pem = content?.toString('latin1').trim() ?? '';
    const bundle = pem === '' ? null : parseTrustBundle(pem);
    if (bundle?.ok === false) {
      this.options.log.error({ error: bundle.error.message }, 'list of distrusted roots refused; the last one stays');
      return;
    }
    const next = bundle?.value.pem ?? '';
    if (next !== '' && next !== this.#distrusted)
      this.options.log.warn({ roots: splitPemCertificates(next).length }, 'roots are distrusted from now on');
    this.#distrusted = next;
    this.#apply();
  }

  /** All names of this mesh. */
  trustDomains(names: readonly string[]): void {
    const next = names.length > 1 ? names : [];
    if (next.join() === this.#trustDomains.join()) return;
    this.#trustDomains = next;
    this.options.log.info({ trustDomains: names }, 'trust domains of this mesh');
    this.#apply();
    this.options.onTrustDomains(new Set(next));
  }

  /** Our own certificates changed, and with them the authorities that are known here. */
  identitiesChanged(): void {
    this.#apply();
  }

  #apply(): void {
    const issuersPem = this.#issuers();
    const crl = this.#crl.toString('base64');
    const message = {
      type: 'setPeerTrust' as const,
      ...{ crl, issuersPem, distrustedRootsPem: this.#distrusted, trustDomains: this.#trustDomains },
    };
    const quiet = crl === '' && this.#distrusted === '' && this.#trustDomains.length === 0;
    const state = JSON.stringify(quiet ? null : message);
    if (state !== (this.#sent || 'null')) {
      this.#sent = state;
      const read = this.#read(this.#crl, this.#distrusted);
      if (read.ok) this.#list = read.value;
      this.options.dataPlane.send(message);
    }
    this.#renewOwn();
  }

  #read(content: Buffer, distrusted: string): Result<RevocationList, string> {
    const list = RevocationList.read(content, this.#issuers(), distrusted);
    if (!list.ok) return err(list.error.message);
    const forgery = list.value.forgery();
    return forgery === null ? ok(list.value) : err(`CRL file refused: ${forgery}`);
  }

  #issuers(): readonly string[] {
    const issuers = this.#svids().flatMap(({ certificateChainPem, rootsPem }) => [
      ...splitPemCertificates(certificateChainPem).slice(1),
      ...splitPemCertificates(rootsPem),
    ]);
    return [...new Set(issuers)].sort();
  }

  #svids(): readonly Svid[] {
    const states = [...this.options.certificates.states().values()];
    return states.flatMap((state) => (state.kind === 'available' ? [state.svid] : []));
  }

  #renewOwn(): void {
    if (this.#list.isEmpty) return;
    const { clock, certificates, log } = this.options;
    for (const svid of this.#svids()) {
      const why = this.#list.refusal(chainOf(svid));
      const last = this.#renewedAtMs.get(svid.spiffeId) ?? -Infinity;
      if (why === null || clock.now() - last < RENEW_AGAIN_MS) continue;
      this.#renewedAtMs.set(svid.spiffeId, clock.now());
      log.warn({ identity: svid.spiffeId, reason: why }, 'own certificate was taken back; asking for another');
      certificates.renew(svid.spiffeId);
    }
  }
}

/** DER from the leaf up to its root. */
function chainOf({ certificateChainPem, rootsPem }: Svid): readonly Buffer[] {
  const chain = splitPemCertificates(certificateChainPem).map((pem) => new X509Certificate(pem));
  const last = chain.at(-1);
  const root = splitPemCertificates(rootsPem)
    .map((pem) => new X509Certificate(pem))
    .find((candidate) => last?.checkIssued(candidate) === true && last.verify(candidate.publicKey));
  return [...chain, ...(root === undefined ? [] : [root])].map(({ raw }) => raw);
}
