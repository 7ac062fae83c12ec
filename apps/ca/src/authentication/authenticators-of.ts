import { readFileSync } from 'node:fs';
import type { Clock } from '@weft/result';
import type { CaConfig } from '../config.js';
import type { NodeAuthorizer } from '../node-authorizer.js';
import type { RevocationRegister } from '../revocation-register.js';
import type { Signer } from '../signer.js';
import type { Authenticator } from './authenticator.js';
import { CertificateAuthenticator } from './certificate-authenticator.js';
import { httpsFetch } from './https-fetch.js';
import { KubernetesAuthenticator } from './kubernetes-authenticator.js';
import { OidcAuthenticator } from './oidc-authenticator.js';
import type { TokenReviewer } from './token-reviewer.js';

export interface AuthenticatorParts {
  readonly reviewer: TokenReviewer;
  readonly nodes: NodeAuthorizer;
  readonly signer: Pick<Signer, 'current' | 'rootsPem'>;
  readonly register: RevocationRegister;
  readonly trustDomains: () => readonly string[];
  readonly clock: Clock;
}

/** Those that the settings switch on, in the order in which they are asked. */
export function authenticatorsOf(config: CaConfig, parts: AuthenticatorParts): readonly Authenticator[] {
  const { reviewer, nodes, signer, register, trustDomains, clock } = parts;
  const authenticators: Authenticator[] = [];
  if (config.oidcRules.length > 0) {
    // Read for each fetch, so that it can be replaced.
    const roots = (): string | undefined =>
      config.oidcRootFile === null ? undefined : readFileSync(config.oidcRootFile, 'utf8');
    const fetchText = async (url: string): Promise<string> => httpsFetch(url, roots());
    authenticators.push(new OidcAuthenticator(config.oidcRules, { fetchText, clock }));
  }
  if (config.tokenReview) authenticators.push(new KubernetesAuthenticator((token) => reviewer.verdict(token)));
  if (config.certificateAuthentication !== 'off') {
    const anybody = config.certificateAuthentication === 'any';
    const certificates = new CertificateAuthenticator({
      trustDomains,
      authorities: () => {
        const [authority, rootsPem] = [signer.current(), signer.rootsPem()];
        return rootsPem === ''
          ? null
          : { rootsPem, intermediatesPem: authority.ok ? authority.value.intermediatesPem : [] };
      },
      revocation: (certificate) => register.certificateRefusal(certificate),
      lives: anybody ? null : (namespace, serviceAccount) => nodes.lives(namespace, serviceAccount),
      now: () => clock.now(),
    });
    authenticators.push(certificates);
  }
  return authenticators;
}
