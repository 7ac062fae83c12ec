import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import fc from 'fast-check';
import type { KubeApiError } from './errors.js';
import { KubeConnectionError } from './errors.js';
import { HttpsTransport } from './https-transport.js';
import { KubeClient } from './kube-client.js';
import { LineSplitter } from './line-splitter.js';
import { PODS } from './resources.js';
import type { WatchEvent } from './transport.js';

type Handle = (request: http.IncomingMessage, response: http.ServerResponse) => void;

describe('HttpsTransport', () => {
  const closers: (() => void)[] = [];
  afterEach(() => closers.splice(0).forEach((close) => close()));

  async function serve(handle: Handle, user: object = {}): Promise<HttpsTransport> {
    const server = http.createServer(handle);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const config = new KubeConfig();
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    config.loadFromClusterAndUser({ name: 'c', server: url, skipTLSVerify: true }, { name: 'u', ...user });
    const transport = new HttpsTransport(config, 'weft-test');
    closers.push(() => (transport.close(), server.closeAllConnections(), server.close()));
    return transport;
  }
  const noWatchEvents = { opened: () => undefined, event: () => undefined };

  it('reads the token file again for each call, so that a rotated token takes effect at once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weft-kube-'));
    closers.push(() => rmSync(folder, { recursive: true }));
    const tokenFile = join(folder, 'token');
    const seen: unknown[] = [];
    writeFileSync(tokenFile, 'first\n');
    const transport = await serve(
      (request, response) => {
        seen.push(request.headers.authorization);
        response.end('{}');
      },
      { authProvider: { name: 'tokenFile', config: { tokenFile } } },
    );
    await transport.request({ method: 'GET', path: '/version' });
    writeFileSync(tokenFile, 'second\n');
    await transport.request({ method: 'GET', path: '/version' });
    expect(seen).toEqual(['Bearer first', 'Bearer second']);
  });

  it('gives a refusal as KubeApiError with the reason of the Status', async () => {
    const transport = await serve((_, response) => {
      response
        .writeHead(403)
        .end(JSON.stringify({ kind: 'Status', code: 403, reason: 'Forbidden', message: 'not yours' }));
    });
    const failure = await new KubeClient(transport).get(PODS, 'shop', 'a').catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ code: 'KUBE_API_ERROR', status: 403, reason: 'Forbidden' });
    expect((failure as KubeApiError).message).toContain('GET /api/v1/namespaces/shop/pods/a');
  });

  it('waits and tries again when the server says 429 with Retry-After', async () => {
    let calls = 0;
    const transport = await serve((_, response) => {
      if (++calls < 3) response.writeHead(429, { 'retry-after': '0' }).end();
      else response.end('{"ok":true}');
    });
    expect(await transport.request({ method: 'POST', path: '/x', body: {} })).toEqual({ ok: true });
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'] as const)('the body of a %s arrives whole', async (method) => {
    const bodies: string[] = [];
    const transport = await serve((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
      request.on('end', () => {
        bodies.push(text);
        response.end('{}');
      });
    });
    for (const value of ['é', 'b']) await transport.request({ method, path: '/x', body: { value } });
    expect(bodies).toEqual(['{"value":"é"}', '{"value":"b"}']);
  });

  it('a request has a deadline', async () => {
    const transport = await serve(() => undefined);
    const failure = await transport
      .request({ method: 'GET', path: '/x', timeoutMs: 30 })
      .catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(KubeConnectionError);
  });

  it('a refused connection names the server', async () => {
    const config = new KubeConfig();
    config.loadFromClusterAndUser({ name: 'c', server: 'http://127.0.0.1:1', skipTLSVerify: true }, { name: 'u' });
    const transport = new HttpsTransport(config, 'weft-test');
    await expect(transport.request({ method: 'GET', path: '/x' })).rejects.toThrow(/127\.0\.0\.1:1.*ECONNREFUSED/);
    transport.close();
  });

  it('decodes watch events across chunk boundaries and resolves when the stream ends', async () => {
    const lines = [1, 2]
      .map((n) => `${JSON.stringify({ type: 'ADDED', object: { metadata: { name: `p${n}é` } } })}\n`)
      .join('');
    const transport = await serve((_, response) => {
      const bytes = Buffer.from(lines);
      const middle = bytes.indexOf(0xc3) + 1;
      response.write(bytes.subarray(0, middle));
      setImmediate(() => response.end(bytes.subarray(middle)));
    });
    const events: WatchEvent[] = [];
    const handler = { opened: () => undefined, event: (event: WatchEvent) => events.push(event) };
    await transport.watch({ method: 'GET', path: '/x' }, handler, new AbortController().signal);
    expect(events.map(({ object }) => (object as { metadata: { name: string } }).metadata.name)).toEqual([
      'p1é',
      'p2é',
    ]);
  });

  it('a watch that is never answered has a deadline', async () => {
    const transport = await serve(() => undefined);
    const watch = transport.watch(
      { method: 'GET', path: '/x', timeoutMs: 30 },
      noWatchEvents,
      new AbortController().signal,
    );
    await expect(watch).rejects.toBeInstanceOf(KubeConnectionError);
  });

  it('a watch that is refused rejects, one that breaks off resolves, one that is aborted ends', async () => {
    let answer: Handle = (_, response) => response.writeHead(410).end('{"reason":"Expired","code":410}');
    const transport = await serve((request, response) => answer(request, response));
    const signal = new AbortController().signal;
    await expect(transport.watch({ method: 'GET', path: '/x' }, noWatchEvents, signal)).rejects.toMatchObject({
      expired: true,
    });
    answer = (_, response) => {
      response.write('{"type":"ADDED",');
      setImmediate(() => response.destroy());
    };
    await transport.watch({ method: 'GET', path: '/x' }, noWatchEvents, signal);
    answer = (_, response) => response.write(' \n');
    const abort = new AbortController();
    await transport.watch(
      { method: 'GET', path: '/x' },
      { ...noWatchEvents, opened: () => abort.abort() },
      abort.signal,
    );
  });

  it('a kubeconfig without a usable context is refused with what to fix', () => {
    expect(() => KubeClient.fromKubeconfig('apiVersion: v1\nkind: Config\n')).toThrow(/current-context|cannot read/);
    expect(() => KubeClient.fromKubeconfig('{{{')).toThrow(/cannot read the kubeconfig/);
  });
});

describe('LineSplitter', () => {
  it('gives the same lines however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme' }).filter((s) => !s.includes('\n'))),
        fc.array(fc.nat(50)),
        (lines, cuts) => {
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
          const seen: string[] = [];
          const splitter = new LineSplitter((line) => seen.push(line), 1 << 20);
          let at = 0;
          for (const cut of [...cuts, bytes.length]) {
            splitter.push(bytes.subarray(at, Math.min(at + cut, bytes.length)));
            at = Math.min(at + cut, bytes.length);
          }
          expect(seen).toEqual(lines.filter((line) => line.trim() !== ''));
        },
      ),
    );
  });
  it('refuses a line past the limit', () => {
    expect(new LineSplitter(() => undefined, 10).push(Buffer.alloc(11, 65))).toBe(false);
  });
});
