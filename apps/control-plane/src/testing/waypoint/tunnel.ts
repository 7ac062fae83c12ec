import { connect, type ClientHttp2Session } from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Identity } from '../proxy/secret-server.js';

const HBONE_PORT = 15_008;

export interface TunnelOptions {
  /** Of the waypoint. */
  readonly address: string;
  readonly identity: Identity;
  readonly rootPem: string;
}

/** What ztunnel is to a client: each connection to a port of this host becomes one to a place behind the waypoint. */
export class Tunnel {
  #session: ClientHttp2Session | null = null;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #ports = new Map<string, Promise<number>>();

  constructor(private readonly options: TunnelOptions) {}

  /** Port of 127.0.0.1 that leads to `address:port`. */
  port(authority: string): Promise<number> {
    let port = this.#ports.get(authority);
    if (port === undefined) this.#ports.set(authority, (port = this.#listen(authority)));
    return port;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
    this.#session?.destroy();
  }

  #listen(authority: string): Promise<number> {
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#carry(socket, authority));
    this.#servers.push(server);
    return new Promise((resolve) =>
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
    );
  }

  #carry(socket: Socket, authority: string): void {
    socket.setNoDelay(true);
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    const stream = this.#connection().request({ ':method': 'CONNECT', ':authority': authority }, { endStream: false });
    stream.on('error', () => socket.destroy());
    socket.on('error', () => stream.close());
    stream.on('response', ({ ':status': status }) => {
      if (status !== 200) socket.destroy();
    });
    stream.on('close', () => socket.end());
    socket.pipe(stream).pipe(socket);
  }

  #connection(): ClientHttp2Session {
    if (this.#session === null || this.#session.closed || this.#session.destroyed) {
      const { address, identity, rootPem } = this.options;
      this.#session = connect(`https://${address}:${HBONE_PORT}`, {
        cert: identity.certPem,
        key: identity.keyPem,
        ca: rootPem,
        minVersion: 'TLSv1.3',
        // The name of the waypoint is a SPIFFE ID, which Node does not compare.
        checkServerIdentity: () => undefined,
      });
      this.#session.on('error', () => undefined);
    }
    return this.#session;
  }
}
