import { Http2Code, http2CodeName, type HboneStream } from '@weft/hbone';
import { errnoName, type Memory } from '@weft/linux';
import type { RelayLog, Terminable } from './connection-log.js';
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

/** What the relays of one direction have in common; of them there are many. */
export interface RelaySetting {
  readonly loop: Loop;
  readonly log: RelayLog;
  /** Which side opened the connection: the socket (outbound) or the stream (inbound). */
  readonly downstream: 'socket' | 'stream';
  /** What the socket's other end is called in `why`: `client` or `application`. */
  readonly socketName: string;
}

export interface StreamRelayParts {
  readonly socket: PlainSocket;
  readonly tunnel: Tunnel;
  readonly stream: HboneStream;
  /** Of the connection in the log. */
  readonly slot: number;
  /** Told when it is over and the log, too, was told. */
  readonly onEnded: (() => void) | null;
}

/**
 * Copies between a plain socket and a stream of a tunnel that has got its 200, each direction on its own: the end of one
 * is passed on while the other goes on. Bytes go from the socket straight into the tunnel's output, and from the tunnel's
 * input straight to the socket; only what a slow socket does not take is copied, and its credit is held back.
 */
export class StreamRelay implements PlainSocketOwner, TunnelStreamUser, Task, Terminable {
  planned = false;
  readonly #socket: PlainSocket;
  readonly #tunnel: Tunnel;
  readonly #stream: HboneStream;
  readonly #slot: number;
  readonly #onEnded: (() => void) | null;
  #sentEnd = false;
  #streamGone = false;
  #ended = false;
  #deadline: Deadline | null = null;

  constructor(
    private readonly setting: RelaySetting,
    { socket, tunnel, stream, slot, onEnded }: StreamRelayParts,
  ) {
    this.#socket = socket;
    this.#tunnel = tunnel;
    this.#stream = stream;
    this.#slot = slot;
    this.#onEnded = onEnded;
    socket.owner = this;
    stream.user = this;
  }

  /** Begins with what already waits on the socket. */
  start(): void {
    if (this.#socket.readable) this.run();
  }

  terminate(why: string, flag: FailureFlag): void {
    this.#abort(why, flag, why);
  }

  // ---- socket to stream

  onReadable(): void {
    const socket = this.#socket;
    const { socketName } = this.setting;
    // Its end was passed on already, so nothing reads any more: without this a later reset would go unseen.
    if (this.#sentEnd && socket.gone && !socket.finished) {
      this.#abort(`reset by the ${socketName}`, 'none', `${socketName} socket: reset after its end`);
    } else if (!this.planned) this.run();
  }

  onWritable(): void {
    this.setting.loop.plan(this);
  }

  run(): void {
    const socket = this.#socket;
    const stream = this.#stream;
    const tunnel = this.#tunnel;
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
    this.setting.loop.plan(this);
  }

  #readStopped(result: number): void {
    if (result === READ_NOTHING) return;
    if (result === 0) {
      this.#sentEnd = true;
      this.#tunnel.http.end(this.#stream);
      this.#endIfDone();
      return;
    }
    this.onBroken(-result);
  }

  /** The far side may take its time, even for ever, and would never learn of the reset. */
  #hurry(): void {
    const { loop, socketName } = this.setting;
    this.#deadline ??= loop.deadline(LAST_BYTES_MS, () =>
      this.#abort(`reset by the ${socketName}`, 'none', `${socketName} socket: reset with bytes not passed on`),
    );
  }

  // ---- stream to socket

  onData(bytes: Memory, start: number, length: number): void {
    this.#count(length, false);
    const taken = this.#socket.write(bytes, start, length);
    if (taken > 0) this.#tunnel.http.consumed(this.#stream, taken);
  }

  onWritten(bytes: number): void {
    if (!this.#streamGone) this.#tunnel.http.consumed(this.#stream, bytes);
  }

  onEnd(): void {
    const socket = this.#socket;
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
    const socket = this.#socket;
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
    const { socketName } = this.setting;
    this.#abort(`reset by the ${socketName}`, 'none', `${socketName} socket: ${errnoName(errno)}`);
  }

  onResponse(): void {
    // The 200 came before the relay began; the connection lets no second one through.
  }

  onCrash(error: Error): void {
    this.#abort('internal error', 'none', `internal error: ${error.message}`);
  }

  #endIfDone(): void {
    if (this.#sentEnd && this.#socket.finished) this.#complete();
  }

  #complete(): void {
    if (this.#ended) return;
    this.#end();
    this.#socket.close(false);
    this.setting.log.close(this.#slot, 'completed');
    this.#onEnded?.();
  }

  #end(): void {
    this.#ended = true;
    this.setting.loop.cancel(this.#deadline);
  }

  #abort(why: string, flag: FailureFlag, error: string): void {
    if (this.#ended) return;
    this.#end();
    this.#socket.close(true);
    if (!this.#streamGone) this.#tunnel.http.reset(this.#stream, Http2Code.CONNECT_ERROR);
    this.setting.log.close(this.#slot, why, flag, error);
    this.#onEnded?.();
  }

  #count(bytes: number, fromSocket: boolean): void {
    const { downstream, log } = this.setting;
    if (fromSocket === (downstream === 'socket')) log.received(this.#slot, bytes);
    else log.sent(this.#slot, bytes);
  }
}
