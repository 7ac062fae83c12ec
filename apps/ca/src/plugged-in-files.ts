import { err, ok, type Result } from '@weft/result';
import { withoutRoots, type AuthorityMaterial, type CertificateAuthority } from '@weft/spiffe';

/** Contents by file name, or by key of a Secret. */
export type PluggedInFiles = ReadonlyMap<string, string>;

const ISTIO_FILES = ['root-cert.pem', 'ca-cert.pem', 'ca-key.pem', 'cert-chain.pem'] as const;
/** The form of a Secret of type kubernetes.io/tls, as cert-manager writes it. */
const TLS_FILES = ['ca.crt', 'tls.crt', 'tls.key'] as const;
/** May be there as well. */
export const CRL_FILE = 'ca-crl.pem';
export const DISTRUSTED_FILE = 'distrusted-roots.pem';
const MATERIAL_FILES: readonly string[] = [...ISTIO_FILES, ...TLS_FILES];
export const PLUGGED_IN_FILES: readonly string[] = [...MATERIAL_FILES, CRL_FILE, DISTRUSTED_FILE];

/** Reads the material out of its files; a partial or mixed set is refused, for it is a mistake or half of a change. */
export function pluggedInMaterial(files: PluggedInFiles): Result<AuthorityMaterial, string> {
  const present = MATERIAL_FILES.filter((name) => files.has(name));
  const hasTls = TLS_FILES.some((name) => present.includes(name));
  if (hasTls && ISTIO_FILES.some((name) => present.includes(name)))
    return err(
      `both ${ISTIO_FILES[1]} and ${TLS_FILES[1]} style files are there (${present.join(', ')}): keep one set`,
    );
  const want: readonly string[] = hasTls ? TLS_FILES : ISTIO_FILES;
  const missing = want.filter((name) => !present.includes(name));
  if (missing.length > 0) return err(`${missing.join(' and ')} missing: want ${want.join(', ')}`);
  const text = (name: string): string => files.get(name)?.trim() ?? '';
  const [roots, certificate, key] = hasTls
    ? [text('ca.crt'), text('tls.crt'), text('tls.key')]
    : [text('root-cert.pem'), text('ca-cert.pem'), text('ca-key.pem')];
  if (certificate.includes('PRIVATE KEY') || text('cert-chain.pem').includes('PRIVATE KEY'))
    return err(`a private key is in a certificate file: it belongs into ${hasTls ? 'tls.key' : 'ca-key.pem'} alone`);
  return ok({
    certificateChainPem: [certificate, text('cert-chain.pem'), ''].join('\n'),
    privateKeyPem: key,
    rootsPem: roots,
  });
}

/**
 * Why `next` may not replace `current` while workloads run; null if it may. Each workload knows the roots of the answer it
 * got last, so a signer whose root they do not have yet would make them refuse each other. Unless `distrustedPem` holds the
 * root in use: then that is what the operator wants.
 */
export function continuityProblem(
  current: CertificateAuthority,
  next: CertificateAuthority,
  distrustedPem = '',
): string | null {
  if (holds(distrustedPem, current.rootPem)) return null;
  if (!holds(current.material.rootsPem, next.rootPem))
    return 'the signing certificate leads to a root that the workloads do not have yet: add that root to the bundle first, keep the signing certificate, and change it when every workload has renewed';
  if (!holds(next.material.rootsPem, current.rootPem))
    return 'the root of the signing certificate in use is taken out of the bundle in the same change: change the signing certificate first, and take the old root out when every workload has renewed';
  return null;
}

const holds = (bundlePem: string, rootPem: string): boolean => withoutRoots(rootPem, bundlePem) === '';
