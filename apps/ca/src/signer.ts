import { MeshError, type Result } from '@weft/result';
import type { Service } from '@weft/runtime';
import type { CertificateAuthority } from '@weft/spiffe';

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
  /** Called after each change of the authority or of its roots. */
  onChange(listener: () => void): void;
}
