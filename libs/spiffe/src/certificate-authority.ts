import { x509 } from './x509.js';
import { createPublicKey, randomBytes, X509Certificate } from 'node:crypto';
import { err, ok, toError, type Result } from '@weft/result';
import { SpiffeError } from './errors.js';
import { exportPrivateKeyPem, generateKeyPair, importSigningKey, signingAlgorithm, type KeyType } from './keys.js';

/** How far back `notBefore` is set, so that a peer whose clock is a little behind accepts the certificate. */
const CLOCK_SKEW_MS = 2 * 60_000;

export interface AuthorityMaterial {
  /** The signing certificate, then any intermediates up to (not including) the root. */
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
    readonly notAfter: Date,
    private readonly issuer: x509.X509Certificate,
    private readonly key: CryptoKey,
  ) {}

  /** Refuses a key that does not belong to the certificate, a certificate that may not sign, and an expired one. */
  static async load(material: AuthorityMaterial, now: number): Promise<Result<CertificateAuthority, SpiffeError>> {
    const refuse = (why: string, cause?: unknown) =>
      err(new SpiffeError('CERTIFICATE_INVALID', `signing certificate refused: ${why}`, { cause }));
    try {
      const certificate = new X509Certificate(material.certificateChainPem);
      const key = await importSigningKey(material.privateKeyPem);
      const spki = (input: string) => createPublicKey(input).export({ format: 'der', type: 'spki' });
      if (!spki(material.privateKeyPem).equals(certificate.publicKey.export({ format: 'der', type: 'spki' }))) {
        return refuse('the private key does not belong to it');
      }
      if (!certificate.ca) return refuse('it is not a CA certificate');
      if (certificate.validToDate.getTime() <= now)
        return refuse(`it expired at ${certificate.validToDate.toISOString()}`);
      const issuer = new x509.X509Certificate(certificate.raw);
      return ok(new CertificateAuthority(material, certificate.validToDate, issuer, key));
    } catch (thrown) {
      return refuse(toError(thrown).message, thrown);
    }
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
      issuer: this.issuer.subject,
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
        await x509.AuthorityKeyIdentifierExtension.create(this.issuer),
      ],
    });
    return { pem: certificate.toString('pem') + '\n', serialNumber: serial, notAfter };
  }
}

/** 127 random bits: positive, never zero, within the 20 octets of RFC 5280 4.1.2.2. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}
