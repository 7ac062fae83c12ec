import { createServer, type Server } from 'node:http';
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';

export const H2C_PORT = 8181;
export const WEBSOCKET_PORT = 8182;

/** Servers of one address: HTTP/2 without TLS, and one that says back what it hears on connections that were upgraded. */
export class ProtocolServers {
  readonly #h2c: Http2Server = createHttp2Server((request, response) => {
    response.setHeader('x-server', 'h2c');
    response.end(JSON.stringify({ server: 'h2c', path: request.url }));
  });
  readonly #websocket: Server = createServer((_request, response) => response.end());
  readonly #open = new Set<ServerHttp2Session | Socket>();

  async listen(host: string): Promise<void> {
    this.#h2c.on('session', (session) => this.#open.add(session));
    this.#websocket.on('upgrade', (_request, socket: Socket) => {
      this.#open.add(socket);
      socket.on('error', () => undefined);
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
      socket.pipe(socket);
    });
    await new Promise<void>((resolve, reject) => this.#h2c.once('error', reject).listen(H2C_PORT, host, resolve));
    await new Promise<void>((resolve, reject) =>
      this.#websocket.once('error', reject).listen(WEBSOCKET_PORT, host, resolve),
    );
  }

  close(): void {
    this.#h2c.close();
    this.#websocket.close();
    for (const one of this.#open) one.destroy();
  }
}
