import { X509Certificate } from 'node:crypto';
import type { Clock } from '@weft/result';
import type { Logger } from '@weft/runtime';
import { isSignedBy, maySignCrls, readCrlFile, signCrl, type AuthorityMaterial, type Crl } from '@weft/spiffe';
import { DISTRUSTED_ROOTS } from './root-record.js';
import type { RevocationRegister } from './revocation-register.js';
import type { Signer } from './signer.js';

/** Istio's key. */
const CRL_KEY = 'ca-crl.pem';
/** As SVIDs are backdated, so is a cut between them. */
const BACKDATED_MS = 2 * 60_000;
/** Verifiers that mind the date must get the next list before; it is signed when half of this is over. */
const VALID_MS = 7 * 24 * 3_600_000;

const LOOK_AGAIN_MS = 3_600_000;

export interface CrlPublisherOptions {
  readonly signer: Pick<Signer, 'revoking' | 'foreignCrl' | 'distrustedPem'>;
  readonly register: Pick<RevocationRegister, 'current'>;
  /** What the ConfigMap of our own namespace holds. */
  readonly published: () => Readonly<Record<string, string>> | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Wanted {
  readonly authorities: readonly AuthorityMaterial[];
  readonly foreign: string;
  readonly distrusted: string;
}

/**
 * The content of ConfigMap `istio-ca-crl`: the lists that an operator plugged in, one of our own for each authority that has
 * certificates alive, and the roots that are distrusted. What is published already is kept while it says the same and is not
 * old, so a new leader signs nothing anew.
 */
export class CrlPublisher {
  #last: {
    readonly key: string;
    readonly content: Readonly<Record<string, string>>;
    readonly untilMs: number;
  } | null = null;
  /** Authorities that may not sign CRLs were told of. */
  readonly #told = new Set<string>();

  constructor(private readonly options: CrlPublisherOptions) {}

  /** Null while nothing was ever taken back. */
  content(): Readonly<Record<string, string>> | null {
    const { signer, register, published, clock } = this.options;
    const { serials, identities } = register.current;
    const [foreign, distrusted] = [signer.foreignCrl(), signer.distrustedPem()];
    const nothing = foreign === '' && distrusted === '' && serials.length + identities.length === 0;
    const before = published();
    if (nothing && before === undefined) return null;
    const authorities = signer.revoking().filter((authority) => this.#maySign(authority));
    const key = JSON.stringify([serials, identities, foreign, distrusted, authorities.map(certificateOf)]);
    const nowMs = clock.now();
    if (this.#last?.key === key && nowMs < this.#last.untilMs) return this.#last.content;
    const wanted = { authorities, foreign, distrusted };
    const kept = before !== undefined && this.#says(before, wanted, nowMs);
    const content = kept ? before : this.#signed(wanted, nowMs);
    // Kept ones may be half over soon, so they are looked at again every hour.
    this.#last = { key, content, untilMs: nowMs + LOOK_AGAIN_MS };
    return content;
  }

  #signed({ authorities, foreign, distrusted }: Wanted, nowMs: number): Readonly<Record<string, string>> {
    const own = authorities.map((authority) => this.#sign(authority, nowMs));
    const text = [...(foreign === '' ? [] : [foreign + '\n']), ...own].join('');
    return { [CRL_KEY]: text, ...(distrusted === '' ? {} : { [DISTRUSTED_ROOTS]: distrusted }) };
  }

  #sign(authority: AuthorityMaterial, nowMs: number): string {
    const { serials, identities } = this.options.register.current;
    return signCrl(authority, {
      serials: serials.map((serial) => ({ serial, revokedAtMs: nowMs })),
      identities: identities.map(({ spiffeId, issuedBeforeMs }) => ({
        spiffeId,
        notBeforeMs: issuedBeforeMs === null ? null : issuedBeforeMs - BACKDATED_MS,
      })),
      number: nowMs,
      thisUpdateMs: nowMs,
      nextUpdateMs: nowMs + VALID_MS,
    });
  }

  /** Is this what would be signed now, and fresh enough? */
  #says(held: Readonly<Record<string, string>>, { authorities, foreign, distrusted }: Wanted, nowMs: number): boolean {
    const text = held[CRL_KEY] ?? '';
    if ((held[DISTRUSTED_ROOTS] ?? '') !== distrusted || !text.startsWith(foreign)) return false;
    const own = readCrlFile(Buffer.from(text.slice(foreign.length)));
    if (!own.ok || own.value.length !== authorities.length) return false;
    return authorities.every((authority, index) => {
      const crl = own.value[index]!;
      const like = readCrlFile(Buffer.from(this.#sign(authority, nowMs)));
      const fresh = (crl.nextUpdate?.getTime() ?? 0) - nowMs > VALID_MS / 2;
      const signed = isSignedBy(crl, new X509Certificate(authority.certificateChainPem));
      return fresh && signed && like.ok && sameEntries(crl, like.value[0]!);
    });
  }

  #maySign(authority: AuthorityMaterial): boolean {
    if (maySignCrls(authority)) return true;
    const { subject } = new X509Certificate(authority.certificateChainPem);
    if (!this.#told.has(subject)) {
      this.options.log.error(
        { subject },
        'the signing certificate may not sign CRLs (key usage): revocations of its certificates have to come in ca-crl.pem',
      );
    }
    this.#told.add(subject);
    return false;
  }
}

const certificateOf = ({ certificateChainPem }: AuthorityMaterial): string => certificateChainPem;

function sameEntries(a: Crl, b: Crl): boolean {
  const entries = (crl: Crl): string => JSON.stringify([[...crl.serials].sort(), crl.identities]);
  return entries(a) === entries(b);
}
