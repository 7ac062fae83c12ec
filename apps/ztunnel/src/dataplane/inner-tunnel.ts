import { Http2Code, http2CodeName, type HboneResponse, type HboneStream } from '@weft/hbone';
import { streamPair } from '@weft/linux';
import { toError } from '@weft/result';
import { matchIdentity } from './match-identity.js';
import type { TunnelFailure } from './client-tunnel.js';
import type { Deadline } from './loop.js';
import type { PlainSocketOwner } from './plain-socket.js';
import type { PodServices } from './pod-services.js';
import type { SecureContext } from './secure-socket.js';
import type { RelayLog } from './connection-log.js';
import { StreamRelay } from './stream-relay.js';
import { Tunnel, type TunnelError, type TunnelOwner, type TunnelStreamUser } from './tunnel.js';

/** The CONNECT of an inner tunnel, answered 200. */
export interface InnerStream {
  readonly tunnel: Tunnel;
  readonly stream: HboneStream;
  readonly peerIdentity: string;
  /** What the far end says of itself. */
  readonly peerBaggage: string | null;
}

export interface InnerTunnelParts {
  /** The stream to the gateway, answered 200. It belongs to the inner tunnel from now on. */
  readonly outer: { readonly tunnel: Tunnel; readonly stream: HboneStream };
  readonly context: SecureContext;
  readonly expectedIdentities: readonly string[];
  readonly authority: string;
  readonly headers: readonly (readonly [string, string])[];
  /**
   * Exactly one of the two is called, unless it is aborted before. `retry`: another target may do
   * better; a refusal by the far end is an answer and is not asked for twice.
   */
  readonly onStream: (inner: InnerStream) => void;
  readonly onFailed: (failure: TunnelFailure, retry: boolean) => void;
}

/** After the last inner byte, how long the gateway may take to close its stream. */
const FAREWELL_MS = 5000;

/** The outer stream is no connection of its own in logs and metrics. */
const UNCOUNTED: RelayLog = { received: () => undefined, sent: () => undefined, close: () => undefined };
/** The relay becomes the owner before anything can happen. */
const NOBODY: PlainSocketOwner = {
  onReadable: () => undefined,
  onWritten: () => undefined,
  onFinished: () => undefined,
  onBroken: () => undefined,
  onCrash: () => undefined,
};

/**
 * A tunnel in a stream of another one: TLS and HTTP/2 to whoever is behind the gateway of another network, for one
 * connection only, since each stream through a gateway may end at another workload. A pair of sockets joins the two, so that
 * both are ordinary tunnels with the kernel's back-pressure between them; the price is one more copy of each byte.
 */
export class InnerTunnel implements TunnelOwner, TunnelStreamUser {
  readonly #relay: StreamRelay;
  readonly #tunnel: Tunnel;
  #stream: HboneStream | null = null;
  #peerIdentity = '';
  #failure: TunnelFailure | null = null;
  #answered = false;
  #outerEnded = false;
  #farewell: Deadline | null = null;

  /** Null when there are no descriptors left; then `onFailed` was called. */
  static open(services: PodServices, parts: InnerTunnelParts): InnerTunnel | null {
    try {
      return new InnerTunnel(services, parts, streamPair());
    } catch (cause) {
      const { tunnel, stream } = parts.outer;
      tunnel.http.reset(stream, Http2Code.CANCEL);
      parts.onFailed({ reason: `inner tunnel: ${toError(cause).message}`, flag: 'CONNECT' }, false);
      return null;
    }
  }

