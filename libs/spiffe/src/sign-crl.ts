import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import type { AuthorityMaterial } from './certificate-authority.js';
import { readCertificateFields } from './certificate-fields.js';
import { allowsCrlSigning } from './crl.js';
import { readDerElements } from './der-reader.js';
import { bitString, DER, der, sequence, time } from './der-writer.js';
import { signatureAlgorithmOf } from './keys.js';
import { pemOf } from './pem.js';
import { encodeRevokedIdentities, REVOKED_IDENTITIES_OID_HEX, type RevokedIdentity } from './revoked-identities.js';
import { EXTENSION_OIDS } from './x509-extensions.js';

export interface CrlOptions {
  /** Serial numbers in hexadecimal, with the time they were taken back. */
  readonly serials: readonly { readonly serial: string; readonly revokedAtMs: number }[];
  readonly identities: readonly RevokedIdentity[];
  /** Higher than that of every list before. */
  readonly number: number;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
}

/**
 * A complete version 2 CRL (RFC 5280 5.1) of an authority, PEM. Verifiers refuse it unless `maySignCrls`.
 */
export function signCrl(authority: AuthorityMaterial, options: CrlOptions): string {
  const key = createPrivateKey(authority.privateKeyPem);
  const issuer = readCertificateFields(new X509Certificate(authority.certificateChainPem).raw);
  if (issuer === null) throw new TypeError('the issuer is a certificate');
  const { identifier, digest } = signatureAlgorithmOf(key);
  const entries = options.serials.map(({ serial, revokedAtMs }) =>
    sequence(integer(BigInt(`0x${serial}`)), time(revokedAtMs)),
  );
  const keyId = issuer.extensions.get(EXTENSION_OIDS.subjectKeyIdentifier)?.value;
  const tbs = sequence(
    integer(1n),
    identifier,
    sequence(Buffer.from(issuer.subject, 'hex')),
    time(options.thisUpdateMs),
    time(options.nextUpdateMs),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    der(0xa0, sequence(...extensionsOf(keyId, options))),
  );
  const signature = sign(digest, tbs, key);
  return pemOf(sequence(tbs, identifier, bitString(signature)), 'X509 CRL');
}

/** Whether the key usage of the signing certificate allows `signCrl`. */
export function maySignCrls({ certificateChainPem }: AuthorityMaterial): boolean {
  return allowsCrlSigning(new X509Certificate(certificateChainPem));
}

function extensionsOf(subjectKeyIdentifier: Uint8Array | undefined, { number, identities }: CrlOptions): Buffer[] {
  const plain = (oidHex: string, value: Buffer): Buffer =>
    sequence(der(DER.oid, Buffer.from(oidHex, 'hex')), der(DER.octetString, value));
  const [keyId] = readDerElements(subjectKeyIdentifier ?? Buffer.alloc(0), 0, subjectKeyIdentifier?.length ?? 0) ?? [];
  const authority = keyId && sequence(der(0x80, subjectKeyIdentifier!.subarray(keyId.start, keyId.end)));
  return [
    ...(authority === undefined ? [] : [plain(EXTENSION_OIDS.authorityKeyIdentifier, authority)]),
    plain(EXTENSION_OIDS.crlNumber, integer(BigInt(number))),
    ...(identities.length === 0 ? [] : [plain(REVOKED_IDENTITIES_OID_HEX, encodeRevokedIdentities(identities))]),
  ];
}

/** Not negative. */
function integer(value: bigint): Buffer {
  const hex = value.toString(16);
  const content = Buffer.from((hex.length % 2 === 1 ? '0' : '') + hex, 'hex');
  return der(DER.integer, Buffer.alloc(content[0]! >= 0x80 ? 1 : 0), content);
}
