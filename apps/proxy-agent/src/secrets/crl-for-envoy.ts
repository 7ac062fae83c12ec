import { X509Certificate } from 'node:crypto';
import { err, ok, type Result } from '@weft/result';
import { isSignedBy, readCrlFile, splitPemCertificates, type Svid } from '@weft/spiffe';

/** `broken`: nothing can be said of the file. `unfit`: with it Envoy would refuse peers that are good. */
export interface CrlProblem {
  readonly kind: 'broken' | 'unfit';
  readonly reason: string;
}

const unfit = (reason: string): Result<never, CrlProblem> => err({ kind: 'unfit', reason });

/**
 * A CRL file as Envoy can take it; '' for none. Envoy refuses every peer whose issuer has no list, or one that is too old, so a
 * file without a valid list of the authority that issued our own certificate would cut this proxy off: it is not given on, and the
 * error says why. Envoy knows serial numbers only; identities that are taken back are ztunnel's to refuse.
 */
export function crlForEnvoy(content: Buffer, svid: Svid, nowMs: number): Result<string, CrlProblem> {
  const crls = readCrlFile(content);
  if (!crls.ok) return err({ kind: 'broken', reason: crls.error.message });
  if (crls.value.length === 0) return ok('');
  const issuer = issuerOf(svid);
  if (issuer === null) return unfit('the issuer of the own certificate is not known');
  const own = crls.value.find((crl) => isSignedBy(crl, issuer));
  if (own === undefined) return unfit(`it has no list of ${issuer.subject}, which issues the certificates here`);
  const stale = crls.value.find(({ nextUpdate }) => nextUpdate !== null && nextUpdate.getTime() <= nowMs);
  if (stale !== undefined) return unfit(`a list in it was good until ${stale.nextUpdate!.toISOString()}`);
  return ok(content.toString('latin1'));
}

function issuerOf({ certificateChainPem, rootsPem }: Svid): X509Certificate | null {
  const [leaf, ...others] = [certificateChainPem, rootsPem]
    .flatMap((pem) => splitPemCertificates(pem))
    .map((pem) => new X509Certificate(pem));
  return others.find((candidate) => leaf?.checkIssued(candidate) === true && leaf.verify(candidate.publicKey)) ?? null;
}
