import { MeshError } from '@weft/result';

/** HTTP/2 error codes (RFC 9113, section 7), as RST_STREAM and GOAWAY carry them. */
export const Http2Code = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;

/** Name of a code for logs and metrics; `UNKNOWN` keeps the label set bounded. */
export function http2CodeName(code: number): string {
  const found = Object.entries(Http2Code).find(([, value]) => value === code);
  return found === undefined ? 'UNKNOWN' : found[0];
}

export type HboneErrorCode =
  /** The peer broke HTTP/2; `http2Code` says which rule family. */
  | 'HBONE_PEER_VIOLATION'
  /** The peer stayed within HTTP/2 but over one of our limits (floods, sizes, resets). */
  | 'HBONE_LIMIT_EXCEEDED'
  /** The peer makes us answer and does not read the answers. */
  | 'HBONE_OUTPUT_FULL'
  /** No answer to a PING in time. */
  | 'HBONE_PING_TIMEOUT'
  /** The peer never acknowledged our SETTINGS. */
  | 'HBONE_SETTINGS_TIMEOUT'
  /** Our own caller asked for a header that must not go on the wire. */
  | 'HBONE_BAD_HEADER';

/** Why a connection ended. Handed to `onFatal`; thrown only for HBONE_BAD_HEADER, which is the caller's mistake. */
export class HboneError extends MeshError {
  constructor(
    override readonly code: HboneErrorCode,
    /** What our GOAWAY said. */
    readonly http2Code: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
