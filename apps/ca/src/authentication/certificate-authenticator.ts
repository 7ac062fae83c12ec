import { parseSpiffeId, pemOf, summarizeCertificate, verifyChain, type CertificateSummary } from '@weft/spiffe';
import { refused, unavailable, type Authenticator, type Evidence, type Verdict } from './authenticator.js';

export interface CertificateAuthenticatorOptions {
  /** All names of the mesh. */
  readonly trustDomains: () => readonly string[];
  /** The bundle of the mesh and the authorities below it that sign now. */
  readonly authorities: () => { readonly rootsPem: string; readonly intermediatesPem: readonly string[] } | null;
  /** Why a certificate was taken back; null if it was not. */
  readonly revocation: (certificate: CertificateSummary) => string | null;
  /** Does a pod with this service account live? Null: it does not matter, there are workloads outside of pods. */
  readonly lives: ((namespace: string, serviceAccount: string) => boolean) | null;
  readonly now: () => number;
}

/**
 * A workload that shows its SVID renews it: it gets its own identity and no other. A certificate that leaked would be renewed
 * for ever; so the identity must still have a pod, unless workloads outside of the cluster are expected.
 */
export class CertificateAuthenticator implements Authenticator {
  readonly name = 'certificate';

  constructor(private readonly options: CertificateAuthenticatorOptions) {}

  // eslint-disable-next-line @typescript-eslint/require-await -- other authenticators ask somebody
  async judge({ certificateChain }: Evidence): Promise<Verdict> {
    const { trustDomains, authorities, revocation, lives, now } = this.options;
    if (certificateChain.length === 0) return { kind: 'absent' };
    const trusted = authorities();
    if (trusted === null) return unavailable('the root is not loaded yet');
    const shown = certificateChain.map((der) => pemOf(der, 'CERTIFICATE'));
    const chain = shown.length > 1 ? shown : [...shown, ...trusted.intermediatesPem];
    const verified = verifyChain(chain, trusted.rootsPem, now());
    if (!verified.ok) return refused(verified.error.message);
    const id = parseSpiffeId(verified.value);
    if (!id.ok) return refused(id.error.message);
    const names = trustDomains();
    if (!names.includes(id.value.trustDomain))
      return refused(`${id.value.text} is not of trust domain ${names.join(', ')}`);
    const leaf = summarizeCertificate(chain[0]!);
    const revoked = leaf.ok ? revocation(leaf.value) : leaf.error.message;
    if (revoked !== null) return refused(revoked);
    const { namespace, serviceAccount } = id.value;
    if (lives?.(namespace, serviceAccount) === false) return refused(`no pod of ${namespace}/${serviceAccount} lives`);
    return { kind: 'caller', caller: { namespace, serviceAccount, by: 'certificate' } };
  }
}
