import { Http2Code, http2CodeName, type HboneStream } from '@weft/hbone';
import { errnoName, type Memory } from '@weft/linux';
import type { ConnectionRecord, Terminable } from './connection-log.js';
import type { Deadline, Loop, Task } from './loop.js';
import type { FailureFlag } from './messages.js';
import { LAST_BYTES_MS, READ_NOTHING, type PlainSocket, type PlainSocketOwner } from './plain-socket.js';
import type { Tunnel, TunnelError, TunnelStreamUser } from './tunnel.js';

/** Plaintext read in one turn before other connections get theirs. */
const TURN_BYTES = 262_144;
/** Largest single read, which becomes one DATA frame. */
const READ_BYTES = 262_144;
/** With this much waiting, the tunnel is written at once instead of at the end of the turn. */
const FLUSH_BYTES = 262_144;
/** What may still be delivered to a slow socket after the peer gave the stream up. */
const HELD_AFTER_RESET_BYTES = 65_536;

/** What a relay tells of the connection. */
export type RelayRecord = Pick<ConnectionRecord, 'received' | 'sent' | 'close'>;

export interface RelayOwner {
  /** The relay is over; the record is closed. */
  onRelayEnded(): void;
}

export interface StreamRelayParts {
  readonly loop: Loop;
  readonly socket: PlainSocket;
  readonly tunnel: Tunnel;
  readonly stream: HboneStream;
  readonly record: RelayRecord;
  /** Which side opened the connection: the socket (outbound) or the stream (inbound). */
  readonly downstream: 'socket' | 'stream';
  /** What the socket's other end is called in `why`: `client` or `application`. */
  readonly socketName: string;
  readonly owner: RelayOwner | null;
}

/**
 * Copies between a plain socket and a stream of a tunnel that has got its 200, each direction on its own: the end of one
 * is passed on while the other goes on. Bytes go from the socket straight into the tunnel's output, and from the tunnel's
 * input straight to the socket; only what a slow socket does not take is copied, and its credit is held back.
 */
export class StreamRelay implements PlainSocketOwner, TunnelStreamUser, Task, Terminable {
  planned = false;
  #sentEnd = false;
  #streamGone = false;
  #ended = false;
  #deadline: Deadline | null = null;

  constructor(private readonly parts: StreamRelayParts) {
    parts.socket.owner = this;
    parts.stream.user = this;
  }

  /** Begins with what already waits on the socket. */
  start(): void {
    if (this.parts.socket.readable) this.run();
  }

  terminate(why: string, flag: FailureFlag): void {
    this.#abort(why, flag, why);
  }

  // ---- socket to stream

  onReadable(): void {
    const { socket, socketName } = this.parts;
    // Its end was passed on already, so nothing reads any more: without this a later reset would go unseen.
    if (this.#sentEnd && socket.gone && !socket.finished) {
      this.#abort(`reset by the ${socketName}`, 'none', `${socketName} socket: reset after its end`);
    } else if (!this.planned) this.run();
  }

  onWritable(): void {
    this.parts.loop.plan(this);
  }

  run(): void {
    const { socket, stream, tunnel } = this.parts;
    const { http } = tunnel;
    let budget = TURN_BYTES;
    while (budget > 0) {
      if (this.#ended || this.#sentEnd || this.#streamGone || !socket.readable) return;
      const room = http.reserve(stream);
      if (room.length === 0) {
        if (socket.broken) this.#hurry();
        return;
      }
      const want = Math.min(room.length, READ_BYTES);
      const got = socket.read(tunnel.out, room.offset, want);
      if (got <= 0) {
        this.#readStopped(got);
        return;
      }
      http.commit(stream, got);
      this.#count(got, true);
      budget -= got;
      if (http.out.length >= FLUSH_BYTES) tunnel.flushNow();
    }
    this.parts.loop.plan(this);
  }

  #readStopped(result: number): void {
    if (result === READ_NOTHING) return;
    if (result === 0) {
      this.#sentEnd = true;
      this.parts.tunnel.http.end(this.parts.stream);
      this.#endIfDone();
      return;
    }
    this.onBroken(-result);
  }

  /** The far side may take its time, even for ever, and would never learn of the reset. */
  #hurry(): void {
    const { loop, socketName } = this.parts;
    this.#deadline ??= loop.deadline(LAST_BYTES_MS, () =>
      this.#abort(`reset by the ${socketName}`, 'none', `${socketName} socket: reset with bytes not passed on`),
    );
  }

  // ---- stream to socket

  onData(bytes: Memory, start: number, length: number): void {
    const { socket, stream, tunnel } = this.parts;
    this.#count(length, false);
    const taken = socket.write(bytes, start, length);
    if (taken > 0) tunnel.http.consumed(stream, taken);
  }

  onWritten(bytes: number): void {
    if (!this.#streamGone) this.parts.tunnel.http.consumed(this.parts.stream, bytes);
  }

  onEnd(): void {
    const { socket } = this.parts;
    // The second end of two: closing says it, too.
    if (this.#sentEnd && socket.queuedBytes === 0) this.#complete();
    else socket.finish();
  }

  onFinished(): void {
    this.#endIfDone();
  }

  // ---- ends

  onReset(code: number): void {
    this.#streamGone = true;
    if (code !== Http2Code.NO_ERROR && code !== Http2Code.CANCEL) {
      this.#abort('reset by the peer', 'none', `stream reset: ${http2CodeName(code)}`);
      return;
    }
    const { socket } = this.parts;
    if (socket.queuedBytes > HELD_AFTER_RESET_BYTES) {
      // The stream no longer counts against the peer's limits, so what it left behind must not grow without bound.
      this.#abort('reset by the peer', 'none', `stream reset with ${socket.queuedBytes} bytes not delivered`);
      return;
    }
    // The peer lost interest after what it sent: that still arrives.
    this.#sentEnd = true;
    if (socket.finished) this.#endIfDone();
    else socket.finish();
  }

  onTunnelClosed(error: TunnelError): void {
    this.#streamGone = true;
    const closed = error.flag === 'CERT_REVOKED' ? 'connection closed' : 'tunnel closed';
    this.#abort(closed, error.flag ?? 'none', `${closed}: ${error.reason}`);
  }

  onBroken(errno: number): void {
    const { socketName } = this.parts;
    this.#abort(`reset by the ${socketName}`, 'none', `${socketName} socket: ${errnoName(errno)}`);
  }

  onResponse(): void {
    // The 200 came before the relay began; the connection lets no second one through.
  }

  onCrash(error: Error): void {
    this.#abort('internal error', 'none', `internal error: ${error.message}`);
  }

  #endIfDone(): void {
    if (this.#sentEnd && this.parts.socket.finished) this.#complete();
  }

  #complete(): void {
    if (this.#ended) return;
    this.#end();
    this.parts.socket.close(false);
    this.parts.record.close('completed');
    this.parts.owner?.onRelayEnded();
  }

  #end(): void {
    this.#ended = true;
    this.parts.loop.cancel(this.#deadline);
  }

  #abort(why: string, flag: FailureFlag, error: string): void {
    if (this.#ended) return;
    this.#end();
    this.parts.socket.close(true);
    if (!this.#streamGone) this.parts.tunnel.http.reset(this.parts.stream, Http2Code.CONNECT_ERROR);
    this.parts.record.close(why, flag, error);
    this.parts.owner?.onRelayEnded();
  }

  #count(bytes: number, fromSocket: boolean): void {
    if (fromSocket === (this.parts.downstream === 'socket')) this.parts.record.received(bytes);
    else this.parts.record.sent(bytes);
  }
}
