import { sign, verify } from 'node:crypto';
import { err, ok, type Result } from '@weft/result';
import { readCertificationRequest, type CertificationRequest } from './certification-request.js';
import { bitString, DER, der, oid, sequence } from './der-writer.js';
import { SpiffeError } from './errors.js';
import { makeKeyPair, privateKeyPemOf, signatureAlgorithmOf, type KeyType } from './keys.js';
import { pemOf } from './pem.js';
import type { PublicKey } from './public-key.js';
import { isOnlyName, subjectAltNameExtension } from './subject-alt-names.js';

export interface SigningRequest {
  readonly csrPem: string;
  readonly privateKeyPem: string;
}

const VERSION_1 = der(DER.integer, Buffer.of(0));
const EXTENSION_REQUEST = oid('1.2.840.113549.1.9.14');

/** A fresh key and a request for it: empty subject, one critical SAN extension with the SPIFFE ID, then the DNS names. */
export async function createCsr(
  spiffeId: string,
  keyType: KeyType = 'ecdsa-p256',
  dnsNames: readonly string[] = [],
): Promise<SigningRequest> {
  const { publicKey, privateKey } = await makeKeyPair(keyType);
  const extensions = sequence(subjectAltNameExtension(spiffeId, dnsNames));
  const info = sequence(
    VERSION_1,
    sequence(),
    publicKey.export({ format: 'der', type: 'spki' }),
    der(0xa0, sequence(EXTENSION_REQUEST, der(DER.set, extensions))),
  );
  const { digest, identifier } = signatureAlgorithmOf(privateKey);
  const request = sequence(info, identifier, bitString(sign(digest, info, privateKey)));
  return { csrPem: pemOf(request, 'CERTIFICATE REQUEST'), privateKeyPem: privateKeyPemOf(privateKey) };
}

export interface CheckedCsr {
  /** Does it name the identity? Who only copies a request into a certificate needs that. */
  readonly named: boolean;
  readonly publicKey: PublicKey;
}

/** Does the request bear the signature of its key? May throw for a key that is none. */
export type ProofCheck = (request: CertificationRequest) => boolean;

/** By node:crypto. */
export const provesPossession: ProofCheck = ({ signature, signed, key, signatureValue }) =>
  verify(signature.digest, signed, key.import(), signatureValue);

/** A P-384 request is 500 bytes, RSA-4096 1.7 kB; what is larger is not a request for an SVID. */
const LONGEST_CSR = 8192;
const ONE_PEM_BLOCK =
  /^\s*-----BEGIN (NEW )?CERTIFICATE REQUEST-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END \1?CERTIFICATE REQUEST-----\s*$/;

/**
 * Checks that a request proves possession of a strong enough key and asks for nothing but `spiffeId`: at most one
 * extension, the SAN, with that one URI, byte for byte, and after it none but some of `dnsNames`. The subject is ignored, as
 * Istio does.
 */
// eslint-disable-next-line @typescript-eslint/require-await -- verifying is work that may move to another thread
export async function checkCsr(
  csrPem: string,
  spiffeId: string,
  dnsNames: readonly string[] = [],
  proves: ProofCheck = provesPossession,
): Promise<Result<CheckedCsr, SpiffeError>> {
  const refuse = (why: string, cause?: unknown) =>
    err(new SpiffeError('CSR_INVALID', `CSR refused: ${why}`, { cause }));
  if (csrPem.length > LONGEST_CSR) return refuse(`larger than ${LONGEST_CSR} bytes`);
  const body = ONE_PEM_BLOCK.exec(csrPem)?.[2];
  if (body === undefined) return refuse('not exactly one PEM block CERTIFICATE REQUEST');
  const request = readCertificationRequest(Buffer.from(body, 'base64'));
  if (!request.ok) return refuse(request.error);
  const { key, subjectAltName } = request.value;
  if (subjectAltName !== null && !isOnlyName(subjectAltName, spiffeId, dnsNames))
    return refuse(`its subject alternative name must be the URI ${spiffeId} alone`);
  try {
    if (!proves(request.value)) return refuse('its signature does not match its key');
    return ok({ publicKey: key, named: subjectAltName !== null });
  } catch (cause) {
    return refuse('not a PKCS#10 request with a supported key', cause);
  }
}
