export const SPDY_VERSION = 3;
/** Before every frame's payload. */
export const FRAME_HEADER_BYTES = 8;
/** Of a frame's payload, by its 24 bits of length. */
export const MAX_PAYLOAD_BYTES = 0xff_ff_ff;

/** Control frame types. SPDY draft 3.1, 2.6. */
export const FRAME_TYPE = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;

export const FLAG_FIN = 1;
export const FLAG_UNIDIRECTIONAL = 2;

/** Status codes of RST_STREAM. SPDY draft 3.1, 2.6.3. */
export const RST_STATUS = {
  protocolError: 1,
  invalidStream: 2,
  refusedStream: 3,
  cancel: 5,
  internalError: 6,
} as const;

/** Status codes of GOAWAY. SPDY draft 3.1, 2.6.6. */
export const GOAWAY_STATUS = { ok: 0, protocolError: 1, internalError: 2 } as const;

/** Names are in lower case. Several values of one name are joined by NUL; characters are bytes (latin1). */
export type SpdyHeaders = ReadonlyMap<string, string>;

export interface SpdySetting {
  readonly flags: number;
  readonly id: number;
  readonly value: number;
}

export type SpdyFrame =
  | {
      readonly type: 'synStream';
      readonly streamId: number;
      /** 0: of no other stream. */
      readonly associatedStreamId: number;
      /** 0 (first) to 7. */
      readonly priority: number;
      readonly fin: boolean;
      readonly unidirectional: boolean;
      readonly headers: SpdyHeaders;
    }
  | {
      readonly type: 'synReply' | 'headers';
      readonly streamId: number;
      readonly fin: boolean;
      readonly headers: SpdyHeaders;
    }
  | { readonly type: 'rstStream'; readonly streamId: number; readonly status: number }
  | { readonly type: 'settings'; readonly settings: readonly SpdySetting[] }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'goaway'; readonly lastStreamId: number; readonly status: number }
  | { readonly type: 'windowUpdate'; readonly streamId: number; readonly delta: number }
  | { readonly type: 'data'; readonly streamId: number; readonly fin: boolean; readonly bytes: Buffer };
