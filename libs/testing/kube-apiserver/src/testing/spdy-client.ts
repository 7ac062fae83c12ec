import type { Duplex } from 'node:stream';
import { until } from '@weft/testing-fixtures';
import { FrameDecoder } from '../streaming/spdy/frame-decoder.js';
import { FrameEncoder } from '../streaming/spdy/frame-encoder.js';
import type { SpdyFrame } from '../streaming/spdy/spdy-frame.js';

/** The client's end of a SPDY connection, frame by frame. */
export class SpdyClient {
  readonly frames: SpdyFrame[] = [];
  readonly #encoder = new FrameEncoder();
  readonly #decoder = new FrameDecoder();

  constructor(readonly transport: Duplex) {
    transport.on('error', () => undefined);
    transport.on('data', (bytes: Buffer) => this.frames.push(...this.#decoder.decode(bytes).frames));
  }

  send(...frames: SpdyFrame[]): void {
    this.transport.write(Buffer.concat(frames.map((frame) => this.#encoder.encode(frame))));
  }

  open(streamId: number, type = 'data', fin = false): void {
    const headers = new Map([['streamtype', type]]);
    this.send({ type: 'synStream', streamId, associatedStreamId: 0, priority: 0, fin, unidirectional: false, headers });
  }

  data(streamId: number, text: string | Buffer, fin = false): void {
    this.send({ type: 'data', streamId, fin, bytes: Buffer.from(text) });
  }

  until<T extends SpdyFrame['type']>(type: T, streamId?: number): Promise<Extract<SpdyFrame, { type: T }>> {
    const wanted = (frame: SpdyFrame): frame is Extract<SpdyFrame, { type: T }> =>
      frame.type === type && (streamId === undefined || ('streamId' in frame && frame.streamId === streamId));
    return until(() => this.frames.find(wanted), `${type} arrives`);
  }

  received(streamId: number): Buffer {
    return Buffer.concat(
      this.frames.flatMap((frame) => (frame.type === 'data' && frame.streamId === streamId ? [frame.bytes] : [])),
    );
  }
}
