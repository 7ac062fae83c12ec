import type { HboneRequest, HboneStream } from '@weft/hbone';
import { formatSocketAddress, parseSocketAddress } from '@weft/ip';
import { parseSpiffeId, uriSansOfCertificate } from '@weft/spiffe/identity';
import { acceptedAddress } from './accepted-address.js';
import { InboundContexts } from './inbound-contexts.js';
import { InboundStream } from './inbound-stream.js';
import type { FailureFlag } from './messages.js';
import type { PodMember } from './pod.js';
import type { PodServices } from './pod-services.js';
import type { SecureContext } from './secure-socket.js';
import { sampledParent } from './trace-parent.js';
import type { Accepted } from './transport.js';
import { Tunnel, type TunnelError, type TunnelOwner } from './tunnel.js';

/** `host:port` with a name of letters, digits, dots and dashes. */
const HOST_AND_PORT = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}):(\d{1,5})$/;

/** A connection to a pod's 15008: mTLS, then HBONE streams. */
export class InboundTunnel implements TunnelOwner, PodMember {
  readonly #source: string;
  readonly #destination: string;
  #tunnel: Tunnel | null = null;
  #peerIdentity: string | null = null;
  /** Set with the peer's identity. */
  #contexts: InboundContexts | null = null;
  #refusal: string | null = null;
  #withdraw: () => void = () => undefined;
  #draining = false;
  #over = false;

  constructor(
    private readonly services: PodServices,
    private readonly accepted: Accepted,
    private readonly onEnded: (tunnel: InboundTunnel) => void,
  ) {
    this.#source = formatSocketAddress(accepted.peer);
    this.#destination = formatSocketAddress(acceptedAddress(accepted.fd));
    services.pod.join(this);
    this.#askIdentity();
  }

  #askIdentity(): void {
    const { identities, pod } = this.services;
    const asked = pod.sourceIdentity;
    const withdraw = identities.get(asked, (context) => {
      // The pod got another name meanwhile.
      if (context === null && pod.sourceIdentity !== asked && !this.#over) this.#askIdentity();
      else this.#start(context);
    });
    if (withdraw !== null) this.#withdraw = withdraw;
  }

  /**
   * GOAWAY: no new streams; closes with the last one. A handshake on its way is finished first, and requests that the peer
   * sent before it knew are served: to a client whose only endpoint this is, ending them would be a failed connection.
   */
  drain(): void {
    this.#draining = true;
    if (this.#tunnel?.open === true) this.#tunnel.http.shutdown();
  }

  endWithPod(why: string): void {
    if (this.#tunnel === null) this.#end(why, 'none');
    else this.#tunnel.abort(why);
  }

  #start(context: SecureContext | null): void {
    if (this.#over) return;
    const { services, accepted } = this;
    if (context === null) {
      this.#end(`no certificate for ${services.pod.sourceIdentity}`, 'TLS_FAILURE');
      return;
    }
    const { handshakeTimeoutMs, http2 } = services.limits;
    const shared = { readBuffer: services.readBuffer, handshakeTimeoutMs, http2, trust: services.trust };
    const socket = services.transport.secure(accepted.fd, context, 'server');
    this.#tunnel = new Tunnel(services.loop, socket, this, shared, 'server');
  }

  // ---- TunnelOwner

  verifyPeer(certificate: Buffer | null): string | null {
    const shown = certificate === null ? [] : uriSansOfCertificate(certificate);
    const own = parseSpiffeId(this.services.pod.sourceIdentity);
    const ids = shown.map(parseSpiffeId).flatMap((parsed) => (parsed.ok ? [parsed.value] : []));
    const sameDomain =
      own.ok && ids.some(({ trustDomain }) => this.services.trust.isSameMesh(own.value.trustDomain, trustDomain));
    if (sameDomain) {
      this.#peerIdentity = ids[0]!.text;
      this.#contexts = new InboundContexts({
        podUid: this.services.pod.uid,
        transport: 'hbone',
        source: this.#source,
        destination: this.#destination,
        peerIdentity: this.#peerIdentity,
      });
      return null;
    }
    const names = shown.length === 0 ? 'no SPIFFE ID' : shown.join(', ');
    this.#refusal = `the peer shows ${names}, not an identity of trust domain ${own.ok ? own.value.trustDomain : '?'}`;
    return this.#refusal;
  }

  onOpen(): void {
    if (this.#draining) this.#tunnel!.http.shutdown();
  }

  onRoom(): void {
    // Only a client opens streams.
  }

  onRequest(stream: HboneStream, request: HboneRequest): void {
    const tunnel = this.#tunnel!;
    const problem = badRequest(request);
    if (problem !== null) {
      tunnel.http.respond(stream, 400, [], true);
      this.#failed(problem, 'none');
      return;
    }
    const inbound = new InboundStream(this.services, {
      tunnel,
      stream,
      context: this.#contexts!.of(request),
      source: this.accepted.peer,
      trace: this.services.limits.traceRatio === null ? null : sampledParent(request),
    });
    inbound.start();
  }

  onClosed(error: TunnelError | null): void {
    if (error === null || error.stage === 'open') {
      this.#leave();
      return;
    }
    if (this.#refusal !== null) {
      this.#end(this.#refusal, 'IDENTITY_ERROR');
      return;
    }
    this.#end(error.reason, error.flag ?? (error.stage === 'tls' ? 'TLS_FAILURE' : 'H2_HANDSHAKE_FAILURE'));
  }

  #failed(reason: string, flag: FailureFlag): void {
    this.services.log.fail({
      podUid: this.services.pod.uid,
      direction: 'inbound',
      source: this.#source,
      destination: this.#destination,
      peerIdentity: this.#peerIdentity,
      reason,
      flag,
    });
  }

  /** It never carried a stream. */
  #end(reason: string, flag: FailureFlag): void {
    if (this.#over) return;
    this.#failed(reason, flag);
    if (this.#tunnel === null) this.services.loop.close(this.accepted.fd);
    this.#leave();
  }

  #leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.#withdraw();
    this.services.pod.leave(this);
    this.onEnded(this);
  }
}

/** The sentence of RFC 9113, 8.5 and of HBONE that the request breaks; null if none. */
function badRequest({ method, authority }: HboneRequest): string | null {
  if (method !== 'CONNECT') return `method ${JSON.stringify(method)} is not CONNECT`;
  if (parseSocketAddress(authority) !== null) return null;
  const port = HOST_AND_PORT.exec(authority)?.[1];
  if (port === undefined || Number(port) > 65_535) return `authority ${JSON.stringify(authority)} is not host:port`;
  return null;
}
