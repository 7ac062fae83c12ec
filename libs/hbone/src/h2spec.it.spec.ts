import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SERVER_SETTINGS } from './settings.js';
import { h2specBinary, runH2spec } from './testing/h2spec.js';
import { createPageServer } from './testing/page-server.js';

let binary: string;

beforeAll(async () => {
  binary = await h2specBinary();
}, 300_000);

describe('h2spec --strict', () => {
  it('passes every case against our server', async () => {
    // With larger frames than the default, its case of a frame that is too large would be within the limit.
    const server = createPageServer({ ...SERVER_SETTINGS, maxFrameBytes: 16_384 });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const result = await runH2spec(binary, (server.address() as AddressInfo).port);
      expect(result).toEqual({ passed: 146, failed: [], skipped: [] });
    } finally {
      server.close();
    }
  }, 300_000);
});
