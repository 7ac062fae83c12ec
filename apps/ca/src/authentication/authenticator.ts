import type { Caller } from './caller.js';

/** What a caller shows. Where it comes from is no evidence. */
export interface Evidence {
  /** The bearer token, not verified. */
  readonly token?: string;
  /** Certificates of the connection, leaf first, DER, not verified; the caller holds the key of the first one. */
  readonly certificateChain: readonly Buffer[];
}

/** `detail` is for the log, never for the caller. */
export type Verdict =
  | { readonly kind: 'caller'; readonly caller: Caller }
  /** There is nothing that this authenticator judges. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'refused'; readonly detail: string }
  /** It cannot be judged now. */
  | { readonly kind: 'unavailable'; readonly detail: string };

export interface Authenticator {
  readonly name: Caller['by'];
  judge(evidence: Evidence): Promise<Verdict>;
}

export const refused = (detail: string): Verdict => ({ kind: 'refused', detail });
export const unavailable = (detail: string): Verdict => ({ kind: 'unavailable', detail });

/**
 * The first authenticator that knows the caller decides. If none does, the caller is refused, or told to try again if one of
 * them could not judge. Differs from Istio: a token counts before a certificate, for only a token can speak for a pod.
 */
export async function authenticate(authenticators: readonly Authenticator[], evidence: Evidence): Promise<Verdict> {
  const details: string[] = [];
  let later = false;
  for (const authenticator of authenticators) {
    const verdict = await authenticator.judge(evidence);
    if (verdict.kind === 'caller') return verdict;
    if (verdict.kind === 'absent') continue;
    details.push(`${authenticator.name}: ${verdict.detail}`);
    later ||= verdict.kind === 'unavailable';
  }
  if (details.length === 0) return refused('neither a bearer token nor a client certificate that is accepted here');
  return later ? unavailable(details.join('; ')) : refused(details.join('; '));
}
