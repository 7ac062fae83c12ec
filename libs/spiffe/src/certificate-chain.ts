import { X509Certificate } from 'node:crypto';
import { err, ok, toError, type Result } from '@weft/result';
import { SpiffeError } from './errors.js';
import { uriSansOfCertificate } from './subject-alt-names.js';

const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** The certificates of a PEM text, one each, in order. */
export function splitPemCertificates(pem: string): readonly string[] {
  return (pem.match(PEM_BLOCK) ?? []).map((block) => block + '\n');
}

export interface CertificateSummary {
  readonly serialNumber: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly uriSans: readonly string[];
}

/** Reads the first certificate of a PEM text. */
export function summarizeCertificate(pem: string): Result<CertificateSummary, SpiffeError> {
  try {
    const certificate = new X509Certificate(pem);
    return ok({
      serialNumber: certificate.serialNumber,
      notBefore: certificate.validFromDate,
      notAfter: certificate.validToDate,
      uriSans: uriSansOfCertificate(certificate.raw),
    });
  } catch (thrown) {
    return err(
      new SpiffeError('CERTIFICATE_INVALID', `not a certificate: ${toError(thrown).message}`, { cause: thrown }),
    );
  }
}

/**
 * Verifies that a leaf chains to one of `rootsPem` at the time `atMs`, with every issuer a CA, and gives its one SPIFFE URI.
 * @see https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md section 5
 */
export function verifyChain(chainPem: readonly string[], rootsPem: string, atMs: number): Result<string, SpiffeError> {
  const refuse = (why: string, cause?: unknown) =>
    err(new SpiffeError('CHAIN_INVALID', `certificate chain refused: ${why}`, { cause }));
  try {
    const [leaf, ...intermediates] = chainPem.map((pem) => new X509Certificate(pem));
    if (leaf === undefined) return refuse('it is empty');
    if (leaf.ca) return refuse('the leaf is a CA certificate');
    const problem = pathProblem(
      leaf,
      intermediates,
      splitPemCertificates(rootsPem).map((pem) => new X509Certificate(pem)),
      atMs,
    );
    if (problem !== null) return refuse(problem);
    const [uri, ...more] = uriSansOfCertificate(leaf.raw);
    return uri === undefined || more.length > 0 ? refuse('an X.509-SVID has exactly one URI SAN') : ok(uri);
  } catch (thrown) {
    return refuse(toError(thrown).message, thrown);
  }
}

function pathProblem(
  leaf: X509Certificate,
  intermediates: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  atMs: number,
): string | null {
  let subject = leaf;
  for (const issuer of [...intermediates, null]) {
    if (subject.validFromDate.getTime() > atMs) return `not valid before ${subject.validFromDate.toISOString()}`;
    if (subject.validToDate.getTime() <= atMs) return `expired at ${subject.validToDate.toISOString()}`;
    const anchored = roots.some((root) => issued(root, subject) && root.validToDate.getTime() > atMs);
    if (anchored) return null;
    if (issuer === null) break;
    if (!issued(issuer, subject)) return 'a certificate was not issued by the next one';
    subject = issuer;
  }
  return 'it does not lead to a trusted root';
}

function issued(issuer: X509Certificate, subject: X509Certificate): boolean {
  return issuer.ca && subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
}
