import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DataPlaneSuite, echo } from '../testing/data-plane-suite.js';
import { ENGINE_NAMES } from './engine.js';

// What curl (libcurl with nghttp2 and OpenSSL) is told when it takes a pod's 15008 for a web server.

const run = promisify(execFile);
/** curl's exit status when TLS did not come about, or was ended by the peer afterwards. */
const TLS_FAILURES = [16, 35, 52, 55, 56, 92];

describe.each(ENGINE_NAMES)('%s engine', (engine) => {
  const suite = new DataPlaneSuite(engine);

  async function start(): Promise<(...args: string[]) => Promise<{ code: number; status: string }>> {
    // The client pod is not enrolled, so that curl itself comes to 15008.
    const rig = await suite.startEmpty();
    await rig.enrol('server');
    await suite.serveEcho();
    const folder = mkdtempSync(join(tmpdir(), 'weft-curl-'));
    suite.atEnd(() => rmSync(folder, { recursive: true }));
    const { certificateChainPem, privateKeyPem } = rig.identities.client;
    writeFileSync(join(folder, 'client.pem'), certificateChainPem + privateKeyPem);
    return async (...args) => {
      const own = args.map((arg) => arg.replace('FOLDER', folder));
      const curl = [
        'curl',
        '--silent',
        '--insecure',
        '--max-time',
        '10',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code} %{http_version}',
      ];
      const url = `https://${rig.server.address}:15008/`;
      try {
        const { stdout } = await run('ip', ['netns', 'exec', rig.client.name, ...curl, ...own, url]);
        return { code: 0, status: stdout };
      } catch (failure) {
        const { code, stdout } = failure as { code: number; stdout: string };
        return { code, status: stdout };
      }
    };
  }

  const CERTIFICATE = ['--cert', 'FOLDER/client.pem'];

  it.each([
    ['GET', []],
    ['HEAD', ['--head']],
    ['POST with a body', ['--data', 'x=y']],
    ['OPTIONS', ['-X', 'OPTIONS']],
    ['a method in lower case', ['-X', 'connect']],
    ['a header of 50 KB', ['-H', `x-long: ${'a'.repeat(50_000)}`]],
  ])('%s is answered 400 over HTTP/2', async (_, args) => {
    const curl = await start();
    expect(await curl('--http2', ...CERTIFICATE, ...args)).toEqual({ code: 0, status: '400 2' });
    expect(await echo(suite.connect())).toBe('ping');
  });

  it.each([
    ['no client certificate', ['--http2']],
    ['HTTP/1.1 by ALPN', ['--http1.1', ...CERTIFICATE]],
    ['no ALPN at all', ['--no-alpn', ...CERTIFICATE]],
    ['TLS 1.2 at most', ['--http2', '--tls-max', '1.2', ...CERTIFICATE]],
  ])('%s gets no answer', async (_, args) => {
    const curl = await start();
    const { code, status } = await curl(...args);
    expect(TLS_FAILURES).toContain(code);
    expect(status).toMatch(/^000/);
    expect(await suite.rig.waitFor('connectionFailed')).toMatchObject({ direction: 'inbound', flag: 'TLS_FAILURE' });
    expect(await echo(suite.connect())).toBe('ping');
  });
});
