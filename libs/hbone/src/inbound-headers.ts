import type { ConnectionCore } from './connection-core.js';
import { Http2Code } from './errors.js';
import { FrameFlag } from './frame-types.js';
import type { HeaderField } from './handler.js';
import { HpackDecoder, type DecodedHeaderBlock } from './hpack-decoder.js';
import { HpackEncoder } from './hpack-encoder.js';
import { HBONE_LIMITS } from './limits.js';
import { contentLength, parseRequestHead, parseResponseHead, trailersViolation } from './message-head.js';
import type { StreamState } from './stream-state.js';

const TOO_LARGE_STATUS = 431;

/** HEADERS and CONTINUATION: puts blocks together, decodes every one (HPACK state is the connection's) and judges it. */
export class InboundHeaders {
  readonly #decoder: HpackDecoder;
  readonly #maxBlockBytes: number;
  /** Stream whose block waits for CONTINUATION; 0 if none does. */
  openBlockStreamId = 0;
  #endStream = false;
  #selfDependent = false;
  #fragments: Buffer[] = [];
  #blockBytes = 0;
  #continuations = 0;

  constructor(private readonly core: ConnectionCore) {
    const { maxHeaderListBytes } = core.settings;
    this.#maxBlockBytes = maxHeaderListBytes * HBONE_LIMITS.encodedBlockFactor;
    this.#decoder = new HpackDecoder({
      maxTableBytes: 4096,
      maxListBytes: maxHeaderListBytes,
      maxFields: HBONE_LIMITS.headerFields,
    });
  }

  /** Judges a HEADERS or CONTINUATION frame by its length, before its payload is kept. */
  sizeProblem(length: number): readonly [code: number, rule: string] | null {
    if (this.#blockBytes + length <= this.#maxBlockBytes) return null;
    return [Http2Code.ENHANCE_YOUR_CALM, `a header block of more than ${this.#maxBlockBytes} bytes`];
  }

  headers(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const { core } = this;
    let at = start;
    let to = end;
    if ((flags & FrameFlag.PADDED) !== 0) {
      if (at === to) {
        core.violation(Http2Code.FRAME_SIZE_ERROR, 'a padded frame must hold its pad length');
        return;
      }
      to -= bytes[at++]!;
    }
    const prioritized = (flags & FrameFlag.PRIORITY) !== 0;
    if (prioritized && end - at < 5) {
      core.violation(Http2Code.FRAME_SIZE_ERROR, 'HEADERS shorter than its priority fields');
      return;
    }
    this.#selfDependent = prioritized && (bytes.readUInt32BE(at) & 0x7fff_ffff) === streamId;
    if (prioritized) at += 5;
    if (to < at) {
      core.violation(Http2Code.PROTOCOL_ERROR, 'padding must be shorter than the frame');
      return;
    }
    this.openBlockStreamId = streamId;
    this.#endStream = (flags & FrameFlag.END_STREAM) !== 0;
    this.#fragment(flags, bytes, at, to);
  }

  continuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const { core } = this;
    const tooMany = ++this.#continuations > HBONE_LIMITS.continuationFrames;
    if (core.checkFlood(tooMany ? 'too many CONTINUATION frames' : null)) this.#fragment(flags, bytes, start, end);
  }

  #fragment(flags: number, bytes: Buffer, start: number, end: number): void {
    if (!this.core.checkFlood(this.core.guard.content(start === end && !this.#endStream))) return;
    if ((flags & FrameFlag.END_HEADERS) === 0) {
      this.#fragments.push(Buffer.from(bytes.subarray(start, end)));
      this.#blockBytes += end - start;
      return;
    }
    const streamId = this.openBlockStreamId;
    const decoded = this.#decode(bytes, start, end);
    this.openBlockStreamId = this.#blockBytes = this.#continuations = 0;
    this.#fragments = [];
    if (decoded.error !== null) {
      this.core.violation(Http2Code.COMPRESSION_ERROR, decoded.error);
      return;
    }
    if (this.core.settings.role === 'server') this.#fromClient(streamId, decoded);
    else this.#fromServer(streamId, decoded);
  }

  #decode(bytes: Buffer, start: number, end: number): DecodedHeaderBlock {
    if (this.#fragments.length === 0) return this.#decoder.decode(bytes, start, end);
    const block = Buffer.concat([...this.#fragments, bytes.subarray(start, end)]);
    return this.#decoder.decode(block, 0, block.length);
  }

  /** Never used so far: nothing but HEADERS and PRIORITY may come on it (5.1 "idle"). */
  isIdle(streamId: number): boolean {
    const { settings, lastPeerStreamId, nextStreamId } = this.core;
    if ((streamId & 1) === 0) return true;
    return settings.role === 'server' ? streamId > lastPeerStreamId : streamId >= nextStreamId;
  }

  // ---- server

  #fromClient(streamId: number, block: DecodedHeaderBlock): void {
    const { core } = this;
    const stream = core.streams.get(streamId);
    if (stream !== undefined) {
      this.#trailers(stream, block);
      return;
    }
    if ((streamId & 1) === 0) {
      core.violation(Http2Code.PROTOCOL_ERROR, 'a client opens odd stream ids only');
      return;
    }
    if (streamId <= core.lastPeerStreamId) {
      this.#onClosed(streamId);
      return;
    }
    core.lastPeerStreamId = streamId;
    this.#request(streamId, block);
  }

  #request(streamId: number, block: DecodedHeaderBlock): void {
    const { core } = this;
    if (streamId > core.lastServedStreamId || core.streams.size >= core.settings.maxConcurrentStreams) {
      core.refuse(streamId, Http2Code.REFUSED_STREAM);
      return;
    }
    if (this.#selfDependent) {
      core.refuse(streamId, Http2Code.PROTOCOL_ERROR);
      return;
    }
    if (block.tooLarge) {
      this.#tooLarge(streamId);
      return;
    }
    const head = parseRequestHead(block.fields);
    if (!head.ok) {
      core.refuse(streamId, Http2Code.PROTOCOL_ERROR);
      return;
    }
    const isConnect = head.value.method === 'CONNECT';
    const expectedBytes = isConnect ? -1 : contentLength(head.value.headers);
    const endStream = this.#endStream;
    if (Number.isNaN(expectedBytes) || (endStream && expectedBytes > 0)) {
      core.refuse(streamId, Http2Code.PROTOCOL_ERROR);
      return;
    }
    const stream = core.openStream(streamId, isConnect);
    stream.expectedBytes = expectedBytes;
    core.handler.onRequest?.(stream, head.value);
    if (endStream && !stream.gone && !core.isDead()) this.endStream(stream);
  }

  /** RFC 9113, 6.5.2 and RFC 6585: says why, then frees the stream. */
  #tooLarge(streamId: number): void {
    const { core } = this;
    const fields: readonly HeaderField[] = [[':status', String(TOO_LARGE_STATUS)]];
    const block = Buffer.allocUnsafe(HpackEncoder.bound(fields));
    if (!core.checkRoom(core.writer.hasHeaderRoom(block.length, false))) return;
    core.writer.headers(streamId, block.subarray(0, core.encoder.encode(fields, block, 0)), true);
    core.refuse(streamId, Http2Code.ENHANCE_YOUR_CALM);
  }

  // ---- client

  #fromServer(streamId: number, block: DecodedHeaderBlock): void {
    const { core } = this;
    const stream = core.streams.get(streamId);
    if (stream === undefined) {
      if (this.isIdle(streamId)) core.violation(Http2Code.PROTOCOL_ERROR, 'HEADERS on an idle stream');
      else this.#onClosed(streamId);
    } else if (stream.answered || stream.remoteEnded) {
      this.#trailers(stream, block);
    } else {
      this.#response(stream, block);
    }
  }

  #response(stream: StreamState, block: DecodedHeaderBlock): void {
    const { core } = this;
    if (block.tooLarge) {
      core.streamError(stream.id, stream, Http2Code.ENHANCE_YOUR_CALM);
      return;
    }
    const head = parseResponseHead(block.fields);
    if (!head.ok) {
      core.streamError(stream.id, stream, Http2Code.PROTOCOL_ERROR);
      return;
    }
    const { status } = head.value;
    const endStream = this.#endStream;
    if (status < 200) {
      const over = ++stream.informational > HBONE_LIMITS.informationalResponses;
      if (endStream || over) core.streamError(stream.id, stream, Http2Code.PROTOCOL_ERROR);
      return;
    }
    stream.answered = true;
    core.guard.streamAnswered();
    stream.isTunnel = status < 300;
    core.handler.onResponse?.(stream, head.value);
    if (stream.gone || core.isDead()) return;
    if (endStream) this.endStream(stream);
    core.unblock(stream);
  }

  // ---- both

  #trailers(stream: StreamState, block: DecodedHeaderBlock): void {
    const { core } = this;
    const { id } = stream;
    if (stream.remoteEnded) core.streamError(id, stream, Http2Code.STREAM_CLOSED);
    else if (stream.isTunnel || !this.#endStream || this.#selfDependent)
      core.streamError(id, stream, Http2Code.PROTOCOL_ERROR);
    else if (block.tooLarge) core.streamError(id, stream, Http2Code.ENHANCE_YOUR_CALM);
    else if (trailersViolation(block.fields) !== null) core.streamError(id, stream, Http2Code.PROTOCOL_ERROR);
    else this.endStream(stream);
  }

  /** The peer's half is done. */
  endStream(stream: StreamState): void {
    const { core } = this;
    if (stream.expectedBytes >= 0 && stream.receivedBytes !== stream.expectedBytes) {
      core.streamError(stream.id, stream, Http2Code.PROTOCOL_ERROR);
      return;
    }
    stream.remoteEnded = true;
    core.closeIfDone(stream);
    core.handler.onEnd(stream);
  }

  /** HEADERS on a stream that is over: late if we reset it, else the peer's mistake (5.1 "closed", 5.1.1). */
  #onClosed(streamId: number): void {
    const { core } = this;
    const cause = core.closed.cause(streamId);
    if (cause === 'reset-by-us' || (cause === 'forgotten' && core.settings.role === 'client')) {
      core.checkFlood(core.guard.ignored());
    } else if (cause === 'forgotten') {
      core.violation(Http2Code.PROTOCOL_ERROR, 'a new stream id must be above all earlier ones');
    } else {
      core.violation(Http2Code.STREAM_CLOSED, 'HEADERS on a closed stream');
    }
  }
}
