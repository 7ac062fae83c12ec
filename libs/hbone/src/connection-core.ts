import { ClosedStreams, type CloseCause } from './closed-streams.js';
import { HboneError, Http2Code, type HboneErrorCode } from './errors.js';
import { FloodGuard } from './flood-guard.js';
import { ReceiveWindow, SendWindow } from './flow-window.js';
import { DEFAULT_WINDOW_BYTES } from './frame-types.js';
import { FrameWriter } from './frame-writer.js';
import type { HboneHandler } from './handler.js';
import { HpackEncoder } from './hpack-encoder.js';
import { HBONE_LIMITS } from './limits.js';
import { PeerSettings } from './peer-settings.js';
import type { HboneSettings } from './settings.js';
import { StreamState } from './stream-state.js';

/** The state that both directions of a connection share, and the few acts that touch all of it. */
export class ConnectionCore {
  readonly writer: FrameWriter;
  readonly encoder = new HpackEncoder();
  readonly peer: PeerSettings;
  readonly guard = new FloodGuard();
  readonly streams = new Map<number, StreamState>();
  readonly closed = new ClosedStreams();
  readonly sendWindow = new SendWindow(DEFAULT_WINDOW_BYTES);
  readonly receiveWindow: ReceiveWindow;
  /** Streams that asked for room and got none, longest waiting first. */
  readonly blocked = new Set<StreamState>();
  #dead = false;
  /** A GOAWAY went one way or the other. */
  closing = false;
  settingsAcked = false;
  /** DATA that may still come for streams that we reset: the windows they had left. */
  lateBytes = 0;
  /** Server: highest stream id that the peer used. */
  lastPeerStreamId = 0;
  /** Client: id of the next stream. */
  nextStreamId = 1;
  /** Server: streams above this are refused, once the final GOAWAY went out. */
  lastServedStreamId = Number.POSITIVE_INFINITY;

  constructor(
    readonly settings: HboneSettings,
    readonly handler: HboneHandler,
  ) {
    this.writer = new FrameWriter(settings.outputCapacityBytes, () => this.handler.onOutput());
    this.peer = new PeerSettings(settings.role === 'client' ? 'server' : 'client');
    this.receiveWindow = new ReceiveWindow(Math.max(DEFAULT_WINDOW_BYTES, settings.connectionWindowBytes));
  }

  /** Nothing is received or sent any more; GOAWAY was the last frame. */
  isDead(): boolean {
    return this.#dead;
  }

