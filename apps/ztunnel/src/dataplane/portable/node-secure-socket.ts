import type net from 'node:net';
import type { Memory } from '@weft/linux';
import { NodeTlsConnection, type NodeTlsContext } from '@weft/tls';
import type { SecureSocket, SecureSocketOwner } from '../secure-socket.js';
import type { NodeLoop } from './node-loop.js';

/** TLS over a socket of Node's. */
export class NodeSecureSocket implements SecureSocket {
  readonly #tls: NodeTlsConnection;
  #owner: SecureSocketOwner | null = null;

  /** Takes over a connected socket. */
  constructor(
    private readonly loop: NodeLoop,
    socket: net.Socket,
    context: NodeTlsContext,
    role: 'client' | 'server',
  ) {
    this.#tls = new NodeTlsConnection(context, socket, role, (room) => this.#ready(room));
  }

  get failure(): string | null {
    return this.#tls.failure?.message ?? null;
  }

  start(owner: SecureSocketOwner): void {
    this.#owner = owner;
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

  expectRoom(): void {
    // Told whenever a write was refused.
  }

  close(goodbye: boolean): void {
    this.#owner = null;
    this.#tls.close(goodbye);
  }

  #ready(room: boolean): void {
    const owner = this.#owner;
    if (owner !== null) this.loop.dispatch(owner, () => owner.onReady(room));
  }
}
