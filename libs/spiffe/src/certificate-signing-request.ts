import { err, ok, type Result } from '@weft/result';
import { readDerElements } from './der-reader.js';
import { SpiffeError } from './errors.js';
import { exportPrivateKeyPem, generateKeyPair, signingAlgorithm, type KeyType } from './keys.js';
import { isOnlyUriName } from './subject-alt-names.js';
import { x509 } from './x509.js';

export interface SigningRequest {
  readonly csrPem: string;
  readonly privateKeyPem: string;
}

/** A fresh key and a request for it: empty subject, one critical SAN extension with the SPIFFE ID. */
export async function createCsr(spiffeId: string, keyType: KeyType = 'ecdsa-p256'): Promise<SigningRequest> {
  const keys = await generateKeyPair(keyType);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: signingAlgorithm(keys.privateKey),
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'url', value: spiffeId }], true)],
  });
  return { csrPem: request.toString('pem') + '\n', privateKeyPem: await exportPrivateKeyPem(keys.privateKey) };
}

export interface CheckedCsr {
  readonly publicKey: x509.PublicKey;
  readonly keyAlgorithm: string;
}

/** A P-384 request is 500 bytes, RSA-4096 1.7 kB; what is larger is not a request for an SVID. */
const LONGEST_CSR = 8192;
const ONE_PEM_BLOCK =
  /^\s*-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END (?:NEW )?CERTIFICATE REQUEST-----\s*$/;
const SEQUENCE = 0x30;
const SAN_OID = '2.5.29.17';
const EXTENSION_REQUEST_OID = '1.2.840.113549.1.9.14';
const SIGNATURE_HASHES = ['SHA-256', 'SHA-384', 'SHA-512'];

/**
 * Checks that a request proves possession of a strong enough key and asks for nothing but `spiffeId`: at most one
 * extension, the SAN, with at most that one URI, byte for byte. The subject is ignored, as Istio does.
 */
export async function checkCsr(csrPem: string, spiffeId: string): Promise<Result<CheckedCsr, SpiffeError>> {
  const refuse = (why: string, cause?: unknown) =>
    err(new SpiffeError('CSR_INVALID', `CSR refused: ${why}`, { cause }));
  if (csrPem.length > LONGEST_CSR) return refuse(`larger than ${LONGEST_CSR} bytes`);
  const body = ONE_PEM_BLOCK.exec(csrPem)?.[1];
  if (body === undefined) return refuse('not exactly one PEM block CERTIFICATE REQUEST');
  const der = Buffer.from(body, 'base64');
  const elements = readDerElements(der, 0, der.length);
  if (elements?.length !== 1 || elements[0]!.tag !== SEQUENCE) return refuse('not one DER sequence');
  try {
    const request = new x509.Pkcs10CertificateRequest(der);
    const problem = keyProblem(request.publicKey) ?? signatureProblem(request) ?? extensionProblem(request, spiffeId);
    if (problem !== null) return refuse(problem);
    if (!(await request.verify())) return refuse('its signature does not match its key');
    return ok({ publicKey: request.publicKey, keyAlgorithm: request.publicKey.algorithm.name });
  } catch (cause) {
    return refuse('not a PKCS#10 request with a supported key', cause);
  }
}

function keyProblem(key: x509.PublicKey): string | null {
  const { name, namedCurve, modulusLength, publicExponent } = key.algorithm as {
    name: string;
    namedCurve?: string;
    modulusLength?: number;
    publicExponent?: Uint8Array;
  };
  if (name === 'ECDSA') return namedCurve === 'P-256' || namedCurve === 'P-384' ? null : 'want curve P-256 or P-384';
  if (!name.startsWith('RSA')) return `key type ${name} is not supported: use ECDSA P-256, P-384 or RSA`;
  if ((modulusLength ?? 0) < 2048 || (modulusLength ?? 0) > 4096) return 'want an RSA key of 2048 to 4096 bits';
  const exponent = BigInt(`0x${Buffer.from(publicExponent ?? []).toString('hex') || '0'}`);
  return exponent >= 65_537n && exponent % 2n === 1n ? null : 'want an odd RSA exponent of 65537 or more';
}

function signatureProblem({ signatureAlgorithm }: x509.Pkcs10CertificateRequest): string | null {
  const { hash } = signatureAlgorithm as { hash?: { name: string } };
  return SIGNATURE_HASHES.includes(hash?.name ?? '') ? null : 'want a signature with SHA-256, SHA-384 or SHA-512';
}

function extensionProblem(request: x509.Pkcs10CertificateRequest, spiffeId: string): string | null {
  if (request.attributes.filter(({ type }) => type === EXTENSION_REQUEST_OID).length > 1)
    return 'it asks for extensions twice';
  const [extension, ...more] = request.extensions;
  if (extension === undefined) return null;
  if (more.length > 0 || extension.type !== SAN_OID)
    return 'the only extension it may ask for is one subject alternative name';
  return isOnlyUriName(new Uint8Array(extension.value), spiffeId)
    ? null
    : `its subject alternative name must be the URI ${spiffeId} alone`;
}
