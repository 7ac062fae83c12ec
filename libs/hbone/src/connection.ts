import { ConnectionCore } from './connection-core.js';
import { HboneError, Http2Code } from './errors.js';
import { fieldViolation, isFieldValue } from './field-rules.js';
import { DEFAULT_WINDOW_BYTES, MAX_STREAM_ID, SettingId } from './frame-types.js';
import type { HboneHandler, HeaderField } from './handler.js';
import { HpackEncoder } from './hpack-encoder.js';
import { Inbound } from './inbound.js';
import { HBONE_TIMES } from './limits.js';
import { Liveness } from './liveness.js';
import type { HboneSettings } from './settings.js';
import { StreamState } from './stream-state.js';
import type { HboneStream } from './stream.js';

/** DATA payload space in `out.bytes`. The object is reused by the next `reserve`. */
export interface Reservation {
  readonly offset: number;
  readonly length: number;
}

const LIVENESS_PING = Buffer.from('weftlive', 'latin1');
const DRAIN_PING = Buffer.from('weftdrai', 'latin1');

/**
 * One HTTP/2 connection (RFC 9113) between HBONE peers, either end, over bytes: the caller moves them, tells the time
 * and owns the socket.
 *
 * Output waits in `out`, where DATA was placed by the caller itself (`reserve`, fill, `commit`); input is looked at where
 * it lies. After construction `out` already holds the preface and SETTINGS. Nothing here throws because of the peer.
 */
export class HboneConnection {
  readonly #core: ConnectionCore;
  readonly #inbound: Inbound;
  readonly #liveness = new Liveness();
  readonly #reservation = { offset: 0, length: 0 };
  #headerScratch: Buffer = Buffer.allocUnsafeSlow(1024);
  /** Graceful shutdown between its two GOAWAY frames. */
  #draining = false;
  #drainStartMs = -1;
  #firstTickMs = -1;

  constructor(settings: HboneSettings, handler: HboneHandler) {
    this.#core = new ConnectionCore(settings, handler);
    this.#inbound = new Inbound(this.#core, (payload, offset) => this.#onPong(payload, offset));
    this.#start(settings);
  }

  /** `bytes[0..length)` waits to be written; once nothing waits any more, `bytes` may become another Buffer. */
  get out(): { readonly bytes: Buffer; readonly length: number } {
    return this.#core.writer;
  }

  get activeStreams(): number {
    return this.#core.streams.size;
  }

  /** True once either side sent GOAWAY or the connection is over: no new streams of ours. */
  get closing(): boolean {
    return this.#core.closing;
  }

  /** With `activeStreams` 0: flush and close. Not between the two GOAWAY of a shutdown, when requests may be on their way. */
  get mayClose(): boolean {
    return this.#core.closing && !this.#draining;
  }

  /** PRIORITY, unknown and late frames so far, for metrics. */
  get ignoredFrames(): number {
    return this.#core.guard.ignoredFrames;
  }

  /** Streams not gone yet, for tearing down. */
  streams(): Iterable<HboneStream> {
    return this.#core.streams.values();
  }

