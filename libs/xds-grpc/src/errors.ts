import { MeshError } from '@weft/result';

/** `XDS_ENDPOINT_INVALID`: the address is not `[http[s]://]host:port`. `XDS_CREDENTIALS_MISSING`: root or token unreadable. */
export type XdsGrpcErrorCode = 'XDS_ENDPOINT_INVALID' | 'XDS_CREDENTIALS_MISSING';

export class XdsGrpcError extends MeshError {
  constructor(
    readonly code: XdsGrpcErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
