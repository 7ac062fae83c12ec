import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Echo } from './echo-pod.js';

export interface HttpsEchoOptions {
  readonly name: string;
  readonly cert: string;
  readonly key: string;
  /** Roots of clients, which must show a certificate then. */
  readonly clientRoots?: string;
}

/** An HTTPS server that tells its name, and as headers `x-sni` and `x-client` what the handshake said. */
export class HttpsEcho {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor({ name, cert, key, clientRoots }: HttpsEchoOptions) {
    const client = clientRoots === undefined ? {} : { ca: clientRoots, requestCert: true };
    this.#server = createServer({ cert, key, ...client }, (request, response) => {
      const { socket } = request;
      const isTls = socket instanceof TLSSocket;
      const headers = {
        'x-sni': isTls ? String(socket.servername ?? '') : '',
        'x-client': (isTls ? socket.getPeerX509Certificate()?.subjectAltName : undefined) ?? '',
      };
      const { method = '', url: path = '' } = request;
      const echo: Echo = { server: name, method, path, host: request.headers.host ?? '', headers };
      response.writeHead(200, { 'x-server': name }).end(JSON.stringify(echo));
    });
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    // A client that does not trust it, or is not trusted.
    this.#server.on('tlsClientError', () => undefined);
  }

  /** Its port. */
  async listen(host: string): Promise<number> {
    await new Promise<void>((resolve, reject) => this.#server.once('error', reject).listen(0, host, resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