  /** Stream window that the peer may assume. Until it acknowledged our SETTINGS that can be the default. */
  get #grantedBytes(): number {
    const { initialWindowBytes } = this.settings;
    return this.settingsAcked ? initialWindowBytes : Math.max(DEFAULT_WINDOW_BYTES, initialWindowBytes);
  }

  openStream(id: number, isConnect: boolean): StreamState {
    const receiveWindow = new ReceiveWindow(this.settings.initialWindowBytes, this.#grantedBytes);
    const stream = new StreamState(id, isConnect, new SendWindow(this.peer.initialWindowBytes), receiveWindow);
    this.streams.set(id, stream);
    this.guard.streamOpened();
    return stream;
  }

  /** Takes the stream out of the table once both halves are done. True if it is gone. */
  closeIfDone(stream: StreamState): boolean {
    if (stream.localEnded && stream.remoteEnded && !stream.gone) this.#forget(stream, 'ended');
    return stream.gone;
  }

  /**
   * Returns the bytes of a stream that was reset to the connection window and takes it out of the table; but when the
   * connection dies of that it stays: whoever tears down the rest must find it.
   */
  drop(stream: StreamState, cause: CloseCause): void {
    if (stream.gone) return;
    const { unconsumed } = stream;
    stream.unconsumed = 0;
    this.creditConnection(unconsumed);
    if (this.isDead()) return;
    this.#forget(stream, cause);
    stream.localEnded = stream.remoteEnded = true;
  }

  #forget(stream: StreamState, cause: CloseCause): void {
    stream.gone = true;
    this.streams.delete(stream.id);
    this.blocked.delete(stream);
    this.closed.add(stream.id, cause);
    if (cause === 'reset-by-us' && !stream.remoteEnded)
      this.lateBytes += Math.max(0, stream.receiveWindow.availableBytes);
  }

  /** Resets a new stream of the peer that was never opened here; DATA for it may be on its way. */
  refuse(id: number, code: number): void {
    this.closed.add(id, 'reset-by-us');
    this.lateBytes += this.#grantedBytes;
    this.streamError(id, null, code);
  }

  /** DATA for a stream that is not open any more. Its bytes go back to the connection window by the caller. */
  lateData(id: number, bytes: number): void {
    const cause = this.closed.cause(id);
    if (cause === 'ended' || cause === 'reset-by-peer') {
      this.streamError(id, null, Http2Code.STREAM_CLOSED);
      return;
    }
    this.lateBytes -= bytes;
    if (this.lateBytes < 0) this.violation(Http2Code.STREAM_CLOSED, 'DATA goes on for streams that were reset');
  }

  /** The peer broke a rule of one stream (RFC 9113, 5.4.2). `stream` is null when it is not open (any more). */
  streamError(id: number, stream: StreamState | null, code: number): void {
    if (!this.checkFlood(this.guard.reset())) return;
    this.sendReset(id, code);
    if (stream === null || stream.gone || this.isDead()) return;
    this.drop(stream, 'reset-by-us');
    if (!this.isDead()) this.handler.onReset(stream, code);
  }

  sendReset(id: number, code: number): void {
    this.checkRoom(this.writer.rstStream(id, code));
  }

  /** Ends the connection: GOAWAY, then onFatal. */
  fail(code: HboneErrorCode, http2Code: number, rule: string): void {
    if (this.isDead()) return;
    this.sayGoodbye(http2Code, rule);
    this.handler.onFatal(new HboneError(code, http2Code, `HTTP/2 connection ended: ${rule}`));
  }

  violation(http2Code: number, rule: string): void {
    this.fail('HBONE_PEER_VIOLATION', http2Code, rule);
  }

  /** Sends the last GOAWAY and stops everything. */
  sayGoodbye(http2Code: number, debug: string): void {
    this.#dead = true;
    this.closing = true;
    this.blocked.clear();
    // Never above what an earlier GOAWAY said (RFC 9113, 6.8).
    this.writer.goaway(Math.min(this.lastPeerStreamId, this.lastServedStreamId), http2Code, debug);
  }

  /** Turns a passed limit into the end of the connection. True: go on. */
  checkFlood(rule: string | null): boolean {
    if (rule !== null) this.fail('HBONE_LIMIT_EXCEEDED', Http2Code.ENHANCE_YOUR_CALM, rule);
    return rule === null;
  }

  /** Turns a full control room, or too many answers waiting in it, into the end of the connection. True: go on. */
  checkRoom(written: boolean): boolean {
    const read = written && this.writer.pendingControlFrames <= HBONE_LIMITS.pendingControlFrames;
    if (!read) this.fail('HBONE_OUTPUT_FULL', Http2Code.ENHANCE_YOUR_CALM, 'the peer does not read our answers');
    return read;
  }

  creditConnection(n: number): void {
    const increment = this.receiveWindow.credit(n);
    if (increment > 0 && !this.isDead()) this.checkRoom(this.writer.windowUpdate(0, increment));
  }

  creditStream(stream: StreamState, n: number): void {
    if (stream.gone || stream.remoteEnded || this.isDead()) return;
    const increment = stream.receiveWindow.credit(n);
    if (increment > 0) this.checkRoom(this.writer.windowUpdate(stream.id, increment));
  }

  /** DATA bytes that `stream` may send now. */
  room(stream: StreamState): number {
    if (this.isDead() || stream.localEnded || !stream.answered) return 0;
    const window = Math.min(stream.sendWindow.bytes, this.sendWindow.bytes);
    return Math.max(0, Math.min(window, this.peer.maxFrameBytes, this.writer.dataRoom));
  }

  /** Tells streams that waited, in order, as long as there is room. */
  unblockAll(): void {
    if (this.blocked.size === 0) return;
    for (const stream of this.blocked) {
      if (this.isDead() || this.sendWindow.bytes <= 0 || this.writer.dataRoom <= 0) return;
      this.unblock(stream);
    }
  }

  unblock(stream: StreamState): void {
    if (!this.blocked.has(stream) || this.room(stream) === 0) return;
    this.blocked.delete(stream);
    this.handler.onWritable(stream);
  }
}
