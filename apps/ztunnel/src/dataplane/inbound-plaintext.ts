import { formatSocketAddress } from '@weft/ip';
import { originalDestination } from './accepted-address.js';
import { InboundDial, type AllowVerdict, type InboundDialHandler, type InboundRefusal } from './inbound-dial.js';
import { isOwnPort } from './limits.js';
import type { FailureFlag, InboundContext } from './messages.js';
import { PlainRelay } from './plain-relay.js';
import type { PlainSocket, PlainSocketOwner } from './plain-socket.js';
import type { PodMember } from './pod.js';
import type { PodServices } from './pod-services.js';
import type { Accepted } from './transport.js';

/** A connection in plaintext to the pod, captured on 15006: judged by its source address, then passed on unchanged. */
export class InboundPlaintext implements PodMember, PlainSocketOwner, InboundDialHandler {
  readonly #client: PlainSocket;
  readonly #context: InboundContext;
  readonly #dial: InboundDial;
  #over = false;

  constructor(
    private readonly services: PodServices,
    private readonly accepted: Accepted,
  ) {
    const original = originalDestination(accepted.fd);
    this.#client = services.transport.plain(accepted.fd, this);
    this.#context = {
      podUid: services.pod.uid,
      transport: 'plaintext',
      source: formatSocketAddress(accepted.peer),
      destination: formatSocketAddress(original),
      peerIdentity: null,
    };
    this.#dial = new InboundDial(services, this.#context, accepted.peer, this);
    services.pod.join(this);
    if (isOwnPort(original.port, services.limits)) {
      this.#fail(`port ${original.port} is the proxy's own`, 'none');
    } else {
      this.#dial.start();
    }
  }

  onConnected(fd: number, verdict: AllowVerdict): void {
    const { services } = this;
    const upstream = services.transport.plain(fd, this);
    const { podUid, source, destination } = this.#context;
    const slot = services.log.open(
      {
        podUid,
        direction: 'inbound',
        transport: 'plaintext',
        source,
        destination,
        actualDestination: verdict.dial,
        inbound: this.#context,
        ...(verdict.revision === undefined ? {} : { verdictRevision: verdict.revision }),
        peerIdentity: null,
      },
      this.accepted.acceptedMs,
    );
    if (slot === null) {
      upstream.close(true);
      this.#fail('too many connections in this worker', 'none');
      return;
    }
    this.#leave();
    const { loop, log, plainBuffer: buffer } = services;
    const relay = new PlainRelay({ loop, downstream: this.#client, upstream, buffer, log, slot });
    log.attach(slot, relay);
    relay.start();
  }

  onRefused({ reason, flag }: InboundRefusal): void {
    this.#fail(reason, flag);
  }

  endWithPod(why: string): void {
    this.#fail(why, 'none');
  }

  // ---- the client, before bytes flow

  onReadable(): void {
    if (this.#client.gone) this.onBroken();
  }

  onBroken(): void {
    this.#fail('the client closed the connection', 'none');
  }

  onWritten(): void {
    // Nothing is written yet.
  }

  onFinished(): void {
    // Nothing is finished yet.
  }

  onCrash(error: Error): void {
    this.#fail(`internal error: ${error.message}`, 'none');
  }

  #fail(reason: string, flag: FailureFlag): void {
    if (this.#over) return;
    this.#dial.cancel();
    this.#client.close(true);
    const inbound = this.#context;
    const { podUid, source, destination, peerIdentity } = inbound;
    this.services.log.fail({ podUid, direction: 'inbound', source, destination, peerIdentity, reason, flag, inbound });
    this.#leave();
  }

  #leave(): void {
    this.#over = true;
    this.services.pod.leave(this);
  }
}
