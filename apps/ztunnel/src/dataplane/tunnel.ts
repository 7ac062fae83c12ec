import { CLIENT_SETTINGS, HboneConnection, Http2Code, SERVER_SETTINGS, type HboneError } from '@weft/hbone';
import type { HboneHandler, HboneRequest, HboneResponse, HboneSettings, HboneStream } from '@weft/hbone';
import { EPOLLIN, EPOLLOUT, Memory } from '@weft/linux';
import { toError } from '@weft/result';
import { TLS_CLOSED, TLS_DONE, TLS_WANT_READ, TLS_WANT_WRITE, TlsConnection, type TlsContext } from '@weft/tls';
import type { Deadline, EventLoop, EventSource, Flushable, Task } from './event-loop.js';
import type { Http2Sizes } from './limits.js';

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
}

/** Room for one TLS record; `read` fills the shared buffer until less than this is left. */
const RECORD_BYTES = 16_384;
const READ_ROUNDS = 4;

/**
 * One mTLS connection that carries HBONE streams, of either role. Its socket is level-triggered; what its streams write is
 * sent once per loop turn, in one TLS write.
 */
export class Tunnel implements EventSource, Flushable, Task, HboneHandler {
  dirty = false;
  planned = false;
  readonly http: HboneConnection;
  /** `http.out.bytes`, for reading plaintext straight into frames. */
  readonly out: Memory;
  readonly #tls: TlsConnection;
  readonly #stopTicking: () => void;
  #stage: TunnelStage = 'tls';
  #deadline: Deadline | null;
  #blocked = false;
  #mask = EPOLLIN | EPOLLOUT;
  #fatal: HboneError | null = null;
  #closed = false;
  /** Something but TLS came from the peer. Before that, a failed read is how a client learns that it was refused. */
  #heard = false;
  #idleSinceMs: number;

  /** Takes over a connected socket. */
  constructor(
    private readonly loop: EventLoop,
    private readonly fd: number,
    private readonly owner: TunnelOwner,
    private readonly shared: TunnelShared,
    context: TlsContext,
    readonly role: 'client' | 'server',
  ) {
    this.#tls = new TlsConnection(context, fd, role);
    this.http = new HboneConnection(settingsOf(role, shared.http2), this);
    this.out = Memory.of(this.http.out.bytes);
    this.#idleSinceMs = loop.nowMs;
    this.#deadline = loop.deadline(shared.handshakeTimeoutMs, () =>
      this.#fail('tls', `TLS handshake not finished after ${shared.handshakeTimeoutMs} ms`),
    );
    this.#stopTicking = loop.everySecond(() => this.#tick());
    loop.watch(fd, this.#mask, this);
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

  // ---- loop

  onEvents(mask: number): void {
    if (this.#stage === 'tls') {
      this.#handshake();
      if (!this.open) return;
    }
    if ((mask & EPOLLOUT) !== 0 && this.#blocked) this.flush();
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
    const result = this.#tls.handshake();
    if (result === TLS_WANT_READ) {
      this.#watch(EPOLLIN);
      return;
    }
    if (result === TLS_WANT_WRITE) {
      this.#watch(EPOLLIN | EPOLLOUT);
      return;
    }
    if (result !== TLS_DONE) {
      this.#fail('tls', this.#tls.failure?.message ?? 'closed');
      return;
    }
    this.loop.cancel(this.#deadline);
    this.#deadline = null;
    const refusal = this.owner.verifyPeer(this.#tls.peerCertificate());
    if (refusal !== null) {
      this.#fail('tls', refusal);
      return;
    }
    this.#stage = 'open';
    this.#watch(EPOLLIN);
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
        result = this.#tls.read(readBuffer, filled, readBuffer.length - filled);
        if (result <= 0) break;
        filled += result;
        drained = result < RECORD_BYTES && !this.#tls.hasPending();
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
      this.#watch(EPOLLIN | EPOLLOUT);
      return;
    }
    if (result === TLS_CLOSED) {
      // In order if nothing was going on; else the streams were cut.
      if (this.http.activeStreams === 0) this.#end(null);
      else this.#fail('open', 'the peer closed the tunnel');
      return;
    }
    this.#fail(this.#heard ? 'open' : 'tls', this.#tls.failure?.message ?? 'read failed');
  }

  #write(): void {
    const { http } = this;
    for (let round = 0; round < READ_ROUNDS && http.out.length > 0; round++) {
      const result = this.#tls.write(this.out, 0, http.out.length);
      if (result === TLS_WANT_WRITE || result === TLS_WANT_READ) {
        this.#blocked = true;
        this.#watch(EPOLLIN | EPOLLOUT);
        return;
      }
      if (result <= 0) {
        this.#fail('open', this.#tls.failure?.message ?? 'write failed');
        return;
      }
      if (this.#blocked) {
        this.#blocked = false;
        this.#watch(EPOLLIN);
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
    else if (this.http.closing && this.http.out.length === 0) this.#end(null);
  }

  #tick(): void {
    if (!this.open) return;
    if (this.http.activeStreams > 0) this.#idleSinceMs = this.loop.nowMs;
    this.http.tick(this.loop.nowMs);
  }

  #watch(mask: number): void {
    if (this.#mask === mask || this.#closed) return;
    this.#mask = mask;
    this.loop.change(this.fd, mask);
  }

  #fail(stage: TunnelStage, reason: string): void {
    this.#end({ stage, reason });
  }

  #end(error: TunnelError | null): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopTicking();
    this.loop.cancel(this.#deadline);
    if (this.#stage === 'open') this.#tls.shutdown();
    this.#tls.free();
    this.loop.close(this.fd);
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
