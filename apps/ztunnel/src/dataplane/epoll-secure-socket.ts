import { EPOLLIN, EPOLLOUT, type Memory } from '@weft/linux';
import { TlsConnection, type TlsContext } from '@weft/tls';
import type { EventLoop, EventSource } from './event-loop.js';
import type { SecureSocket, SecureSocketOwner } from './secure-socket.js';

/** TLS over a socket in the epoll set, level-triggered. Takes over the descriptor. */
export class EpollSecureSocket implements SecureSocket, EventSource {
  readonly #tls: TlsConnection;
  #owner: SecureSocketOwner | null = null;
  #mask = EPOLLIN | EPOLLOUT;
  #closed = false;

  constructor(
    private readonly loop: EventLoop,
    private readonly fd: number,
    context: TlsContext,
    role: 'client' | 'server',
  ) {
    this.#tls = new TlsConnection(context, fd, role);
  }

  get failure(): string | null {
    return this.#tls.failure?.message ?? null;
  }

  start(owner: SecureSocketOwner): void {
    this.#owner = owner;
    this.loop.watch(this.fd, this.#mask, this);
  }

  handshake(): number {
    return this.#tls.handshake();
  }

  read(into: Memory, offset: number, length: number): number {
    return this.#tls.read(into, offset, length);
  }

  write(from: Memory, offset: number, length: number): number {
    return this.#tls.write(from, offset, length);
  }

  hasPending(): boolean {
    return this.#tls.hasPending();
  }

  peerCertificate(): Buffer | null {
    return this.#tls.peerCertificate();
  }

  peerChain(): readonly Buffer[] {
    return this.#tls.peerChain();
  }

  expectRoom(wanted: boolean): void {
    const mask = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN;
    if (this.#mask === mask || this.#closed) return;
    this.#mask = mask;
    this.loop.change(this.fd, mask);
  }

  close(goodbye: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    if (goodbye) this.#tls.shutdown();
    this.#tls.free();
    this.loop.close(this.fd);
  }

  onEvents(mask: number): void {
    this.#owner!.onReady((mask & EPOLLOUT) !== 0);
  }

  onCrash(error: Error): void {
    this.#owner!.onCrash(error);
  }
}
