import { InboundPlaintext } from './inbound-plaintext.js';
import { InboundTunnel } from './inbound-tunnel.js';
import { OutboundConnection } from './outbound-connection.js';
import type { PodServices } from './pod-services.js';
import type { Accepted } from './transport.js';

/** The listeners of one pod, and what they accept. */
export class EnrolledPod {
  readonly #listeners: (() => void)[] = [];
  readonly #tunnels = new Set<InboundTunnel>();

  constructor(readonly services: PodServices) {}

  /** Throws SystemCallError when a listener cannot be made; then none is left open. */
  listen(which: 'all' | 'hbone' = 'all'): void {
    const { ports } = this.services.limits;
    try {
      if (which === 'all') {
        this.#listen(ports.outbound, (accepted) => new OutboundConnection(this.services, accepted));
        this.#listen(ports.inboundPlaintext, (accepted) => new InboundPlaintext(this.services, accepted));
      }
      this.#listen(ports.inboundHbone, (accepted) => this.#acceptTunnel(accepted));
    } catch (cause) {
      this.stopListening();
      throw cause;
    }
    if (which === 'all') this.services.pod.tuneNamespace();
  }

  stopListening(): void {
    for (const close of this.#listeners.splice(0)) close();
  }

  /** Accepts nothing more; tells peers to open no streams. */
  drain(): void {
    this.stopListening();
    for (const tunnel of [...this.#tunnels]) tunnel.drain();
  }

  remove(why: string): void {
    const { log, pod } = this.services;
    this.stopListening();
    // Before their tunnels, so that each is told the reason itself.
    log.terminateAll(why, pod.uid);
    pod.remove(why);
  }

  #acceptTunnel(accepted: Accepted): void {
    this.#tunnels.add(new InboundTunnel(this.services, accepted, (tunnel) => this.#tunnels.delete(tunnel)));
  }

  #listen(port: number, onAccepted: (accepted: Accepted) => void): void {
    const { pod, post } = this.services;
    const onExhausted = (): void =>
      post({ type: 'log', level: 'error', message: `out of descriptors: connections of pod ${pod.uid} wait` });
    this.#listeners.push(pod.listen(port, { onAccepted, onExhausted }));
  }
}