  private constructor(
    private readonly services: PodServices,
    private readonly parts: InnerTunnelParts,
    [outerEnd, innerEnd]: readonly [number, number],
  ) {
    const { loop, transport, limits, readBuffer, trust } = services;
    this.#relay = new StreamRelay(
      { loop, log: UNCOUNTED, downstream: 'socket', socketName: 'inner tunnel' },
      { socket: transport.plain(outerEnd, NOBODY), ...parts.outer, slot: 0, onEnded: () => this.#outerOver() },
    );
    this.#tunnel = new Tunnel(
      loop,
      transport.secure(innerEnd, parts.context, 'client'),
      this,
      { readBuffer, handshakeTimeoutMs: limits.handshakeTimeoutMs, http2: limits.http2, trust },
      'client',
    );
    this.#relay.start();
  }

  /** Nobody is interested any more. Before the 200. */
  abort(): void {
    this.#answered = true;
    this.#tunnel.abort('the connection ended');
  }

  /** The connection is over: what it wrote still arrives. */
  finish(): void {
    this.#tunnel.http.shutdown();
    this.services.loop.markDirty(this.#tunnel);
  }

  // ---- TunnelOwner

  verifyPeer(certificate: Buffer | null): string | null {
    const match = matchIdentity(certificate, this.parts.expectedIdentities, this.services.trust);
    if ('refusal' in match) {
      this.#failure = { reason: `inner tunnel: ${match.refusal}`, flag: 'IDENTITY_ERROR' };
      return match.refusal;
    }
    this.#peerIdentity = match.identity;
    return null;
  }

  onOpen(): void {
    const { authority, headers } = this.parts;
    this.#stream = this.#tunnel.http.connect(authority, headers);
    if (this.#stream === null) this.#fail({ reason: 'inner tunnel: it takes no stream', flag: 'CONNECT' });
    else this.#stream.user = this;
  }

  onRequest(): void {
    // A client gets none: the connection refuses requests from a server.
  }

  onRoom(): void {
    // One stream is all that it carries.
  }

  onClosed(error: TunnelError | null): void {
    if (!this.#outerEnded) {
      this.#farewell = this.services.loop.deadline(FAREWELL_MS, () => this.#relay.terminate('completed', 'none'));
    }
    this.#fail(this.#failure ?? explain(error));
  }

  // ---- TunnelStreamUser, before the 200

  onResponse({ status, headers }: HboneResponse): void {
    if (status !== 200) {
      const flag = status === 401 ? 'DENY' : 'CONNECT';
      this.#fail({ reason: `inner tunnel: http status: ${status}`, flag }, status === 503);
      return;
    }
    if (this.#answered) return;
    this.#answered = true;
    const peerBaggage = headers.find(([name]) => name === 'baggage')?.[1] ?? null;
    this.parts.onStream({ tunnel: this.#tunnel, stream: this.#stream!, peerIdentity: this.#peerIdentity, peerBaggage });
  }

  onReset(code: number): void {
    this.#fail({ reason: `inner tunnel: stream reset: ${http2CodeName(code)}`, flag: 'CONNECT' });
  }

  onTunnelClosed(): void {
    // Told by onClosed, with the reason.
  }

  onData(): void {
    // The connection gives no bytes before the response.
  }

  onEnd(): void {
    // Said with the response at the earliest, which comes first.
  }

  onWritable(): void {
    // Nothing was reserved yet.
  }

  onCrash(error: Error): void {
    this.#fail({ reason: `internal error: ${toError(error).message}`, flag: 'none' });
  }

  // ---- inside

  #outerOver(): void {
    this.#outerEnded = true;
    this.services.loop.cancel(this.#farewell);
  }

  #fail(failure: TunnelFailure, retry = true): void {
    if (this.#answered) return;
    this.#answered = true;
    if (this.#stream !== null) this.#tunnel.http.reset(this.#stream, Http2Code.CANCEL);
    if (!this.#tunnel.closed) this.#tunnel.closeGracefully();
    this.parts.onFailed(failure, retry);
  }
}

function explain(error: TunnelError | null): TunnelFailure {
  if (error?.stage === 'tls') return { reason: `inner TLS: ${error.reason}`, flag: 'TLS_FAILURE' };
  if (error?.stage === 'http2') return { reason: `inner HTTP/2: ${error.reason}`, flag: 'H2_HANDSHAKE_FAILURE' };
  return { reason: `inner tunnel: ${error?.reason ?? 'closed before it was open'}`, flag: 'CONNECT' };
}
