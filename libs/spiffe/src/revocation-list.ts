import { X509Certificate } from 'node:crypto';
import { ok, type Result } from '@weft/result';
import { readCertificateFields, type CertificateFields } from './certificate-fields.js';
import { isIssuedBy, isSignedBy, type Crl } from './crl.js';
import { readCrlFile } from './crl-file.js';
import type { SpiffeError } from './errors.js';
import type { RevokedIdentity } from './revoked-identities.js';
import { uriSansOfCertificate } from './subject-alt-names.js';

interface Revocation extends RevokedIdentity {
  readonly crl: Crl;
}

/**
 * The CRLs that are in force, asked about verified chains. A certificate whose issuer has no CRL is good, and so is one on a
 * list that its issuer did not sign; the age of a list does not matter. That is how Istio's ztunnel has it.
 */
export class RevocationList {
  static readonly EMPTY = new RevocationList([], [], []);
  readonly #byIssuer = new Map<string, Crl[]>();
  readonly #identities = new Map<string, Revocation[]>();
  /** Signatures already looked at, by the issuer's certificate. */
  readonly #verified = new WeakMap<Crl, Map<string, boolean>>();
  readonly #issuers = new Map<string, X509Certificate>();

  private constructor(
    readonly crls: readonly Crl[],
    private readonly trusted: readonly X509Certificate[],
    private readonly distrusted: readonly X509Certificate[],
  ) {
    for (const crl of crls) {
      const ofIssuer = this.#byIssuer.get(crl.issuer);
      if (ofIssuer === undefined) this.#byIssuer.set(crl.issuer, [crl]);
      else ofIssuer.push(crl);
      for (const identity of crl.identities) {
        const of = this.#identities.get(identity.spiffeId) ?? [];
        of.push({ ...identity, crl });
        this.#identities.set(identity.spiffeId, of);
      }
    }
  }

  /**
   * Reads a file. `issuersPem`: authorities known here, whose revocations of identities count for certificates of the whole
   * mesh. `distrustedRootsPem`: roots that no chain may lead to.
   */
  static read(
    content: Uint8Array,
    issuersPem: readonly string[] = [],
    distrustedRootsPem = '',
  ): Result<RevocationList, SpiffeError> {
    const crls = readCrlFile(content);
    if (!crls.ok) return crls;
    return ok(new RevocationList(crls.value, readable(issuersPem), readable([distrustedRootsPem])));
  }

  /** Nothing is taken back. */
  get isEmpty(): boolean {
    if (this.distrusted.length > 0) return false;
    return this.crls.every(({ serials, identities }) => serials.size === 0 && identities.length === 0);
  }

  /**
   * A list that names an issuer known here and was not signed by it: forged or damaged, so the file should not be used. Null
   * if there is none. Lists of issuers that are not known here prove nothing yet.
   */
  forgery(): string | null {
    for (const [index, crl] of this.crls.entries()) {
      const issuers = this.trusted.filter((issuer) => isIssuedBy(crl, issuer));
      if (issuers.length > 0 && !issuers.some((issuer) => this.#isSigned(crl, issuer)))
        return `list ${index + 1} is not signed by ${JSON.stringify(issuers[0]!.subject)}, whose name it bears`;
    }
    return null;
  }

  /**
   * Why the owner of a chain must be refused; null if nothing was taken back. `chain` is verified DER, the leaf first and the
   * root last.
   */
  refusal(chain: readonly Uint8Array[]): string | null {
    const root = chain.at(-1);
    if (root !== undefined && this.distrusted.some(({ raw }) => raw.equals(root)))
      return 'the root of its chain is not trusted any more';
    for (const [index, der] of chain.entries()) {
      const fields = readCertificateFields(der);
      if (fields === null) return 'a certificate of the chain cannot be read';
      const issuer = chain[index + 1];
      if (issuer !== undefined && this.#isRevoked(fields, issuer))
        return `certificate ${fields.serial} is revoked${index === 0 ? '' : ' (an authority of the chain)'}`;
      if (index > 0) continue;
      const identity = this.#revokedIdentity(der, fields, chain);
      if (identity !== null) return `identity ${identity} is revoked`;
    }
    return null;
  }

  #isRevoked({ serial, issuer }: CertificateFields, issuerDer: Uint8Array): boolean {
    const lists = (this.#byIssuer.get(issuer) ?? []).filter(({ serials }) => serials.has(serial));
    return lists.length > 0 && lists.some((crl) => this.#isSigned(crl, this.#issuer(issuerDer)));
  }

  #revokedIdentity(der: Uint8Array, { notBefore }: CertificateFields, chain: readonly Uint8Array[]): string | null {
    if (this.#identities.size === 0) return null;
    for (const uri of uriSansOfCertificate(der)) {
      for (const { crl, notBeforeMs } of this.#identities.get(uri) ?? []) {
        if (notBeforeMs !== null && notBefore.getTime() >= notBeforeMs) continue;
        const authorities = [...chain.slice(1).map((issuer) => this.#issuer(issuer)), ...this.trusted];
        if (authorities.some((authority) => this.#isSigned(crl, authority))) return uri;
      }
    }
    return null;
  }

  #isSigned(crl: Crl, issuer: X509Certificate | null): boolean {
    if (issuer === null) return false;
    const known = this.#verified.get(crl) ?? new Map<string, boolean>();
    this.#verified.set(crl, known);
    const key = issuer.fingerprint256;
    const before = known.get(key);
    if (before !== undefined) return before;
    const signed = isSignedBy(crl, issuer);
    known.set(key, signed);
    return signed;
  }

  /** A mesh has few authorities, so they are kept. */
  #issuer(der: Uint8Array): X509Certificate | null {
    const key = Buffer.from(der.buffer, der.byteOffset, der.length).toString('latin1');
    const known = this.#issuers.get(key);
    if (known !== undefined) return known;
    try {
      const certificate = new X509Certificate(der);
      if (this.#issuers.size < 1024) this.#issuers.set(key, certificate);
      return certificate;
    } catch {
      return null;
    }
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Authorities of PEM texts, each once; leaves and what cannot be read do not matter here. */
function readable(pems: readonly string[]): readonly X509Certificate[] {
  const found = new Map<string, X509Certificate>();
  for (const block of new Set(pems.flatMap((pem) => pem.match(CERTIFICATE) ?? []))) {
    try {
      const certificate = new X509Certificate(block);
      if (certificate.ca) found.set(certificate.fingerprint256, certificate);
    } catch {
      continue;
    }
  }
  return [...found.values()];
}
