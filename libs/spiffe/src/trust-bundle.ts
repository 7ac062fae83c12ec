import { X509Certificate } from 'node:crypto';
import { err, ok, toError, type Result } from '@weft/result';
import { splitPemCertificates } from './certificate-chain.js';
import { SpiffeError } from './errors.js';

/** The roots that peers are verified against, in a fixed order, none twice. */
export interface TrustBundle {
  readonly certificates: readonly X509Certificate[];
  /** Canonical: one PEM block after the other without text between them. */
  readonly pem: string;
}

/** Far above what a mesh needs; each root costs every peer a comparison. */
const MOST_ROOTS = 64;

/**
 * Reads a PEM bundle strictly. Refused as a whole, because a root that silently does not count is found out when handshakes
 * fail: no certificate, one that cannot be read, one that is not a CA, a private key between them.
 */
export function parseTrustBundle(pem: string): Result<TrustBundle, SpiffeError> {
  const refuse = (why: string, cause?: unknown) =>
    err(new SpiffeError('BUNDLE_INVALID', `root bundle refused: ${why}`, { cause }));
  if (pem.includes('PRIVATE KEY')) return refuse('it contains a private key');
  const blocks = splitPemCertificates(pem);
  if (blocks.length === 0) return refuse('it holds no PEM certificate');
  if (blocks.length !== pem.split('-----BEGIN ').length - 1) return refuse('it holds something that is no certificate');
  if (blocks.length > MOST_ROOTS) return refuse(`it holds more than ${MOST_ROOTS} certificates`);
  const certificates = new Map<string, X509Certificate>();
  for (const [index, block] of blocks.entries()) {
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(block);
    } catch (thrown) {
      return refuse(`certificate ${index + 1} cannot be read: ${toError(thrown).message}`, thrown);
    }
    if (!certificate.ca) return refuse(`certificate ${index + 1} is not a CA certificate`);
    certificates.set(certificate.fingerprint256, certificate);
  }
  return ok(bundleOf([...certificates.values()]));
}

/** The roots of all bundles, in order of first appearance. Bundles that cannot be read count as empty. */
export function mergeTrustBundles(...pems: readonly string[]): string {
  const merged = new Map<string, X509Certificate>();
  for (const pem of pems) {
    const parsed = parseTrustBundle(pem);
    for (const root of parsed.ok ? parsed.value.certificates : []) merged.set(root.fingerprint256, root);
  }
  return bundleOf([...merged.values()]).pem;
}

/** `pem` without the roots of `removed`. */
export function withoutRoots(pem: string, removed: string): string {
  const gone = parseTrustBundle(removed);
  const names = new Set((gone.ok ? gone.value.certificates : []).map(({ fingerprint256 }) => fingerprint256));
  const all = parseTrustBundle(pem);
  return bundleOf((all.ok ? all.value.certificates : []).filter(({ fingerprint256 }) => !names.has(fingerprint256)))
    .pem;
}

function bundleOf(certificates: readonly X509Certificate[]): TrustBundle {
  return { certificates, pem: certificates.map((certificate) => certificate.toString()).join('') };
}
