import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An HTTP server on the loopback address for all tests of a file. Gives its port; it answers in the tests only. */
export function useWebServer(answer: RequestListener): () => number {
  let server: Server;
  beforeAll(async () => {
    server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });
  return () => (server.address() as AddressInfo).port;
}
