import { x509 } from './x509.js';
import { err, ok, type Result } from '@weft/result';
import { SpiffeError } from './errors.js';
import { exportPrivateKeyPem, generateKeyPair, signingAlgorithm, type KeyType } from './keys.js';

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
const SAN_OID = '2.5.29.17';

/**
 * Checks that a request proves possession of a strong enough key and asks for nothing but `spiffeId`: at most one
 * extension, the SAN, with at most that one URI. The subject is ignored, as Istio does.
 */
export async function checkCsr(csrPem: string, spiffeId: string): Promise<Result<CheckedCsr, SpiffeError>> {
  const refuse = (why: string, cause?: unknown) =>
    err(new SpiffeError('CSR_INVALID', `CSR refused: ${why}`, { cause }));
  if (csrPem.length > LONGEST_CSR) return refuse(`larger than ${LONGEST_CSR} bytes`);
  let request: x509.Pkcs10CertificateRequest;
  try {
    request = new x509.Pkcs10CertificateRequest(csrPem);
    if (!(await request.verify())) return refuse('its signature does not match its key');
  } catch (cause) {
    return refuse('not a PEM PKCS#10 request with a supported key', cause);
  }
  const weak = weakness(request.publicKey);
  if (weak !== null) return refuse(weak);
  const problem = extensionProblem(request, spiffeId);
  if (problem !== null) return refuse(problem);
  return ok({ publicKey: request.publicKey, keyAlgorithm: request.publicKey.algorithm.name });
}

function weakness(key: x509.PublicKey): string | null {
  const { name, namedCurve, modulusLength } = key.algorithm as {
    name: string;
    namedCurve?: string;
    modulusLength?: number;
  };
  if (name === 'ECDSA') return namedCurve === 'P-256' || namedCurve === 'P-384' ? null : 'want curve P-256 or P-384';
  if (name.startsWith('RSA')) {
    return (modulusLength ?? 0) >= 2048 && (modulusLength ?? 0) <= 4096 ? null : 'want an RSA key of 2048 to 4096 bits';
  }
  return `key type ${name} is not supported: use ECDSA P-256, P-384 or RSA`;
}

function extensionProblem(request: x509.Pkcs10CertificateRequest, spiffeId: string): string | null {
  const [extension, ...more] = request.extensions;
  if (extension === undefined) return null;
  if (more.length > 0 || extension.type !== SAN_OID)
    return 'the only extension it may ask for is one subject alternative name';
  const names = new x509.SubjectAlternativeNameExtension(extension.rawData).names.items;
  const matches = names.length === 1 && names[0]!.type === 'url' && names[0]!.value === spiffeId;
  return matches ? null : `its subject alternative name must be the URI ${spiffeId} alone`;
}
