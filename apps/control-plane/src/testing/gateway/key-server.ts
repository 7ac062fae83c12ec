import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where an issuer of tokens publishes its keys. */
export class KeyServer {
  private constructor(private readonly server: Server) {}

  static async start(jwks: string): Promise<KeyServer> {
    const server = createServer((_request, response) => response.end(jwks));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new KeyServer(server);
  }

  get uri(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/keys`;
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}
