import { EAGAIN, EMFILE, ENFILE, EPOLLIN, tcpSocket } from '@weft/linux';
import type { EventLoop, EventSource } from './event-loop.js';
import type { ListenHandler } from './transport.js';

const ACCEPTS_PER_EVENT = 64;
const RETRY_MS = 200;

/** Accepts on one port of one pod. Out of descriptors it pauses instead of spinning. */
export class Listener implements EventSource {
  #closed = false;

  constructor(
    private readonly loop: EventLoop,
    private readonly fd: number,
    private readonly handler: ListenHandler,
  ) {
    loop.watch(fd, EPOLLIN, this);
  }

  onEvents(): void {
    for (let i = 0; i < ACCEPTS_PER_EVENT && !this.#closed; i++) {
      const fd = tcpSocket.accept(this.fd);
      if (fd === -EAGAIN) return;
      if (fd === -EMFILE || fd === -ENFILE) {
        this.#pause();
        return;
      }
      // Anything else is about the one connection (ECONNABORTED and its kin).
      if (fd >= 0) this.#accepted(fd);
    }
  }

  onCrash(): void {
    // It was about one connection; the listener goes on.
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.loop.close(this.fd);
  }

  #accepted(fd: number): void {
    this.loop.own(fd);
    const peer = tcpSocket.acceptedPeer();
    if (peer === null) this.loop.close(fd);
    else this.handler.onAccepted({ fd, peer, acceptedMs: this.loop.nowMs });
  }

  #pause(): void {
    this.loop.unwatch(this.fd);
    this.handler.onExhausted();
    this.loop.deadline(RETRY_MS, () => {
      if (this.#closed) return;
      this.loop.watch(this.fd, EPOLLIN, this);
    });
  }
}
