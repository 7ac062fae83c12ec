import { InboundPlaintext } from './inbound-plaintext.js';
import { InboundTunnel } from './inbound-tunnel.js';
import { Listener, type Accepted } from './listener.js';
import { OutboundConnection } from './outbound-connection.js';
import type { PodServices } from './pod-services.js';

/** The listeners of one pod, and what they accept. */
export class EnrolledPod {
  readonly #listeners: Listener[] = [];
  readonly #tunnels = new Set<InboundTunnel>();

  constructor(readonly services: PodServices) {}

  /** Throws SystemCallError when a listener cannot be made; then none is left open. */
  listen(): void {
    const { ports } = this.services.limits;
    try {
      this.#listen(ports.outbound, (accepted) => new OutboundConnection(this.services, accepted));
      this.#listen(ports.inboundPlaintext, (accepted) => new InboundPlaintext(this.services, accepted));
      this.#listen(ports.inboundHbone, (accepted) => this.#acceptTunnel(accepted));
    } catch (cause) {
      this.stopListening();
      throw cause;
    }
    this.services.pod.tuneNamespace();
  }

  stopListening(): void {
    for (const listener of this.#listeners.splice(0)) listener.close();
  }

  /** Accepts nothing more; tells peers to open no streams. */
  drain(): void {
    this.stopListening();
    for (const tunnel of [...this.#tunnels]) tunnel.drain();
  }

  remove(why: string): void {
    this.stopListening();
    this.services.pod.remove(why);
  }

  #acceptTunnel(accepted: Accepted): void {
    this.#tunnels.add(new InboundTunnel(this.services, accepted, (tunnel) => this.#tunnels.delete(tunnel)));
  }

  #listen(port: number, onAccepted: (accepted: Accepted) => void): void {
    const { loop, pod, post } = this.services;
    const exhausted = (): void =>
      post({ type: 'log', level: 'error', message: `out of descriptors: connections of pod ${pod.uid} wait` });
    this.#listeners.push(new Listener(loop, pod.listen(port), onAccepted, exhausted));
  }
}
