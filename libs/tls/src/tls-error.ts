import { MeshError } from '@weft/result';

export const TLS_ERROR_CODES = [
  /** The PEM of an identity could not be used. */
  'TLS_BAD_IDENTITY',
  /** The peer's chain does not lead to a trusted root, is expired, or is missing. */
  'TLS_PEER_UNTRUSTED',
  /** Anything else that TLS refuses, and the peer's alerts. */
  'TLS_PROTOCOL',
  /** The connection under it ended without a close_notify. */
  'TLS_TRANSPORT_CLOSED',
] as const;
export type TlsErrorCode = (typeof TLS_ERROR_CODES)[number];

export class TlsError extends MeshError {
  constructor(
    readonly code: TlsErrorCode,
    message: string,
  ) {
    super(message);
  }
}
