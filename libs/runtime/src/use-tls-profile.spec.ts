import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { TLS_PROFILES, type TlsProfileName } from '@weft/tls-profile';
import { useTlsProfile } from './use-tls-profile.js';

let folder: string;
let cert: string;
let key: string;
const disposers: (() => void)[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-tls-'));
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const about = ['-nodes', '-keyout', 'k.pem', '-out', 'c.pem', '-subj', '/CN=localhost'];
  const names = ['-addext', 'subjectAltName=DNS:localhost'];
  execFileSync('openssl', ['req', '-x509', ...curve, ...about, ...names], { cwd: folder, stdio: 'pipe' });
  [cert, key] = [readFileSync(join(folder, 'c.pem'), 'utf8'), readFileSync(join(folder, 'k.pem'), 'utf8')];
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  for (const dispose of disposers.splice(0).reverse()) dispose();
});

async function https(): Promise<number> {
  const server = createServer({ cert, key }, (_, response) => response.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  disposers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function grpc(): Promise<number> {
  const server = new Server();
  const credentials = ServerCredentials.createSsl(null, [
    { cert_chain: Buffer.from(cert), private_key: Buffer.from(key) },
  ]);
  disposers.push(() => server.forceShutdown());
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => (error === null ? resolve(port) : reject(error))),
  );
}

/** What the openssl command (a library without ML-KEM) negotiates; '' if it is refused. */
async function sClient(port: number, ...args: readonly string[]): Promise<string> {
  const argv = ['s_client', '-connect', `127.0.0.1:${port}`, '-alpn', 'h2,http/1.1', ...args];
  const said = await new Promise<string>((resolve) => {
    const child = execFile('openssl', argv, { timeout: 10_000 }, (_, stdout) => resolve(stdout));
    child.stdin?.end();
  });
  const [, version = '', suite = ''] = /^New, (\S+), Cipher is (\S+)$/m.exec(said) ?? [];
  const [, group = ''] = /^Server Temp Key: (?:ECDH, )?([^,\n]+)/m.exec(said) ?? [];
  return suite === '(NONE)' || suite === '' ? '' : `${version} ${suite} ${group}`;
}

/** A client of Node.js, which has ML-KEM; null if it is refused. */
async function nodeClient(port: number, ecdhCurve: string, maxVersion: tls.SecureVersion = 'TLSv1.3') {
  return new Promise<string | null>((resolve) => {
    const options = { ecdhCurve, minVersion: 'TLSv1.2', maxVersion, ca: cert, servername: 'localhost' } as const;
    const socket = tls.connect({ port, host: '127.0.0.1', ALPNProtocols: ['h2', 'http/1.1'], ...options }, () => {
      resolve(socket.getProtocol());
      socket.destroy();
    });
    socket.on('error', () => resolve(null));
  });
}

const under = (name: TlsProfileName): void => void disposers.push(useTlsProfile(TLS_PROFILES[name]));
const AES_256 = 'TLSv1.3 TLS_AES_256_GCM_SHA384';

describe.each([
  ['HTTPS', https],
  ['gRPC', grpc],
])('a server of %s', (_, serve) => {
  it('by default agrees with every modern peer, on X25519MLKEM768 where the peer has it', async () => {
    under('default');
    const port = await serve();
    expect(await sClient(port)).toBe(`${AES_256} X25519`);
    expect(await sClient(port, '-groups', 'P-256')).toBe(`${AES_256} prime256v1`);
    expect(await sClient(port, '-groups', 'P-521')).toBe('');
    expect(await sClient(port, '-tls1_2')).toMatch(/^TLSv1.2 ECDHE-ECDSA-AES(256|128)-GCM-SHA(384|256) /);
    expect(await sClient(port, '-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA')).toBe('');
    expect(await sClient(port, '-ciphersuites', 'TLS_CHACHA20_POLY1305_SHA256')).toBe('');
    expect(await nodeClient(port, 'X25519MLKEM768')).toBe('TLSv1.3');
  });

  it('under pqc agrees on X25519MLKEM768 alone: no curve by itself, no TLS 1.2', async () => {
    under('pqc');
    const port = await serve();
    expect(await sClient(port)).toBe('');
    expect(await sClient(port, '-tls1_2')).toBe('');
    expect(await nodeClient(port, 'X25519')).toBeNull();
    expect(await nodeClient(port, 'X25519MLKEM768', 'TLSv1.2')).toBeNull();
    expect(await nodeClient(port, 'X25519MLKEM768')).toBe('TLSv1.3');
  });

  it('under fips agrees on P-256 and P-384 alone', async () => {
    under('fips');
    const port = await serve();
    expect(await sClient(port)).toBe(`${AES_256} prime256v1`);
    expect(await sClient(port, '-groups', 'P-384')).toBe(`${AES_256} secp384r1`);
    expect(await sClient(port, '-groups', 'X25519')).toBe('');
    expect(await nodeClient(port, 'X25519MLKEM768')).toBeNull();
  });
});

it('a client obeys the profile, too: under pqc it does not talk to a server without ML-KEM', async () => {
  const server = tls.createServer({ cert, key, ecdhCurve: 'X25519:P-256' });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  disposers.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const ask = (): Promise<string | null> =>
    new Promise((resolve) => {
      const socket = tls.connect({ port, host: '127.0.0.1', ca: cert, servername: 'localhost' }, () => {
        resolve(socket.getProtocol());
        socket.destroy();
      });
      socket.on('error', () => resolve(null));
    });
  expect(await ask()).toBe('TLSv1.3');
  under('pqc');
  expect(await ask()).toBeNull();
});
