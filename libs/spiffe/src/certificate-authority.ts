import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import { err, ok, toError, type Result } from '@weft/result';
import { buildAuthorityPath, type AuthorityPath } from './authority-path.js';
import { splitPemCertificates } from './certificate-chain.js';
import { keyIdentifier, signCertificate } from './certificate-template.js';
import { DER, der, extension, oid, sequence } from './der-writer.js';
import { SpiffeError } from './errors.js';
import { makeKeyPair, privateKeyPemOf, readSigningKey, type AuthorityKeyType } from './keys.js';
import { pemOf } from './pem.js';
import type { PublicKey } from './public-key.js';
import { subjectAltNameExtension } from './subject-alt-names.js';
import { parseTrustBundle } from './trust-bundle.js';
import { x509 } from './x509.js';

export interface AuthorityMaterial {
  /** The signing certificate, then whatever is needed to reach a root, in any order; the root may be among it. */
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
  /** Trust anchors handed to workloads. */
  readonly rootsPem: string;
}

export interface LeafOptions {
  readonly spiffeId: string;
  readonly dnsNames?: readonly string[];
  readonly ttlMs: number;
  readonly now: number;
}

export interface IssuedLeaf {
  readonly pem: string;
  readonly serialNumber: string;
  readonly notAfter: Date;
}

/** RFC 5280 4.2.1.3, as DER bit strings. */
const DIGITAL_SIGNATURE = der(DER.bitString, Buffer.of(7, 0x80));
const CERTIFICATE_AND_CRL_SIGNING = der(DER.bitString, Buffer.of(1, 0x06));
const SERVER_AND_CLIENT = sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'));

/** A new self-signed root. */
export async function createRoot(options: {
  readonly trustDomain: string;
  readonly keyType: AuthorityKeyType;
  readonly ttlMs: number;
  readonly now: number;
}): Promise<AuthorityMaterial> {
  const { publicKey, privateKey } = await makeKeyPair(options.keyType);
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const organization = sequence(oid('2.5.4.10'), der(DER.utf8String, Buffer.from(options.trustDomain)));
  const name = sequence(der(DER.set, organization));
  const extensions = [
    extension('2.5.29.19', true, sequence(der(DER.boolean, Buffer.of(0xff)))),
    extension('2.5.29.15', true, CERTIFICATE_AND_CRL_SIGNING),
    extension('2.5.29.14', false, der(DER.octetString, keyIdentifier(spki))),
  ];
  const validity = { nowMs: options.now, notAfterMs: options.now + options.ttlMs };
  const certificate = await signCertificate({ issuer: name, subject: name, spki, ...validity, extensions }, privateKey);
  const pem = pemOf(certificate.der, 'CERTIFICATE');
  return { certificateChainPem: pem, privateKeyPem: privateKeyPemOf(privateKey), rootsPem: pem };
}

/** What every SVID of an authority has in common, encoded once. */
interface LeafParts {
  readonly issuer: Buffer;
  /** Extensions before and after the names. */
  readonly before: readonly Buffer[];
  readonly after: readonly Buffer[];
}

const NO_SUBJECT = sequence();

/** Issues X.509-SVIDs. Holds the signing key in memory; nothing here prints it. */
export class CertificateAuthority {
  /** The certificates a peer needs between an SVID and the root, the issuer first. */
  readonly intermediatesPem: readonly string[];

  private constructor(
    readonly material: AuthorityMaterial,
    private readonly path: AuthorityPath,
    private readonly parts: LeafParts,
    private readonly key: KeyObject,
  ) {
    this.intermediatesPem = path.intermediates.map((certificate) => certificate.toString());
  }

  /**
   * Refuses a key that does not belong to the certificate, a certificate that may not sign, an expired one, one that does
   * not lead to a root of its bundle, and a bundle that cannot be read.
   */
  // eslint-disable-next-line @typescript-eslint/require-await -- a signer that is reached by network is loaded the same way
  static async load(material: AuthorityMaterial, now: number): Promise<Result<CertificateAuthority, SpiffeError>> {
    const refuse = (why: string, cause?: unknown) =>
      err(new SpiffeError('CERTIFICATE_INVALID', `signing certificate refused: ${why}`, { cause }));
    const bundle = parseTrustBundle(material.rootsPem);
    try {
      const [signing, ...others] = splitPemCertificates(material.certificateChainPem).map(
        (pem) => new X509Certificate(pem),
      );
      if (signing === undefined) return refuse('it is not a PEM certificate');
      const key = readSigningKey(material.privateKeyPem);
      const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
      if (!spki.equals(signing.publicKey.export({ format: 'der', type: 'spki' })))
        return refuse('the private key does not belong to it');
      if (!bundle.ok) return err(bundle.error);
      const path = buildAuthorityPath(signing, { others, roots: bundle.value.certificates, nowMs: now });
      if (!path.ok) return refuse(path.error);
      const checked = { ...material, rootsPem: bundle.value.pem };
      return ok(new CertificateAuthority(checked, path.value, leafPartsOf(signing), key));
    } catch (thrown) {
      return refuse(toError(thrown).message, thrown);
    }
  }

  /** When the first certificate of the chain expires; no SVID lives longer. */
  get notAfter(): Date {
    return this.path.notAfter;
  }

  /** The root that the SVIDs issued here lead to. */
  get rootPem(): string {
    return this.path.root.toString();
  }

  get rootNotAfter(): Date {
    return this.path.root.validToDate;
  }

  /** An SVID that never outlives its issuer: SPIFFE URI (critical, the subject is empty), client and server use. */
  async issue({ spki }: PublicKey, { spiffeId, dnsNames = [], ttlMs, now }: LeafOptions): Promise<IssuedLeaf> {
    const { issuer, before, after } = this.parts;
    const extensions = [...before, subjectAltNameExtension(spiffeId, dnsNames), ...after];
    const notAfterMs = Math.min(now + ttlMs, this.notAfter.getTime());
    const content = { issuer, subject: NO_SUBJECT, spki, nowMs: now, notAfterMs, extensions };
    const { der: bytes, serialNumber, notAfter } = await signCertificate(content, this.key);
    return { pem: pemOf(bytes, 'CERTIFICATE'), serialNumber, notAfter };
  }
}

function leafPartsOf(signing: X509Certificate): LeafParts {
  const certificate = new x509.X509Certificate(signing.raw);
  // RFC 5280 4.2.1.1: the identifier that the issuer's certificate carries, however it was computed.
  const own = certificate.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  const spki = signing.publicKey.export({ format: 'der', type: 'spki' });
  const keyId = own === undefined ? keyIdentifier(spki) : Buffer.from(own, 'hex');
  return {
    issuer: Buffer.from(certificate.subjectName.toArrayBuffer()),
    before: [
      extension('2.5.29.19', true, sequence()),
      extension('2.5.29.15', true, DIGITAL_SIGNATURE),
      extension('2.5.29.37', false, SERVER_AND_CLIENT),
    ],
    after: [extension('2.5.29.35', false, sequence(der(0x80, keyId)))],
  };
}
