import { x509 } from './x509.js';
import { createPublicKey, randomBytes, X509Certificate } from 'node:crypto';
import { err, ok, toError, type Result } from '@weft/result';
import { buildAuthorityPath, type AuthorityPath } from './authority-path.js';
import { splitPemCertificates } from './certificate-chain.js';
import { SpiffeError } from './errors.js';
import { exportPrivateKeyPem, generateKeyPair, importSigningKey, signingAlgorithm, type KeyType } from './keys.js';
import { parseTrustBundle } from './trust-bundle.js';

/** How far back `notBefore` is set, so that a peer whose clock is a little behind accepts the certificate. */
const CLOCK_SKEW_MS = 2 * 60_000;

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

/** A new self-signed root. */
export async function createRoot(options: {
  readonly trustDomain: string;
  readonly keyType: KeyType;
  readonly ttlMs: number;
  readonly now: number;
}): Promise<AuthorityMaterial> {
  const keys = await generateKeyPair(options.keyType);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    keys,
    serialNumber: serialNumber(),
    name: [{ O: [options.trustDomain] }],
    notBefore: new Date(options.now - CLOCK_SKEW_MS),
    notAfter: new Date(options.now + options.ttlMs),
    signingAlgorithm: signingAlgorithm(keys.privateKey),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pem = certificate.toString('pem') + '\n';
  return { certificateChainPem: pem, privateKeyPem: await exportPrivateKeyPem(keys.privateKey), rootsPem: pem };
}

/** Issues X.509-SVIDs. Holds the signing key in memory; nothing here prints it. */
export class CertificateAuthority {
  private constructor(
    readonly material: AuthorityMaterial,
    private readonly path: AuthorityPath,
    private readonly issuer: x509.X509Certificate,
    private readonly key: CryptoKey,
  ) {}

  /**
   * Refuses a key that does not belong to the certificate, a certificate that may not sign, an expired one, one that does
   * not lead to a root of its bundle, and a bundle that cannot be read.
   */
  static async load(material: AuthorityMaterial, now: number): Promise<Result<CertificateAuthority, SpiffeError>> {
    const refuse = (why: string, cause?: unknown) =>
      err(new SpiffeError('CERTIFICATE_INVALID', `signing certificate refused: ${why}`, { cause }));
    const bundle = parseTrustBundle(material.rootsPem);
    try {
      const [signing, ...others] = splitPemCertificates(material.certificateChainPem).map(
        (pem) => new X509Certificate(pem),
      );
      if (signing === undefined) return refuse('it is not a PEM certificate');
      const key = await importSigningKey(material.privateKeyPem);
      const spki = createPublicKey(material.privateKeyPem).export({ format: 'der', type: 'spki' });
      if (!spki.equals(signing.publicKey.export({ format: 'der', type: 'spki' })))
        return refuse('the private key does not belong to it');
      if (!bundle.ok) return err(bundle.error);
      const path = buildAuthorityPath(signing, { others, roots: bundle.value.certificates, nowMs: now });
      if (!path.ok) return refuse(path.error);
      const issuer = new x509.X509Certificate(signing.raw);
      return ok(new CertificateAuthority({ ...material, rootsPem: bundle.value.pem }, path.value, issuer, key));
    } catch (thrown) {
      return refuse(toError(thrown).message, thrown);
    }
  }

  /** When the first certificate of the chain expires; no SVID lives longer. */
  get notAfter(): Date {
    return this.path.notAfter;
  }

  /** The certificates a peer needs between an SVID and the root, the issuer first. */
  get intermediatesPem(): readonly string[] {
    return this.path.intermediates.map((certificate) => certificate.toString());
  }

  /** The root that the SVIDs issued here lead to. */
  get rootPem(): string {
    return this.path.root.toString();
  }

  get rootNotAfter(): Date {
    return this.path.root.validToDate;
  }

  /** An SVID that never outlives its issuer: SPIFFE URI (critical, the subject is empty), client and server use. */
  async issue(publicKey: x509.PublicKey, { spiffeId, dnsNames = [], ttlMs, now }: LeafOptions): Promise<IssuedLeaf> {
    const notAfter = new Date(Math.min(now + ttlMs, this.notAfter.getTime()));
    const serial = serialNumber();
    const names: x509.JsonGeneralNames = [
      { type: 'url', value: spiffeId },
      ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ];
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial,
      subject: '',
      issuer: this.issuer.subjectName, // as it is encoded there: verifiers may compare the bytes
      notBefore: new Date(now - CLOCK_SKEW_MS),
      notAfter,
      publicKey,
      signingKey: this.key,
      signingAlgorithm: signingAlgorithm(this.key),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        new x509.SubjectAlternativeNameExtension(names, true),
        await this.#authorityKeyIdentifier(),
      ],
    });
    return { pem: certificate.toString('pem') + '\n', serialNumber: serial, notAfter };
  }

  /** RFC 5280 4.2.1.1: the identifier that the issuer's certificate carries, however it was computed. */
  async #authorityKeyIdentifier(): Promise<x509.AuthorityKeyIdentifierExtension> {
    const own = this.issuer.getExtension(x509.SubjectKeyIdentifierExtension);
    return own === null
      ? await x509.AuthorityKeyIdentifierExtension.create(this.issuer)
      : new x509.AuthorityKeyIdentifierExtension(own.keyId);
  }
}

/** 127 random bits: positive, never zero, within the 20 octets of RFC 5280 4.1.2.2. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}
