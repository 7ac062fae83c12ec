import { MeshError } from '@weft/result';

/** `SPIFFE_ID_INVALID`, `CSR_INVALID`, `CERTIFICATE_INVALID`, `CHAIN_INVALID`, `BUNDLE_INVALID`, `CRL_INVALID`, `SIGNING_FAILED`. */
export type SpiffeErrorCode =
  | 'SPIFFE_ID_INVALID'
  | 'CSR_INVALID'
  | 'CERTIFICATE_INVALID'
  | 'CHAIN_INVALID'
  | 'BUNDLE_INVALID'
  | 'CRL_INVALID'
  | 'SIGNING_FAILED';

export class SpiffeError extends MeshError {
  constructor(
    readonly code: SpiffeErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
