import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { httpLoad } from './http-load.js';

describe('the HTTP load', () => {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.writeHead(request.url === '/load' ? status : 404).end(Buffer.alloc(1024)));
  });
  let status = 200;
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  afterAll(() => server.close());
  const run = (perSecond: number) => {
    const { port } = server.address() as AddressInfo;
    return httpLoad({ host: '127.0.0.1', port, connections: 4, bytes: 1024, seconds: 1.5, perSecond });
  };

  it('counts answers and how long they took', async () => {
    const { completed, errors, p50Us, p99Us } = await run(0);
    expect(completed).toBeGreaterThan(4);
    expect([errors, p50Us > 0, p99Us >= p50Us]).toEqual([0, true, true]);
  });

  it('sends no more than its rate', async () => {
    const { completed } = await run(100);
    expect(completed).toBeGreaterThan(5);
    expect(completed).toBeLessThanOrEqual(151);
  });

  it('takes another status for an error', async () => {
    status = 503;
    const { completed, errors, firstError } = await run(0);
    expect([completed, errors > 0, firstError]).toEqual([0, true, 'status 503']);
  });
});
