import { encodeHeaderBlock } from './header-block.js';
import { HeaderCompressor } from './header-compressor.js';
import {
  FLAG_FIN,
  FLAG_UNIDIRECTIONAL,
  FRAME_HEADER_BYTES,
  FRAME_TYPE,
  SPDY_VERSION,
  type SpdyFrame,
  type SpdyHeaders,
} from './spdy-frame.js';

/** What stands before the payload of a DATA frame of at most 2^24-1 bytes. */
export function encodeDataHeader(streamId: number, length: number, fin: boolean): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32BE(streamId);
  header.writeUInt32BE((fin ? FLAG_FIN * 2 ** 24 : 0) + length, 4);
  return header;
}

/** Writes the frames of one direction of a connection. The headers are compressed with what went before, so every frame made must be sent, in order. */
export class FrameEncoder {
  readonly #compressor = new HeaderCompressor();

  encode(frame: SpdyFrame): Buffer {
    switch (frame.type) {
      case 'data':
        return Buffer.concat([encodeDataHeader(frame.streamId, frame.bytes.length, frame.fin), frame.bytes]);
      case 'synStream': {
        const start = Buffer.concat([
          numbers(frame.streamId, frame.associatedStreamId),
          Buffer.of(frame.priority << 5, 0),
        ]);
        const flags = (frame.fin ? FLAG_FIN : 0) | (frame.unidirectional ? FLAG_UNIDIRECTIONAL : 0);
        return control(frame.type, flags, start, this.#compress(frame.headers));
      }
      case 'synReply':
      case 'headers':
        return control(frame.type, frame.fin ? FLAG_FIN : 0, numbers(frame.streamId), this.#compress(frame.headers));
      case 'settings': {
        const entries = frame.settings.flatMap(({ flags, id, value }) => [flags * 2 ** 24 + id, value]);
        return control(frame.type, 0, numbers(frame.settings.length, ...entries));
      }
      case 'rstStream':
        return control(frame.type, 0, numbers(frame.streamId, frame.status));
      case 'ping':
        return control(frame.type, 0, numbers(frame.id));
      case 'goaway':
        return control(frame.type, 0, numbers(frame.lastStreamId, frame.status));
      case 'windowUpdate':
        return control(frame.type, 0, numbers(frame.streamId, frame.delta));
    }
  }

  #compress(headers: SpdyHeaders): Buffer {
    return this.#compressor.compress(encodeHeaderBlock(headers));
  }
}

function control(type: keyof typeof FRAME_TYPE, flags: number, ...payload: Buffer[]): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt16BE(0x8000 | SPDY_VERSION);
  header.writeUInt16BE(FRAME_TYPE[type], 2);
  const length = payload.reduce((sum, { length: bytes }) => sum + bytes, 0);
  header.writeUInt32BE(flags * 2 ** 24 + length, 4);
  return Buffer.concat([header, ...payload]);
}

function numbers(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32BE(value, index * 4));
  return bytes;
}
