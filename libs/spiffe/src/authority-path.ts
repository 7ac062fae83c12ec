import type { X509Certificate } from 'node:crypto';
import { err, ok, type Result } from '@weft/result';
import { x509 } from './x509.js';

export interface AuthorityPath {
  /** From the signing certificate up to, not including, the root; empty if the signing certificate is the root. */
  readonly intermediates: readonly X509Certificate[];
  readonly root: X509Certificate;
  /** When the first certificate of the path expires. */
  readonly notAfter: Date;
}

const LONGEST_PATH = 8;

/**
 * Finds the way from a signing certificate to one of `roots` through `others`, in whatever order they come, and holds every
 * certificate on it to RFC 5280: a CA, allowed to sign certificates, valid now, path length kept. The error says which one
 * is wrong and why.
 */
export function buildAuthorityPath(
  signing: X509Certificate,
  { others, roots, nowMs }: { others: readonly X509Certificate[]; roots: readonly X509Certificate[]; nowMs: number },
): Result<AuthorityPath, string> {
  const path: X509Certificate[] = [signing];
  for (;;) {
    const last = path.at(-1)!;
    const problem = authorityProblem(last, path.length - 1, nowMs);
    if (problem !== null) return err(path.length === 1 ? `it ${problem}` : `${nameOf(last)} ${problem}`);
    if (roots.some((root) => root.raw.equals(last.raw))) return ok(pathOf(path));
    const issuer = roots.find((root) => issued(root, last)) ?? others.find((other) => issued(other, last));
    if (issuer === undefined || path.length >= LONGEST_PATH || path.includes(issuer)) {
      return err(`its chain does not lead to a root of the bundle: nothing there issued ${nameOf(last)}`);
    }
    path.push(issuer);
  }
}

function pathOf(path: readonly X509Certificate[]): AuthorityPath {
  const notAfter = new Date(Math.min(...path.map(({ validToDate }) => validToDate.getTime())));
  return { intermediates: path.slice(0, -1), root: path.at(-1)!, notAfter };
}

function authorityProblem(certificate: X509Certificate, authoritiesBelow: number, nowMs: number): string | null {
  const { validFromDate, validToDate } = certificate;
  const parsed = new x509.X509Certificate(certificate.raw);
  const constraints = parsed.getExtension(x509.BasicConstraintsExtension);
  if (constraints?.ca !== true) return 'is not a CA certificate';
  const usages = parsed.getExtension(x509.KeyUsagesExtension)?.usages;
  if (usages !== undefined && (usages & x509.KeyUsageFlags.keyCertSign) === 0) return 'may not sign certificates';
  if (validToDate.getTime() <= nowMs) return `expired at ${validToDate.toISOString()}`;
  if (validFromDate.getTime() > nowMs) return `is not valid before ${validFromDate.toISOString()}`;
  const most = constraints.pathLength;
  return most !== undefined && most < authoritiesBelow ? `allows only ${most} authorities below it` : null;
}

function issued(issuer: X509Certificate, subject: X509Certificate): boolean {
  return issuer.ca && subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
}

const nameOf = (certificate: X509Certificate): string => JSON.stringify(certificate.subject.replaceAll('\n', ', '));
