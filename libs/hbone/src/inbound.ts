import type { ConnectionCore } from './connection-core.js';
import { Http2Code } from './errors.js';
import { DEFAULT_WINDOW_BYTES, FrameFlag, FrameType } from './frame-types.js';
import { FrameReader, type FrameIntake, type FrameSink } from './frame-reader.js';
import { InboundHeaders } from './inbound-headers.js';
import { HBONE_LIMITS } from './limits.js';
import type { StreamState } from './stream-state.js';

/** PING acknowledgements go to whoever sent the PING. */
export type PongListener = (payload: Buffer, offset: number) => void;

/** The receiving half of a connection: checks every frame against RFC 9113 and the limits, and acts on it. */
export class Inbound implements FrameSink {
  readonly #reader: FrameReader;
  readonly #headers: InboundHeaders;
  #settingsSeen = false;
  /** Stream of the current DATA frame; null when its bytes are thrown away. */
  #dataStream: StreamState | null = null;
  #dataLength = 0;
  #dataStreamId = 0;

  constructor(
    private readonly core: ConnectionCore,
    private readonly onPong: PongListener,
  ) {
    const { role, maxFrameBytes } = core.settings;
    this.#reader = new FrameReader(this, { expectPreface: role === 'server', maxFrameBytes });
    this.#headers = new InboundHeaders(core);
  }

  receive(bytes: Buffer, start: number, end: number): void {
    if (this.core.isDead()) return;
    this.#reader.read(bytes, start, end);
  }

  violation(code: number, rule: string): void {
    this.core.violation(code, rule);
    this.#reader.stop();
  }

  // ---- DATA (6.1)

