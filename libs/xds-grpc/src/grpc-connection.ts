import type { TLSSocket } from 'node:tls';
import { HboneConnection, Http2Code, type HboneSettings } from '@weft/hbone';
import { GrpcPeer } from './grpc-peer.js';
import { UnaryExchange, type UnaryMethods } from './unary-exchange.js';

const KIB = 1024;
/** A server of small messages: what a client may send ahead fits many times. */
const SETTINGS: HboneSettings = {
  role: 'server',
  initialWindowBytes: 128 * KIB,
  connectionWindowBytes: 1024 * KIB,
  maxFrameBytes: 16 * KIB,
  maxHeaderListBytes: 32 * KIB,
  maxConcurrentStreams: 256,
  outputCapacityBytes: 64 * KIB,
};
/** A connection without a request for so long is ended. */
const IDLE_MS = 30 * 60_000;

export interface GrpcConnectionOwner {
  /** `flush` is wanted soon. */
  outputWaits(connection: GrpcConnection): void;
  closed(connection: GrpcConnection): void;
}

/** One client: HTTP/2 over a TLS socket that it owns. */
export class GrpcConnection {
  readonly #connection: HboneConnection;
  readonly #peer: GrpcPeer;
  /** The socket has taken more than it can send. */
  #blocked = false;
  #over = false;
  #lastRequestMs = Date.now();

  constructor(
    private readonly socket: TLSSocket,
    methods: UnaryMethods,
    private readonly owner: GrpcConnectionOwner,
  ) {
    this.#peer = new GrpcPeer(socket);
    this.#connection = new HboneConnection(SETTINGS, {
      onRequest: (stream, request) => {
        const nowMs = (this.#lastRequestMs = Date.now());
        const exchange = new UnaryExchange(this.#connection, stream, methods, nowMs);
        stream.user = exchange;
        exchange.begin(request, nowMs);
      },
      onData: (stream, bytes, start, end) => (stream.user as UnaryExchange).data(bytes, start, end),
      onEnd: (stream) => (stream.user as UnaryExchange).end(this.#peer),
      onWritable: (stream) => (stream.user as UnaryExchange).writable(),
      onReset: () => undefined,
      onGoaway: () => this.owner.outputWaits(this),
      onOutput: () => this.owner.outputWaits(this),
      onFatal: () => {
        this.#over = true;
        this.owner.outputWaits(this);
      },
    });
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy()); // a connection that breaks is the client's to notice
    socket.on('data', (chunk: Buffer) => this.#connection.receive(chunk, 0, chunk.length));
    socket.on('drain', () => {
      this.#blocked = false;
      this.flush();
    });
    socket.once('close', () => owner.closed(this));
    owner.outputWaits(this);
  }

  /** Writes what waits, and ends the connection when nothing is left to do. */
  flush(): void {
    const { out } = this.#connection;
    while (out.length > 0 && !this.#blocked && this.socket.writable) {
      const n = out.length;
      this.#blocked = !this.socket.write(Buffer.from(out.bytes.subarray(0, n)));
      this.#connection.flushed(n);
    }
    if (this.#over && this.#blocked) this.socket.destroy();
    else if (this.#over || (this.#connection.mayClose && this.#connection.activeStreams === 0))
      this.socket.destroySoon();
  }

  tick(nowMs: number): void {
    this.#connection.tick(nowMs);
    for (const { user } of this.#connection.streams()) (user as UnaryExchange).tick(nowMs);
    if (this.#connection.activeStreams === 0 && nowMs - this.#lastRequestMs >= IDLE_MS) this.#connection.shutdown();
  }

  /** Open requests are answered, new ones refused; the connection ends after the last. */
  shutdown(): void {
    this.#connection.shutdown();
    this.flush();
  }

  destroy(): void {
    this.#connection.goaway(Http2Code.NO_ERROR);
    this.flush();
    this.socket.destroy();
  }
}
