import { err, ok, toError, type Result } from '@weft/result';
import type { PublicKey } from '@weft/spiffe';
import type { Signer } from './signer.js';

/** A request that was checked: whom it is for is decided. */
export interface IssueRequest {
  readonly csrPem: string;
  readonly publicKey: PublicKey;
  readonly spiffeId: string;
  readonly dnsNames: readonly string[];
  readonly ttlMs: number;
}

export interface Issued {
  /** PEM: leaf, intermediates, last the root bundle. */
  readonly certChain: string[];
  readonly serialNumber: string;
  readonly notAfter: Date;
}

/** Signs with a key that is here. The error is for the log; the caller may try again. */
export async function issueWith(
  signer: Pick<Signer, 'current' | 'admitTtl'>,
  { publicKey, spiffeId, dnsNames, ttlMs }: IssueRequest,
  nowMs: number,
): Promise<Result<Issued, string>> {
  try {
    await signer.admitTtl(ttlMs);
  } catch (thrown) {
    return err(toError(thrown).message);
  }
  const authority = signer.current();
  if (!authority.ok) return authority;
  const { intermediatesPem, material } = authority.value;
  const leaf = await authority.value.issue(publicKey, { spiffeId, dnsNames, ttlMs, now: nowMs });
  const certChain = [leaf.pem, ...intermediatesPem, material.rootsPem];
  return ok({ certChain, serialNumber: leaf.serialNumber, notAfter: leaf.notAfter });
}
