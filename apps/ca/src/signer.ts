import { MeshError, type Result } from '@weft/result';
import type { Service } from '@weft/runtime';
import type { AuthorityMaterial, CertificateAuthority } from '@weft/spiffe';

/** `CA_ROOT_UNUSABLE`: the signing certificate is there but cannot be used; nothing was changed. */
export class RootUnusableError extends MeshError {
  readonly code = 'CA_ROOT_UNUSABLE';
}

/** Where the signing certificate comes from: the root Secret, or what the operator plugged in. */
export interface Signer extends Service {
  /** The authority to sign with at this moment; never keep it across a wait. An error means: try again later. */
  current(): Result<CertificateAuthority, string>;
  /** Must be called before a certificate with this lifetime is issued; rejects if the lifetime cannot be noted. */
  admitTtl(ttlMs: number): Promise<void>;
  /** The bundle that every namespace should have. */
  rootsPem(): string;
  /** Authorities whose certificates may be alive and whose key is here: those that can take certificates back. */
  revoking(): readonly AuthorityMaterial[];
  /** CRLs that the operator brought along, PEM; '' if none. */
  foreignCrl(): string;
  /** Roots that must not be trusted from now on, PEM; '' if none. */
  distrustedPem(): string;
  /** Called after each change of the authority, of its roots, or of what is taken back with them. */
  onChange(listener: () => void): void;
}
