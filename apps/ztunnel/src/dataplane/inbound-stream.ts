import { Http2Code, http2CodeName, type HboneStream } from '@weft/hbone';
import type { SocketAddress } from '@weft/ip';
import { InboundDial, type AllowVerdict, type InboundDialHandler, type InboundRefusal } from './inbound-dial.js';
import type { FailureFlag, InboundContext } from './messages.js';
import type { PlainSocketOwner } from './plain-socket.js';
import type { PodServices } from './pod-services.js';
import { writeProxyHeader } from './write-proxy-header.js';
import { StreamRelay } from './stream-relay.js';

import type { Tunnel, TunnelError, TunnelStreamUser } from './tunnel.js';

export interface InboundStreamParts {
  readonly tunnel: Tunnel;
  readonly stream: HboneStream;
  readonly context: InboundContext;
  readonly source: SocketAddress;
  /** `traceparent` of the request, if it is to be told of. */
  readonly trace: string | null;
}

/** One CONNECT on a pod's 15008, until the application is connected and the 200 is sent. */
export class InboundStream implements TunnelStreamUser, PlainSocketOwner, InboundDialHandler {
  readonly #dial: InboundDial;
  readonly #startedMs: number;
  #over = false;

  constructor(
    private readonly services: PodServices,
    private readonly parts: InboundStreamParts,
  ) {
    this.#startedMs = services.loop.nowMs;
    parts.stream.user = this;
    this.#dial = new InboundDial(services, parts.context, parts.source, this);
  }

  start(): void {
    this.#dial.start();
  }

  onRefused({ status, reason, flag }: InboundRefusal): void {
    if (this.#over) return;
    this.parts.tunnel.http.respond(this.parts.stream, status, [], true);
    this.#failed(reason, flag);
  }

  onConnected(fd: number, verdict: AllowVerdict): void {
    const { services } = this;
    const { tunnel, stream, context, trace } = this.parts;
    const socket = services.transport.plain(fd, this);
    const slot = services.log.open(
      {
        podUid: context.podUid,
        direction: 'inbound',
        transport: 'hbone',
        source: context.source,
        destination: context.destination,
        actualDestination: verdict.dial,
        inbound: context,
        ...(verdict.revision === undefined ? {} : { verdictRevision: verdict.revision }),
        peerIdentity: context.peerIdentity,
        ...(trace === null ? {} : { trace }),
      },
      this.#startedMs,
    );
    if (slot === null) {
      socket.close(true);
      this.onRefused({ status: 503, reason: 'too many connections in this worker', flag: 'none' });
      return;
    }
    this.#over = true;
    tunnel.http.respond(stream, 200, verdict.baggage === undefined ? [] : [['baggage', verdict.baggage]]);
    if (verdict.proxyHeader !== undefined) writeProxyHeader(socket, this.parts.source, verdict.proxyHeader);
    const relay = new StreamRelay(services.relaying.inbound, { socket, tunnel, stream, slot, onEnded: null });
    services.log.attach(slot, relay);
    if (stream.remoteEnded) relay.onEnd();
    relay.start();
  }

  // ---- the stream, before the 200

  onReset(code: number): void {
    this.#cancelled(`stream reset by the peer: ${http2CodeName(code)}`);
  }

  onTunnelClosed(error: TunnelError): void {
    this.#cancelled(`tunnel closed: ${error.reason}`, error.flag);
  }

  onEnd(): void {
    // Seen again when the application is connected.
  }

  onData(): void {
    // The connection takes no bytes before the 200.
  }

  onWritable(): void {
    // Nothing was reserved yet.
  }

  onResponse(): void {
    // A server gets none.
  }

  onCrash(error: Error): void {
    if (this.#over) return;
    this.parts.tunnel.http.reset(this.parts.stream, Http2Code.INTERNAL_ERROR);
    this.#cancelled(`internal error: ${error.message}`);
  }

  onReadable(): void {
    // The relay looks itself.
  }

  onWritten(): void {
    // Nothing is written yet.
  }

  onFinished(): void {
    // Nothing is finished yet.
  }

  onBroken(): void {
    // The relay finds out when it reads.
  }

  #cancelled(reason: string, flag: FailureFlag = 'none'): void {
    if (this.#over) return;
    this.#dial.cancel();
    this.#failed(reason, flag);
  }

  #failed(reason: string, flag: FailureFlag): void {
    this.#over = true;
    const { podUid, source, destination, peerIdentity } = this.parts.context;
    const inbound = this.parts.context;
    const trace = this.parts.trace === null ? {} : { trace: this.parts.trace };
    const common = { podUid, direction: 'inbound', source, destination, peerIdentity, inbound } as const;
    this.services.log.fail({ ...common, reason, flag, ...trace });
  }
}
