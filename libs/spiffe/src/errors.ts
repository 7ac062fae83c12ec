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

/** `CA_BUSY`: the CA has too much to do and said when to come back. Nothing is wrong with the request. */
export class CaBusyError extends MeshError {
  readonly code = 'CA_BUSY';

  constructor(
    readonly retryAfterMs: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
