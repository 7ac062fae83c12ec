import { X509Certificate } from 'node:crypto';
import { err, ok, toError, type Result } from '@weft/result';
import { SpiffeError } from './errors.js';
import { parseTrustBundle, type TrustBundle } from './trust-bundle.js';

export interface SpiffeBundle {
  readonly roots: TrustBundle;
  /** Grows with every change of the contents; null if the bundle does not say. */
  readonly sequence: number | null;
  /** How often it is worth asking again; null if the bundle does not say. */
  readonly refreshHintSeconds: number | null;
}

const X509_SVID = 'x509-svid';
const LONGEST_BUNDLE = 1024 * 1024;

/**
 * A SPIFFE bundle: a JWK Set with one `x509-svid` entry for each root, its certificate alone in `x5c`.
 * @see https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Trust_Domain_and_Bundle.md section 4
 */
export function formatSpiffeBundle(
  rootsPem: string,
  { sequence, refreshHintSeconds }: { readonly sequence: number; readonly refreshHintSeconds: number },
): Result<string, SpiffeError> {
  const roots = parseTrustBundle(rootsPem);
  if (!roots.ok) return roots;
  const keys = roots.value.certificates.map(({ publicKey, raw }) => ({
    ...publicKey.export({ format: 'jwk' }),
    use: X509_SVID,
    x5c: [raw.toString('base64')],
  }));
  return ok(JSON.stringify({ keys, spiffe_sequence: sequence, spiffe_refresh_hint: refreshHintSeconds }, null, 2));
}

/**
 * Reads a SPIFFE bundle. Entries of other uses are passed over, as the specification wants; an `x509-svid` entry that is
 * wrong makes the bundle be refused, because a root that silently does not count is found out when handshakes fail.
 */
export function parseSpiffeBundle(text: string): Result<SpiffeBundle, SpiffeError> {
  const refuse = (why: string, cause?: unknown) =>
    err(new SpiffeError('BUNDLE_INVALID', `SPIFFE bundle refused: ${why}`, { cause }));
  if (text.length > LONGEST_BUNDLE) return refuse(`larger than ${LONGEST_BUNDLE} bytes`);
  try {
    const document = JSON.parse(text) as Record<string, unknown> | null;
    const keys = document?.['keys'];
    if (!Array.isArray(keys)) return refuse('it has no list of keys');
    const certificates = (keys as unknown[]).flatMap((key) => certificateOf(key));
    const roots = parseTrustBundle(certificates.join(''));
    if (!roots.ok) return refuse(roots.error.message, roots.error);
    const sequence = wholeNumber(document?.['spiffe_sequence']);
    return ok({ roots: roots.value, sequence, refreshHintSeconds: wholeNumber(document?.['spiffe_refresh_hint']) });
  } catch (thrown) {
    return refuse(toError(thrown).message, thrown);
  }
}

/** Throws for an `x509-svid` entry that does not hold exactly one certificate. */
function certificateOf(key: unknown): string[] {
  if (typeof key !== 'object' || key === null) throw new TypeError('a key is not an object');
  const { use, x5c } = key as { use?: unknown; x5c?: unknown };
  if (use !== X509_SVID) return [];
  const [der, ...more] = Array.isArray(x5c) ? (x5c as unknown[]) : [];
  if (typeof der !== 'string' || more.length > 0) throw new TypeError('x5c of a root is not exactly one certificate');
  return [new X509Certificate(Buffer.from(der, 'base64')).toString()];
}

const wholeNumber = (value: unknown): number | null =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
