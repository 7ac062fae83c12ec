import { err, ok, type Result } from '@weft/result';
import { SpiffeError } from './errors.js';

/** A workload identity of the mesh. Two identities are equal if and only if their `text` is. */
export interface SpiffeId {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`. */
  readonly text: string;
}

/** SPIFFE ID spec 2.1: lower-case letters, digits, dot, dash and underscore; the whole ID at most 2048 bytes. */
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
const SEGMENT = /^[a-zA-Z0-9._-]{1,253}$/;
const LONGEST_ID = 2048;

export function formatSpiffeId(trustDomain: string, namespace: string, serviceAccount: string): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}

/**
 * Accepts exactly the form Istio issues, with no other segment count, no percent-encoding, no query and no dot segments.
 * @see https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md
 */
export function parseSpiffeId(text: string): Result<SpiffeId, SpiffeError> {
  const refuse = (why: string) =>
    err(new SpiffeError('SPIFFE_ID_INVALID', `invalid SPIFFE ID ${JSON.stringify(text.slice(0, 300))}: ${why}`));
  if (text.length > LONGEST_ID) return refuse(`longer than ${LONGEST_ID} bytes`);
  if (!text.startsWith('spiffe://')) return refuse('must start with spiffe://');
  const [trustDomain = '', ns, namespace = '', sa, serviceAccount = '', ...rest] = text
    .slice('spiffe://'.length)
    .split('/');
  if (!TRUST_DOMAIN.test(trustDomain))
    return refuse('the trust domain takes lower-case letters, digits, ".", "-" and "_"');
  if (ns !== 'ns' || sa !== 'sa' || rest.length > 0)
    return refuse('want /ns/<namespace>/sa/<service account> after the trust domain');
  for (const segment of [namespace, serviceAccount]) {
    if (!SEGMENT.test(segment) || segment === '.' || segment === '..')
      return refuse('a path segment is empty or has a forbidden character');
  }
  return ok({ trustDomain, namespace, serviceAccount, text });
}
