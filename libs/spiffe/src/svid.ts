import { X509Certificate, createPublicKey } from 'node:crypto';
import { err, ok, type Result } from '@weft/result';
import { verifyChain, summarizeCertificate } from './certificate-chain.js';
import { SpiffeError } from './errors.js';

/** An X.509-SVID with its key and the roots its peers are verified against. */
export interface Svid {
  readonly spiffeId: string;
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
  readonly rootsPem: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/**
 * Builds an SVID from a CA's answer: leaf, intermediates, last the root bundle. Refuses one for another identity, another
 * key, or that does not chain to the bundle it came with.
 */
export function svidFromCaResponse(
  certChain: readonly string[],
  want: { readonly spiffeId: string; readonly privateKeyPem: string; readonly nowMs: number },
): Result<Svid, SpiffeError> {
  const refuse = (why: string) =>
    err(new SpiffeError('SIGNING_FAILED', `the CA's answer for ${want.spiffeId} is unusable: ${why}`));
  const rootsPem = certChain.at(-1);
  const chain = certChain.slice(0, -1);
  if (rootsPem === undefined || chain.length === 0) return refuse('want a leaf certificate and a root bundle');
  const verified = verifyChain(chain, rootsPem, want.nowMs);
  if (!verified.ok) return refuse(verified.error.message);
  if (verified.value !== want.spiffeId) return refuse(`it certifies ${verified.value}`);
  const leaf = summarizeCertificate(chain[0]!);
  if (!leaf.ok) return refuse(leaf.error.message);
  const publicKey = createPublicKey(want.privateKeyPem).export({ format: 'der', type: 'spki' });
  if (!publicKey.equals(new X509Certificate(chain[0]!).publicKey.export({ format: 'der', type: 'spki' })))
    return refuse('it is for another key');
  return ok({
    spiffeId: want.spiffeId,
    certificateChainPem: chain.join(''),
    privateKeyPem: want.privateKeyPem,
    rootsPem,
    notBefore: leaf.value.notBefore,
    notAfter: leaf.value.notAfter,
  });
}
