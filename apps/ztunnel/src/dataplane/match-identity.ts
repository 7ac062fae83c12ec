import { parseSpiffeId, uriSansOfCertificate } from '@weft/spiffe/identity';

/** The SPIFFE ID of a peer's certificate that is among the expected ones, or why it is refused. */
export function matchIdentity(
  certificate: Buffer | null,
  expected: readonly string[],
): { readonly identity: string } | { readonly refusal: string } {
  const shown = certificate === null ? [] : uriSansOfCertificate(certificate);
  const match = shown.find((san) => parseSpiffeId(san).ok && expected.includes(san));
  if (match !== undefined) return { identity: match };
  return { refusal: `identity mismatch: the peer is ${list(shown)}, expected ${list(expected)}` };
}

const list = (names: readonly string[]): string => (names.length === 0 ? 'nobody' : names.join(', '));
