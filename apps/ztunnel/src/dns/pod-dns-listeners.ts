import { createServer, type Server, type Socket } from 'node:net';
import { parseIp, type IpAddress } from '@weft/ip';
import { inNetns, socketOptions, SystemCallError, tcpSocket, UdpSocket } from '@weft/linux';
import type { DnsTransport } from './encode-answer.js';
import { frame, MessageFraming } from './message-framing.js';

export interface PodDnsListenersOptions {
  /** Stays the caller's. */
  readonly netnsFd: number;
  readonly mark: number;
  readonly port: number;
  readonly ipv6: boolean;
  /** Must not throw. `reply` may be called later, or never; it does nothing once the client is gone. */
  readonly onMessage: (message: Buffer, transport: DnsTransport, reply: (answer: Buffer) => void) => void;
}

const MAX_CONNECTIONS = 128;
const TCP_IDLE_MS = 5000;
/** Answers that a client asked for and does not read. */
const MAX_UNREAD_BYTES = 1024 * 1024;
const BACKLOG = 128;
const V4 = parseIp('127.0.0.1')!;
const V6 = parseIp('::1')!;
/** How the kernel says that the pod has no IPv6. */
const NO_FAMILY: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);

/** Where a pod's redirected DNS arrives: UDP and TCP on the loopback addresses of its network namespace. */
export class PodDnsListeners {
  readonly #udp: UdpSocket[] = [];
  readonly #tcp: Server[] = [];
  readonly #connections = new Set<Socket>();

  /** Throws SystemCallError; then nothing is left open. IPv6 is left out where the pod has none. */
  constructor(private readonly options: PodDnsListenersOptions) {
    try {
      this.#listen(V4);
      if (options.ipv6) this.#listenOptional(V6);
    } catch (cause) {
      this.close();
      throw cause;
    }
  }

  /** Connections are cut. */
  close(): void {
    for (const socket of this.#udp.splice(0)) socket.close();
    for (const server of this.#tcp.splice(0)) server.close();
    for (const connection of this.#connections) connection.destroy();
  }

  #listenOptional(ip: IpAddress): void {
    try {
      this.#listen(ip);
    } catch (cause) {
      if (!(cause instanceof SystemCallError) || !NO_FAMILY.has(cause.errnoName)) throw cause;
    }
  }

  #listen(ip: IpAddress): void {
    const { netnsFd, mark, port, onMessage } = this.options;
    const address = { ip, port };
    inNetns(netnsFd, () => {
      const udp: UdpSocket = UdpSocket.open(
        ip.family,
        { mark, bind: address, reusePort: true },
        {
          message: (bytes, from) => {
            // From our own port it could only be an answer of ours, sent back: two answers would chase each other for ever.
            if (from.port !== port) onMessage(bytes, 'udp', (answer) => void udp.send(answer, from));
          },
          // Some client closed its socket before its answer came.
          failed: () => undefined,
        },
      );
      this.#udp.push(udp);
      const fd = tcpSocket.prepared(ip.family, (socket) => {
        if (ip.family === 6) socketOptions.setIpv6Only(socket, true);
        socketOptions.setMark(socket, mark);
        socketOptions.setReuseAddress(socket);
        socketOptions.setReusePort(socket);
        tcpSocket.bind(socket, address, ip.family);
        tcpSocket.listen(socket, BACKLOG);
      });
      this.#tcp.push(this.#accept(fd));
    });
  }

  #accept(fd: number): Server {
    const server = createServer({ allowHalfOpen: true }, (connection) => this.#serve(connection));
    server.maxConnections = MAX_CONNECTIONS;
    // No descriptor for one connection; the next one may have better luck.
    server.on('error', () => undefined);
    server.listen({ fd });
    return server;
  }

  /**
   * Any number of messages, each answered when its answer is there. A client that does not read is not read from, and is cut
   * off when what it asked for in one go is too much to keep.
   */
  #serve(connection: Socket): void {
    const framing = new MessageFraming();
    let [unanswered, ended] = [0, false];
    this.#connections.add(connection);
    connection.setTimeout(TCP_IDLE_MS, () => connection.destroy());
    connection.on('error', () => connection.destroy());
    connection.on('close', () => this.#connections.delete(connection));
    connection.on('drain', () => connection.resume());
    connection.on('end', () => {
      ended = true;
      if (unanswered === 0) connection.end();
    });
    const reply = (answer: Buffer): void => {
      unanswered--;
      if (!connection.writable) return;
      if (!connection.write(frame(answer))) connection.pause();
      if (connection.writableLength > MAX_UNREAD_BYTES) connection.destroy();
      if (ended && unanswered === 0) connection.end();
    };
    connection.on('data', (bytes) => {
      for (const message of framing.push(bytes)) {
        if (connection.destroyed) return;
        unanswered++;
        this.options.onMessage(message, 'tcp', reply);
      }
    });
  }
}