  dataStart(streamId: number, length: number): void {
    this.#dataStream = null;
    this.#dataLength = length;
    this.#dataStreamId = streamId;
    if (!this.#mayStart(FrameType.DATA, streamId)) return;
    if (this.#isIdle(streamId)) {
      this.violation(Http2Code.PROTOCOL_ERROR, 'DATA on an idle stream');
      return;
    }
    if (!this.core.receiveWindow.take(length)) {
      this.violation(Http2Code.FLOW_CONTROL_ERROR, 'DATA beyond the connection window');
      return;
    }
    const stream = this.core.streams.get(streamId);
    if (stream === undefined) this.core.lateData(streamId, length);
    else if (this.#mayHaveData(stream, length)) this.#dataStream = stream;
    this.#stopIfDead();
  }

  #mayHaveData(stream: StreamState, length: number): boolean {
    const { core } = this;
    if (stream.remoteEnded) {
      core.streamError(stream.id, stream, Http2Code.STREAM_CLOSED);
    } else if (!stream.receiveWindow.take(length)) {
      core.streamError(stream.id, stream, Http2Code.FLOW_CONTROL_ERROR);
    } else if (length > 0 && !stream.answered && (core.settings.role === 'client' || stream.isConnect)) {
      // No tunnel byte before the 200; and a client gets no body before a response.
      core.streamError(stream.id, stream, Http2Code.PROTOCOL_ERROR);
    } else {
      return true;
    }
    return false;
  }

  dataSpan(bytes: Buffer, start: number, end: number): void {
    const stream = this.#dataStream;
    const n = end - start;
    if (stream === null || stream.gone) {
      this.core.creditConnection(n);
    } else {
      stream.unconsumed += n;
      stream.receivedBytes += n;
      this.core.handler.onData(stream, bytes, start, end);
    }
    this.#stopIfDead();
  }

  dataEnd(endStream: boolean, overhead: number): void {
    const { core } = this;
    const stream = this.#dataStream;
    this.#dataStream = null;
    const empty = this.#dataLength - overhead === 0 && !endStream;
    if (overhead > 0) core.creditConnection(overhead);
    if (core.checkFlood(core.guard.content(empty)) && stream !== null && !stream.gone) {
      if (overhead > 0) core.creditStream(stream, overhead);
      if (endStream) this.#headers.endStream(stream);
      else if (stream.expectedBytes >= 0 && stream.receivedBytes > stream.expectedBytes) {
        core.streamError(this.#dataStreamId, stream, Http2Code.PROTOCOL_ERROR);
      }
    }
    this.#stopIfDead();
  }

  // ---- all other frames

  frameStart(type: number, flags: number, streamId: number, length: number): FrameIntake {
    if (!this.#mayStart(type, streamId, flags)) return 'stop';
    const problem = this.#headerProblem(type, flags, streamId, length);
    if (problem !== null) {
      this.violation(problem[0], problem[1]);
      return 'stop';
    }
    if (type <= FrameType.CONTINUATION) return 'whole';
    return this.core.checkFlood(this.core.guard.ignored()) ? 'skip' : 'stop';
  }

  /** The rules between frames: SETTINGS first (3.4), and nothing inside a header block but its CONTINUATION (4.3). */
  #mayStart(type: number, streamId: number, flags = 0): boolean {
    if (!this.#settingsSeen) {
      if (type !== FrameType.SETTINGS || (flags & FrameFlag.ACK) !== 0) {
        this.violation(Http2Code.PROTOCOL_ERROR, 'the first frame must be SETTINGS');
        return false;
      }
      this.#settingsSeen = true;
    }
    const open = this.#headers.openBlockStreamId;
    if (open !== 0 ? type === FrameType.CONTINUATION && streamId === open : type !== FrameType.CONTINUATION)
      return true;
    this.violation(Http2Code.PROTOCOL_ERROR, 'CONTINUATION frames must follow their HEADERS without a break');
    return false;
  }

  /** What the frame header alone shows to be wrong for the whole connection. */
  #headerProblem(
    type: number,
    flags: number,
    streamId: number,
    length: number,
  ): readonly [code: number, rule: string] | null {
    switch (type) {
      case FrameType.HEADERS:
      case FrameType.CONTINUATION:
        return streamId === 0
          ? [Http2Code.PROTOCOL_ERROR, 'a header block on stream 0']
          : this.#headers.sizeProblem(length);
      case FrameType.PRIORITY:
        return streamId === 0
          ? [Http2Code.PROTOCOL_ERROR, 'PRIORITY on stream 0']
          : length > 64
            ? frameSize('PRIORITY')
            : null;
      case FrameType.RST_STREAM:
        return length !== 4
          ? frameSize('RST_STREAM')
          : streamId === 0
            ? [Http2Code.PROTOCOL_ERROR, 'RST_STREAM on stream 0']
            : null;
      case FrameType.WINDOW_UPDATE:
        return length !== 4 ? frameSize('WINDOW_UPDATE') : null;
      case FrameType.PUSH_PROMISE:
        return [Http2Code.PROTOCOL_ERROR, 'PUSH_PROMISE is not allowed here'];
      case FrameType.PING:
        return length !== 8 ? frameSize('PING') : onConnection(streamId, 'PING');
      case FrameType.GOAWAY:
        if (length > 8 + HBONE_LIMITS.goawayDebugBytes)
          return [Http2Code.ENHANCE_YOUR_CALM, 'GOAWAY with too much debug data'];
        return length < 8 ? frameSize('GOAWAY') : onConnection(streamId, 'GOAWAY');
      case FrameType.SETTINGS:
        if (length % 6 !== 0 || ((flags & FrameFlag.ACK) !== 0 && length > 0)) return frameSize('SETTINGS');
        if (length > 6 * HBONE_LIMITS.settingsEntries)
          return [Http2Code.ENHANCE_YOUR_CALM, 'SETTINGS with too many entries'];
        return onConnection(streamId, 'SETTINGS');
      default:
        return null;
    }
  }

  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case FrameType.HEADERS:
        this.#headers.headers(flags, streamId, bytes, start, end);
        break;
      case FrameType.CONTINUATION:
        this.#headers.continuation(flags, bytes, start, end);
        break;
      case FrameType.PRIORITY:
        this.#priority(streamId, bytes, start, end);
        break;
      case FrameType.RST_STREAM:
        this.#rstStream(streamId, bytes.readUInt32BE(start));
        break;
      case FrameType.SETTINGS:
        this.#settings(flags, bytes, start, end);
        break;
      case FrameType.PING:
        this.#ping(flags, bytes, start);
        break;
      case FrameType.GOAWAY:
        this.#goaway(bytes, start, end);
        break;
      case FrameType.WINDOW_UPDATE:
        this.#windowUpdate(streamId, bytes.readUInt32BE(start) & 0x7fff_ffff);
        break;
    }
    this.#stopIfDead();
  }

  /** Ignored (RFC 9113, 5.3.2) but for its form; that a stream cannot depend on itself is left from RFC 7540, 5.3.1. */
  #priority(streamId: number, bytes: Buffer, start: number, end: number): void {
    const { core } = this;
    if (!core.checkFlood(core.guard.priority())) return;
    if (end - start !== 5) {
      core.streamError(streamId, core.streams.get(streamId) ?? null, Http2Code.FRAME_SIZE_ERROR);
    } else if ((bytes.readUInt32BE(start) & 0x7fff_ffff) === streamId) {
      this.violation(Http2Code.PROTOCOL_ERROR, 'a stream cannot depend on itself');
    }
  }

  #rstStream(streamId: number, code: number): void {
    const { core } = this;
    if (this.#isIdle(streamId)) {
      this.violation(Http2Code.PROTOCOL_ERROR, 'RST_STREAM on an idle stream');
      return;
    }
    const stream = core.streams.get(streamId);
    if (stream === undefined) {
      core.checkFlood(core.guard.ignored());
      return;
    }
    const premature = core.settings.role === 'server' && !stream.answered;
    // Before it is dropped: a stream that ends the connection is torn down with it like all others.
    if (premature && !core.checkFlood(core.guard.reset())) return;
    core.drop(stream, 'reset-by-peer');
    if (!core.isDead()) core.handler.onReset(stream, code);
  }

  #settings(flags: number, bytes: Buffer, start: number, end: number): void {
    const { core } = this;
    if ((flags & FrameFlag.ACK) !== 0) {
      this.#settingsAcked();
      return;
    }
    if (!core.checkFlood(core.guard.settings())) return;
    const windowBefore = core.peer.initialWindowBytes;
    const error = core.peer.apply(bytes, start, end);
    if (error !== null) {
      this.violation(error.code, error.rule);
      return;
    }
    core.encoder.setPeerTableBytes(core.peer.headerTableBytes);
    const delta = core.peer.initialWindowBytes - windowBefore;
    for (const stream of core.streams.values()) {
      if (!stream.sendWindow.grow(delta)) {
        this.violation(Http2Code.FLOW_CONTROL_ERROR, 'SETTINGS make a window pass 2^31-1');
        return;
      }
    }
    if (core.checkRoom(core.writer.settingsAck())) core.unblockAll();
  }

  #settingsAcked(): void {
    const { core } = this;
    if (core.settingsAcked) {
      core.checkFlood(core.guard.ignored());
      return;
    }
    core.settingsAcked = true;
    const delta = Math.min(0, core.settings.initialWindowBytes - DEFAULT_WINDOW_BYTES);
    for (const stream of core.streams.values()) stream.receiveWindow.shift(delta);
  }

  #ping(flags: number, bytes: Buffer, start: number): void {
    const { core } = this;
    if ((flags & FrameFlag.ACK) !== 0) {
      this.onPong(bytes, start);
    } else if (core.checkFlood(core.guard.ping())) {
      core.checkRoom(core.writer.ping(true, bytes, start));
    }
  }

  #goaway(bytes: Buffer, start: number, end: number): void {
    const { core } = this;
    if (!core.checkFlood(core.guard.goaway())) return;
    const lastStreamId = bytes.readUInt32BE(start) & 0x7fff_ffff;
    core.closing = true;
    if (core.settings.role === 'client') this.#refusedByGoaway(lastStreamId);
    if (!core.isDead())
      core.handler.onGoaway(lastStreamId, bytes.readUInt32BE(start + 4), bytes.toString('latin1', start + 8, end));
  }

  /** Streams above the last id were not looked at (6.8). */
  #refusedByGoaway(lastStreamId: number): void {
    const { core } = this;
    for (const stream of [...core.streams.values()]) {
      if (stream.id <= lastStreamId || stream.gone || core.isDead()) continue;
      core.drop(stream, 'reset-by-peer');
      core.handler.onReset(stream, Http2Code.REFUSED_STREAM);
    }
  }

  #windowUpdate(streamId: number, increment: number): void {
    const { core } = this;
    if (!core.checkFlood(core.guard.windowUpdate())) return;
    if (streamId === 0) {
      this.#connectionWindowUpdate(increment);
      return;
    }
    if (this.#isIdle(streamId)) {
      this.violation(Http2Code.PROTOCOL_ERROR, 'WINDOW_UPDATE on an idle stream');
      return;
    }
    const stream = core.streams.get(streamId);
    if (stream === undefined) return;
    if (increment === 0) core.streamError(streamId, stream, Http2Code.PROTOCOL_ERROR);
    else if (!stream.sendWindow.grow(increment)) core.streamError(streamId, stream, Http2Code.FLOW_CONTROL_ERROR);
    else core.unblock(stream);
  }

  #connectionWindowUpdate(increment: number): void {
    const { core } = this;
    if (increment === 0) {
      this.violation(Http2Code.PROTOCOL_ERROR, 'WINDOW_UPDATE of 0');
      return;
    }
    if (!core.sendWindow.grow(increment)) {
      this.violation(Http2Code.FLOW_CONTROL_ERROR, 'the connection window passes 2^31-1');
      return;
    }
    core.unblockAll();
  }

  #isIdle(streamId: number): boolean {
    return this.#headers.isIdle(streamId);
  }

  #stopIfDead(): void {
    if (this.core.isDead()) this.#reader.stop();
  }
}

const frameSize = (name: string): readonly [number, string] => [
  Http2Code.FRAME_SIZE_ERROR,
  `${name} of a wrong length`,
];

const onConnection = (streamId: number, name: string): readonly [number, string] | null =>
  streamId === 0 ? null : [Http2Code.PROTOCOL_ERROR, `${name} on a stream`];
