import { CLIENT_SETTINGS, HboneConnection, Http2Code, SERVER_SETTINGS, type HboneError } from '@weft/hbone';
import type { HboneHandler, HboneRequest, HboneResponse, HboneSettings, HboneStream } from '@weft/hbone';
import { Memory } from '@weft/linux';
import { toError } from '@weft/result';
import { TLS_CLOSED, TLS_DONE, TLS_WANT_READ, TLS_WANT_WRITE } from '@weft/tls';
import type { Http2Sizes } from './limits.js';
import { outputMemory } from './output-memory.js';
import type { FailureFlag } from './messages.js';
import type { PeerTrust, TrustingTunnel } from './peer-trust.js';
import type { Deadline, Flushable, Loop, Task } from './loop.js';
import type { SecureSocket, SecureSocketOwner } from './secure-socket.js';

/** Who uses one stream of a tunnel; kept in `HboneStream.user`. */
export interface TunnelStreamUser {
  onResponse(response: HboneResponse): void;
  onData(bytes: Memory, start: number, length: number): void;
  onEnd(): void;
  onReset(code: number): void;
  onWritable(): void;
  /** The tunnel ended under the stream. */
  onTunnelClosed(error: TunnelError): void;
  onCrash(error: Error): void;
}

/** At which step a tunnel failed. */
export type TunnelStage = 'connect' | 'tls' | 'http2' | 'open';

export interface TunnelError {
  readonly stage: TunnelStage;
  readonly reason: string;
  /** If it is another than the stage says. */
  readonly flag?: FailureFlag;
}

export interface TunnelOwner {
  /** TLS is done. A reason refuses the peer; null accepts it. */
  verifyPeer(certificate: Buffer | null): string | null;
  onOpen(): void;
  onRequest(stream: HboneStream, request: HboneRequest): void;
  /** A stream ended or output was flushed: there may be room for another stream. */
  onRoom(): void;
  /** Exactly once, after the streams were told. Null error: closed in order. */
  onClosed(error: TunnelError | null): void;
}

/** What all tunnels of a worker have in common. */
export interface TunnelShared {
  readonly readBuffer: Memory;
  readonly handshakeTimeoutMs: number;
  readonly http2: Http2Sizes;
  readonly trust: PeerTrust;
}

/** Room for one TLS record; `read` fills the shared buffer until less than this is left. */
const RECORD_BYTES = 16_384;
const READ_ROUNDS = 4;

/**
 * One mTLS connection that carries HBONE streams, of either role. What its streams write is sent once per loop turn, in one
 * TLS write.
 */
export class Tunnel implements SecureSocketOwner, Flushable, Task, HboneHandler, TrustingTunnel {
  dirty = false;
  planned = false;
  readonly http: HboneConnection;
  readonly #stopTicking: () => void;
  #stage: TunnelStage = 'tls';
  #deadline: Deadline | null;
  #blocked = false;
  #fatal: HboneError | null = null;
  #closed = false;
  /** Something but TLS came from the peer. Before that, a failed read is how a client learns that it was refused. */
  #heard = false;
  #idleSinceMs: number;