  /** The first `n` bytes (default: all) of `out` were written. May call onWritable. */
  flushed(n: number = this.#core.writer.length): void {
    this.#core.writer.flushed(n);
    if (!this.#core.isDead()) this.#core.unblockAll();
  }

  /** Takes `bytes[start..end)` from the peer. Never throws; keeps no reference to `bytes`. */
  receive(bytes: Buffer, start: number, end: number): void {
    this.#inbound.receive(bytes, start, end);
  }

  canOpen(): boolean {
    const { closing, streams, settings, peer, nextStreamId } = this.#core;
    const limit = Math.min(settings.maxConcurrentStreams, peer.maxConcurrentStreams);
    return settings.role === 'client' && !closing && streams.size < limit && nextStreamId <= MAX_STREAM_ID;
  }

  /**
   * Client: opens a tunnel; null when the stream limit, a GOAWAY or full output forbids it.
   * Throws HboneError (HBONE_BAD_HEADER) on text that must not go on the wire; see `isFieldValue`.
   */
  connect(authority: string, headers: readonly HeaderField[]): HboneStream | null {
    const fields: HeaderField[] = [[':method', 'CONNECT'], [':authority', authority], ...headers];
    if (authority === '' || !isFieldValue(authority)) throw badHeader('illegal CONNECT authority');
    assertLegal(headers);
    const core = this.#core;
    const bound = HpackEncoder.bound(fields);
    if (bound * 2 > core.settings.outputCapacityBytes) throw badHeader('a header list that never fits the output');
    if (!this.canOpen() || !core.writer.hasHeaderRoom(bound, true)) return null;
    const stream = core.openStream(core.nextStreamId, true);
    core.nextStreamId += 2;
    core.writer.headers(stream.id, this.#encode(fields), false);
    return stream;
  }

  /** Server: answers a request, once. A final answer of 300 and above with `endStream` also frees the stream. */
  respond(handle: HboneStream, status: number, headers: readonly HeaderField[], endStream = false): void {
    const core = this.#core;
    const stream = stateOf(handle);
    const fields: HeaderField[] = [[':status', String(status)], ...headers];
    assertLegal(headers);
    if (stream.gone || stream.answered || core.isDead()) return;
    if (!core.checkRoom(core.writer.hasHeaderRoom(HpackEncoder.bound(fields), false))) return;
    stream.answered = true;
    core.guard.streamAnswered();
    core.writer.headers(stream.id, this.#encode(fields), endStream);
    if (!endStream) {
      core.unblock(stream);
      return;
    }
    stream.localEnded = true;
    const done = core.closeIfDone(stream);
    // The rest of the request is of no interest (RFC 9113, 8.1).
    if (!done && status >= 300) this.reset(stream, Http2Code.NO_ERROR);
  }

  /**
   * Space for DATA payload: write up to `length` bytes at `offset` of `out.bytes`, then `commit`, before any other call
   * on any connection of this thread. Length 0 (no window, no room, or no 200 yet): wait for onWritable.
   */
  reserve(handle: HboneStream): Reservation {
    const stream = stateOf(handle);
    const length = this.#core.room(stream);
    this.#reservation.offset = this.#core.writer.dataOffset;
    this.#reservation.length = length;
    if (length === 0 && !stream.localEnded && !this.#core.isDead()) this.#core.blocked.add(stream);
    return this.#reservation;
  }

  /** Sends the first `n` bytes of the space just reserved as one DATA frame; 0 gives the space back. */
  commit(handle: HboneStream, n: number): void {
    const core = this.#core;
    const stream = stateOf(handle);
    if (n <= 0) return;
    if (this.#reservation.offset !== core.writer.dataOffset || n > core.room(stream)) {
      throw new RangeError(`commit of ${n} bytes on stream ${stream.id} without a matching reserve`);
    }
    stream.sendWindow.take(n);
    core.sendWindow.take(n);
    core.guard.dataSent(n);
    core.writer.commitData(stream.id, n);
  }

  /** Server: ends an answered stream with a field section behind the DATA (RFC 9113, 8.1). */
  trailers(handle: HboneStream, fields: readonly HeaderField[]): void {
    const core = this.#core;
    const stream = stateOf(handle);
    assertLegal(fields);
    if (!stream.answered || stream.localEnded || core.isDead()) return;
    if (!core.checkRoom(core.writer.hasHeaderRoom(HpackEncoder.bound(fields), false))) return;
    core.writer.headers(stream.id, this.#encode(fields), true);
    stream.localEnded = true;
    core.blocked.delete(stream);
    core.closeIfDone(stream);
  }

  /** Ends our half. Server: a stream that was never answered is reset instead. */
  end(handle: HboneStream): void {
    const core = this.#core;
    const stream = stateOf(handle);
    if (stream.localEnded || core.isDead()) return;
    if (!stream.answered && core.settings.role === 'server') {
      this.reset(stream, Http2Code.INTERNAL_ERROR);
      return;
    }
    if (!core.checkRoom(core.writer.endStream(stream.id))) return;
    stream.localEnded = true;
    core.blocked.delete(stream);
    core.closeIfDone(stream);
  }

  /** Ends the stream at once; no further events for it. */
  reset(handle: HboneStream, code: number): void {
    const core = this.#core;
    const stream = stateOf(handle);
    if (stream.gone || core.isDead()) return;
    core.drop(stream, 'reset-by-us');
    if (!core.isDead()) core.sendReset(stream.id, code);
  }

  /** The application took `n` bytes given to onData. Also after onEnd; a stream that was reset needs none. */
  consumed(handle: HboneStream, n: number): void {
    const stream = stateOf(handle);
    const paid = Math.min(n, stream.unconsumed);
    if (paid <= 0) return;
    stream.unconsumed -= paid;
    this.#core.creditConnection(paid);
    this.#core.creditStream(stream, paid);
  }

  /** Asks the peer for a sign of life now; `tick` judges the answer. */
  ping(nowMs: number): void {
    const core = this.#core;
    if (core.isDead() || !core.checkRoom(core.writer.ping(false, LIVENESS_PING, 0))) return;
    this.#liveness.sent(nowMs);
  }

  /** Call every second. Sends PING when due; ends the connection when PONG or the SETTINGS acknowledgement is overdue. */
  tick(nowMs: number): void {
    const core = this.#core;
    if (core.isDead()) return;
    core.guard.tick(nowMs);
    if (this.#firstTickMs < 0) this.#firstTickMs = nowMs;
    if (!core.settingsAcked && nowMs - this.#firstTickMs >= HBONE_TIMES.settingsAckTimeoutMs) {
      core.fail('HBONE_SETTINGS_TIMEOUT', Http2Code.SETTINGS_TIMEOUT, 'no acknowledgement of our SETTINGS');
      return;
    }
    if (this.#draining) this.#tickDrain(nowMs);
    const due = this.#liveness.tick(nowMs);
    if (due === 'ping') this.ping(nowMs);
    else if (due === 'dead') core.fail('HBONE_PING_TIMEOUT', Http2Code.NO_ERROR, 'no answer to PING');
  }

  /**
   * Graceful: the peer learns that no new streams are wanted; open ones go on. A server says it twice (RFC 9113, 6.8):
   * first with the highest id, so that requests on their way are still served, then with the last one served.
   */
  shutdown(): void {
    const core = this.#core;
    if (core.isDead() || this.#draining || core.lastServedStreamId !== Number.POSITIVE_INFINITY) return;
    core.closing = true;
    if (core.settings.role === 'client') {
      this.#finalGoaway();
      return;
    }
    this.#draining = true;
    core.writer.goaway(MAX_STREAM_ID, Http2Code.NO_ERROR, '');
    core.checkRoom(core.writer.ping(false, DRAIN_PING, 0));
  }

  /** Hard: final GOAWAY; nothing received afterwards is looked at. Flush, then close. */
  goaway(code: number): void {
    if (!this.#core.isDead()) this.#core.sayGoodbye(code, '');
  }

  #start(settings: HboneSettings): void {
    const { writer } = this.#core;
    const client = settings.role === 'client';
    if (client) writer.preface();
    writer.settings([
      client ? [SettingId.ENABLE_PUSH, 0] : [SettingId.MAX_CONCURRENT_STREAMS, settings.maxConcurrentStreams],
      [SettingId.INITIAL_WINDOW_SIZE, settings.initialWindowBytes],
      [SettingId.MAX_FRAME_SIZE, settings.maxFrameBytes],
      [SettingId.MAX_HEADER_LIST_SIZE, settings.maxHeaderListBytes],
    ]);
    const extra = settings.connectionWindowBytes - DEFAULT_WINDOW_BYTES;
    if (extra > 0) writer.windowUpdate(0, extra);
    writer.startAnnouncing();
  }

  #encode(fields: readonly HeaderField[]): Buffer {
    const bound = HpackEncoder.bound(fields);
    if (this.#headerScratch.length < bound) this.#headerScratch = Buffer.allocUnsafeSlow(bound);
    return this.#headerScratch.subarray(0, this.#core.encoder.encode(fields, this.#headerScratch, 0));
  }

  #onPong(payload: Buffer, offset: number): void {
    if (LIVENESS_PING.compare(payload, offset, offset + 8) === 0 && this.#liveness.pong()) return;
    if (this.#draining && DRAIN_PING.compare(payload, offset, offset + 8) === 0) this.#finalGoaway();
    else this.#core.checkFlood(this.#core.guard.ignored());
  }

  #tickDrain(nowMs: number): void {
    if (this.#drainStartMs < 0) this.#drainStartMs = nowMs;
    if (nowMs - this.#drainStartMs >= HBONE_TIMES.drainPongTimeoutMs) this.#finalGoaway();
  }

  #finalGoaway(): void {
    const core = this.#core;
    this.#draining = false;
    core.lastServedStreamId = core.lastPeerStreamId;
    core.writer.goaway(core.lastPeerStreamId, Http2Code.NO_ERROR, '');
  }
}

function stateOf(handle: HboneStream): StreamState {
  if (handle instanceof StreamState) return handle;
  throw new TypeError('not a stream of an HboneConnection');
}

function assertLegal(headers: readonly HeaderField[]): void {
  for (const field of headers) {
    const violation = fieldViolation(field);
    if (violation !== null) throw badHeader(violation);
  }
}

const badHeader = (rule: string): HboneError => new HboneError('HBONE_BAD_HEADER', Http2Code.INTERNAL_ERROR, rule);
