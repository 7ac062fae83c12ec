import { GATEWAY_API_GROUP, type ParsedResource, type ReferenceGrantSpec, type SecretReference } from '@weft/mesh-api';
import type { Credential } from './credential.js';
import type { ListenerOwner } from './listener-groups.js';
import type { CertificateFault } from './listener-state.js';
import { mayRefer } from './reference-permission.js';

export interface CredentialView {
  /** Undefined: there is no such Secret. */
  readonly credentialOf: (namespace: string, name: string) => Pick<Credential, 'fault'> | undefined;
  readonly grantsIn: (namespace: string) => readonly Pick<ParsedResource<ReferenceGrantSpec>, 'meta' | 'spec'>[];
}

/** Why a certificate that a Gateway or ListenerSet refers to cannot be used; null if it can. */
export function certificateFault(
  { kind: owner, namespace: home }: Pick<ListenerOwner, 'kind' | 'namespace'>,
  { group, kind, name, namespace = home }: SecretReference,
  { credentialOf, grantsIn }: CredentialView,
): CertificateFault | null {
  const invalid = (message: string): CertificateFault => ({ reason: 'InvalidCertificateRef', message });
  if (group !== '' || kind !== 'Secret') return invalid(`${group}/${kind} has no certificate; refer to a Secret`);
  const from = { group: GATEWAY_API_GROUP, kind: owner, namespace: home };
  const secret = `Secret ${namespace}/${name}`;
  if (!mayRefer(from, { group, kind, name, namespace }, grantsIn(namespace)))
    return {
      reason: 'RefNotPermitted',
      message: `${secret} may not be referred to from namespace ${home}; add a ReferenceGrant there`,
    };
  const credential = credentialOf(namespace, name);
  if (credential === undefined) return invalid(`there is no ${secret}; create it or correct the name`);
  return credential.fault === null ? null : invalid(`${secret}: ${credential.fault}`);
}
