import { uriSansOfCertificate } from '@weft/spiffe/identity';
import type { PeerTrust } from './peer-trust.js';

/** The SPIFFE ID of a peer's certificate that is among the expected ones, or why it is refused. */
export function matchIdentity(
  certificate: Buffer | null,
  expected: readonly string[],
  trust: Pick<PeerTrust, 'isExpected'>,
): { readonly identity: string } | { readonly refusal: string } {
  const shown = certificate === null ? [] : uriSansOfCertificate(certificate);
  const match = shown.find((san) => trust.isExpected(san, expected));
  if (match !== undefined) return { identity: match };
  return { refusal: `identity mismatch: the peer is ${list(shown)}, expected ${list(expected)}` };
}

const list = (names: readonly string[]): string => (names.length === 0 ? 'nobody' : names.join(', '));