  /** Takes over a connected socket. */
  constructor(
    private readonly loop: Loop,
    private readonly socket: SecureSocket,
    private readonly owner: TunnelOwner,
    private readonly shared: TunnelShared,
    readonly role: 'client' | 'server',
  ) {
    this.http = new HboneConnection(settingsOf(role, shared.http2), this);
    this.#idleSinceMs = loop.nowMs;
    this.#deadline = loop.deadline(shared.handshakeTimeoutMs, () =>
      this.#fail('tls', `TLS handshake not finished after ${shared.handshakeTimeoutMs} ms`),
    );
    this.#stopTicking = loop.everySecond(() => this.#tick());
    socket.start(this);
  }

  get open(): boolean {
    return this.#stage === 'open' && !this.#closed;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Milliseconds without a stream; 0 while there is one. */
  get idleMs(): number {
    return this.http.activeStreams > 0 ? 0 : this.loop.nowMs - this.#idleSinceMs;
  }

  /** `http.out.bytes`, for reading plaintext straight into frames. */
  get out(): Memory {
    return outputMemory(this.http.out.bytes);
  }

  /** Much output waits: new streams had better wait for it, too. */
  get congested(): boolean {
    return this.http.out.length > CLIENT_SETTINGS.outputCapacityBytes / 2;
  }

  /** Writes now instead of at the end of the turn: called when much has gathered. */
  flushNow(): void {
    if (!this.#blocked) this.#write();
  }

  /** Says goodbye and closes in this turn. */
  closeGracefully(): void {
    this.http.goaway(0);
    if (this.open) this.#write();
    this.#end(null);
  }

  /** Closes at once; streams are told `reason`. */
  abort(reason: string): void {
    this.#end({ stage: this.#stage, reason });
  }

  recheckPeer(): void {
    const reason = this.shared.trust.refusal(this.socket);
    if (reason !== null) this.#end({ stage: this.#stage, reason, flag: 'CERT_REVOKED' });
  }

  // ---- loop

  onReady(room: boolean): void {
    if (this.#stage === 'tls') {
      this.#handshake();
      if (!this.open) return;
    }
    if (room && this.#blocked) this.flush();
    if (!this.#closed) this.#read();
  }

  /** The rest of a long read. */
  run(): void {
    if (this.open) this.#read();
  }

  flush(): void {
    if (!this.open) return;
    this.#write();
    this.#closeIfOver();
  }

  onCrash(error: Error): void {
    this.#fail(this.#stage, `internal error: ${error.message}`);
  }

  // ---- HTTP/2

  onOutput(): void {
    this.loop.markDirty(this);
  }

  onRequest(stream: HboneStream, request: HboneRequest): void {
    this.#guard(stream, () => this.owner.onRequest(stream, request));
  }

  onResponse(stream: HboneStream, response: HboneResponse): void {
    this.#guard(stream, () => userOf(stream)?.onResponse(response));
  }

  onData(stream: HboneStream, bytes: Buffer, start: number, end: number): void {
    const memory = bytes === this.shared.readBuffer.bytes ? this.shared.readBuffer : Memory.of(bytes);
    try {
      userOf(stream)?.onData(memory, start, end - start);
    } catch (thrown) {
      this.#streamCrashed(stream, thrown);
    }
  }

  onEnd(stream: HboneStream): void {
    this.#guard(stream, () => userOf(stream)?.onEnd());
  }

  onReset(stream: HboneStream, code: number): void {
    this.#guard(stream, () => userOf(stream)?.onReset(code));
    this.loop.markDirty(this);
  }

  onWritable(stream: HboneStream): void {
    this.#guard(stream, () => userOf(stream)?.onWritable());
  }

  onGoaway(): void {
    this.loop.markDirty(this);
  }

  onFatal(error: HboneError): void {
    this.#fatal = error;
    this.loop.markDirty(this);
  }

  // ---- inside

  #guard(stream: HboneStream, act: () => void): void {
    try {
      act();
    } catch (thrown) {
      this.#streamCrashed(stream, thrown);
    }
  }

  #streamCrashed(stream: HboneStream, thrown: unknown): void {
    const error = toError(thrown);
    this.loop.report(error);
    const user = userOf(stream);
    if (user === undefined) this.http.reset(stream, Http2Code.INTERNAL_ERROR);
    else user.onCrash(error);
  }

  #handshake(): void {
    const result = this.socket.handshake();
    if (result === TLS_WANT_READ) {
      this.socket.expectRoom(false);
      return;
    }
    if (result === TLS_WANT_WRITE) {
      this.socket.expectRoom(true);
      return;
    }
    if (result !== TLS_DONE) {
      this.#fail('tls', this.socket.failure ?? 'closed');
      return;
    }
    this.loop.cancel(this.#deadline);
    this.#deadline = null;
    const refusal = this.owner.verifyPeer(this.socket.peerCertificate());
    if (refusal !== null) {
      this.#fail('tls', refusal);
      return;
    }
    this.recheckPeer();
    if (this.#closed) return;
    this.shared.trust.join(this);
    this.#stage = 'open';
    this.socket.expectRoom(false);
    this.loop.markDirty(this);
    this.owner.onOpen();
  }

  #read(): void {
    const { readBuffer } = this.shared;
    for (let round = 0; round < READ_ROUNDS && !this.#closed; round++) {
      let filled = 0;
      let result: number = TLS_WANT_READ;
      let drained = false;
      while (filled + RECORD_BYTES <= readBuffer.length) {
        result = this.socket.read(readBuffer, filled, readBuffer.length - filled);
        if (result <= 0) break;
        filled += result;
        drained = result < RECORD_BYTES && !this.socket.hasPending();
        if (drained) break;
      }
      if (filled > 0) {
        this.#heard = true;
        this.http.receive(readBuffer.bytes, 0, filled);
      }
      if (this.closed) return;
      if (result <= 0) {
        this.#readStopped(result);
        return;
      }
      if (drained) break;
      if (round === READ_ROUNDS - 1) this.loop.plan(this);
    }
    this.#closeIfOver();
  }

  #readStopped(result: number): void {
    if (result === TLS_WANT_READ) {
      this.#closeIfOver();
      return;
    }
    if (result === TLS_WANT_WRITE) {
      this.socket.expectRoom(true);
      return;
    }
    if (result === TLS_CLOSED) {
      // In order if nothing was going on; else the streams were cut.
      if (this.http.activeStreams === 0) this.#end(null);
      else this.#fail('open', 'the peer closed the tunnel');
      return;
    }
    this.#fail(this.#heard ? 'open' : 'tls', this.socket.failure ?? 'read failed');
  }

  #write(): void {
    const { http } = this;
    for (let round = 0; round < READ_ROUNDS && http.out.length > 0; round++) {
      const result = this.socket.write(this.out, 0, http.out.length);
      if (result === TLS_WANT_WRITE || result === TLS_WANT_READ) {
        this.#blocked = true;
        this.socket.expectRoom(true);
        return;
      }
      if (result <= 0) {
        this.#fail('open', this.socket.failure ?? 'write failed');
        return;
      }
      if (this.#blocked) {
        this.#blocked = false;
        this.socket.expectRoom(false);
      }
      http.flushed(result);
      if (this.#closed) return;
    }
    if (http.out.length > 0) this.loop.markDirty(this);
    this.owner.onRoom();
  }

  #closeIfOver(): void {
    if (this.#closed) return;
    if (this.#fatal !== null) {
      this.#fail('http2', this.#fatal.message);
      return;
    }
    if (this.http.activeStreams > 0) this.#idleSinceMs = this.loop.nowMs;
    else if (this.http.mayClose && this.http.out.length === 0) this.#end(null);
  }

  #tick(): void {
    if (!this.open) return;
    if (this.http.activeStreams > 0) this.#idleSinceMs = this.loop.nowMs;
    this.http.tick(this.loop.nowMs);
  }

  #fail(stage: TunnelStage, reason: string): void {
    this.#end({ stage, reason });
  }

  #end(error: TunnelError | null): void {
    if (this.#closed) return;
    this.#closed = true;
    this.shared.trust.leave(this);
    this.#stopTicking();
    this.loop.cancel(this.#deadline);
    this.socket.close(this.#stage === 'open');
    const told = error ?? { stage: 'open' as const, reason: 'the tunnel was closed' };
    for (const stream of [...this.http.streams()]) userOf(stream)?.onTunnelClosed(told);
    this.owner.onClosed(error);
  }
}

function settingsOf(role: 'client' | 'server', sizes: Http2Sizes): HboneSettings {
  const common = {
    initialWindowBytes: sizes.streamWindowBytes,
    connectionWindowBytes: sizes.connectionWindowBytes,
    maxFrameBytes: sizes.frameBytes,
  };
  if (role === 'server') return { ...SERVER_SETTINGS, ...common };
  return { ...CLIENT_SETTINGS, ...common, maxConcurrentStreams: sizes.streamsPerTunnel };
}

function userOf(stream: HboneStream): TunnelStreamUser | undefined {
  return stream.user as TunnelStreamUser | undefined;
}
