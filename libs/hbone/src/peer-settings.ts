import { Http2Code } from './errors.js';
import {
  DEFAULT_MAX_FRAME_BYTES,
  DEFAULT_WINDOW_BYTES,
  MAX_FRAME_BYTES,
  MAX_WINDOW_BYTES,
  SettingId,
} from './frame-types.js';

/** The peer's SETTINGS as last received; HTTP/2's defaults before that (RFC 9113, 6.5.2). */
export class PeerSettings {
  headerTableBytes = 4096;
  /** Unlimited until the peer says otherwise. */
  maxConcurrentStreams = Number.POSITIVE_INFINITY;
  initialWindowBytes = DEFAULT_WINDOW_BYTES;
  maxFrameBytes = DEFAULT_MAX_FRAME_BYTES;

  constructor(private readonly peerRole: 'client' | 'server') {}

  /** Applies one SETTINGS payload in order. Returns null, or the error for the connection; unknown settings are ignored. */
  apply(bytes: Buffer, start: number, end: number): { readonly code: number; readonly rule: string } | null {
    for (let at = start; at < end; at += 6) {
      const error = this.#set(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
      if (error !== null) return error;
    }
    return null;
  }

  #set(id: number, value: number): { code: number; rule: string } | null {
    switch (id) {
      case SettingId.HEADER_TABLE_SIZE:
        this.headerTableBytes = value;
        return null;
      case SettingId.ENABLE_PUSH:
        if (value === 0 || (value === 1 && this.peerRole === 'client')) return null;
        return { code: Http2Code.PROTOCOL_ERROR, rule: `SETTINGS_ENABLE_PUSH must not be ${value} here` };
      case SettingId.MAX_CONCURRENT_STREAMS:
        this.maxConcurrentStreams = value;
        return null;
      case SettingId.INITIAL_WINDOW_SIZE:
        if (value > MAX_WINDOW_BYTES)
          return { code: Http2Code.FLOW_CONTROL_ERROR, rule: 'SETTINGS_INITIAL_WINDOW_SIZE is above 2^31-1' };
        this.initialWindowBytes = value;
        return null;
      case SettingId.MAX_FRAME_SIZE:
        if (value < DEFAULT_MAX_FRAME_BYTES || value > MAX_FRAME_BYTES) {
          return { code: Http2Code.PROTOCOL_ERROR, rule: `SETTINGS_MAX_FRAME_SIZE must not be ${value}` };
        }
        this.maxFrameBytes = value;
        return null;
      default:
        return null;
    }
  }
}
