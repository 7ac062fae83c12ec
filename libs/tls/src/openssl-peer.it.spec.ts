import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeDescriptor, Epoll, EPOLLIN, socketOptions, tcpSocket } from '@weft/linux';
import { parseSocketAddress } from '@weft/ip';
import { TestAuthority, type TestIdentity } from '@weft/testing-certificates';
import { until } from '@weft/testing-fixtures';
import { TLS_PROFILES, type TlsProfileName } from '@weft/tls-profile';
import { TLS_DONE, TLS_FAILED, TLS_WANT_READ, TlsConnection, TlsContext } from './index.js';

// The mesh's TLS with the openssl command at the other end: a library of another version, which has no ML-KEM.
const LIMIT_MS = 20_000;
let folder: string;
let ours: TestIdentity;
let theirs: TestIdentity;
const disposers: (() => void)[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weft-openssl-'));
  const authority = await TestAuthority.create();
  ours = await authority.issue('spiffe://cluster.local/ns/shop/sa/ours');
  theirs = await authority.issue('spiffe://cluster.local/ns/shop/sa/theirs');
  writeFileSync(join(folder, 'chain.pem'), theirs.certificateChainPem);
  writeFileSync(join(folder, 'key.pem'), theirs.privateKeyPem);
  writeFileSync(join(folder, 'roots.pem'), theirs.rootsPem);
});
afterEach(() => {
  for (const dispose of disposers.splice(0).reverse()) dispose();
});
afterAll(() => rmSync(folder, { recursive: true }));

const OWN = ['-cert', 'chain.pem', '-key', 'key.pem', '-CAfile', 'roots.pem', '-alpn', 'h2'];

function openssl(...args: readonly string[]): ChildProcess {
  const child = spawn('openssl', args, { cwd: folder, stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdout.resume();
  disposers.push(() => void child.kill('SIGKILL'));
  return child;
}

/** The group that was agreed on; null if there is no connection. */
async function handshake(fd: number, role: 'client' | 'server', profile: TlsProfileName): Promise<string | null> {
  const context = TlsContext.create(ours, TLS_PROFILES[profile]);
  if (!context.ok) throw context.error;
  const connection = new TlsConnection(context.value, fd, role);
  const epoll = new Epoll(4);
  epoll.add(fd, EPOLLIN);
  disposers.push(
    () => context.value.free(),
    () => closeDescriptor(fd),
    () => connection.free(),
    () => epoll.close(),
  );
  const end = performance.now() + LIMIT_MS;
  for (let result = TLS_WANT_READ; performance.now() < end; result = connection.handshake()) {
    if (result === TLS_DONE) return connection.keyExchangeGroup();
    if (result === TLS_FAILED) return null;
    epoll.wait(5);
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('neither side ended the handshake');
}

describe('openssl s_client', () => {
  async function ask(profile: TlsProfileName, ...args: readonly string[]): Promise<string | null> {
    const listener = tcpSocket.open(4);
    disposers.push(() => closeDescriptor(listener));
    tcpSocket.bind(listener, parseSocketAddress('127.0.0.1:0')!, 4);
    tcpSocket.listen(listener, 1);
    const { port } = tcpSocket.localAddress(listener)!;
    openssl('s_client', '-connect', `127.0.0.1:${port}`, ...args);
    const epoll = new Epoll(4);
    disposers.push(() => epoll.close());
    epoll.add(listener, EPOLLIN);
    const end = performance.now() + LIMIT_MS;
    while (epoll.wait(5) === 0) {
      if (performance.now() > end) throw new Error('s_client did not come');
      await new Promise((resolve) => setImmediate(resolve));
    }
    return handshake(tcpSocket.accept(listener), 'server', profile);
  }

  it.each<[TlsProfileName, string, readonly string[], string | null]>([
    ['default', 'as it is', [], 'x25519'],
    ['default', 'with P-256 alone', ['-groups', 'P-256'], 'secp256r1'],
    ['default', 'with P-521 alone', ['-groups', 'P-521'], null],
    ['default', 'with TLS 1.2 alone', ['-tls1_2'], null],
    ['default', 'with ChaCha20 alone', ['-ciphersuites', 'TLS_CHACHA20_POLY1305_SHA256'], null],
    ['pqc', 'as it is', [], null],
    ['pqc', 'with P-256 alone', ['-groups', 'P-256'], null],
    ['fips', 'as it is', [], 'secp256r1'],
    ['fips', 'with P-384 alone', ['-groups', 'P-384'], 'secp384r1'],
    ['fips', 'with X25519 alone', ['-groups', 'X25519'], null],
  ])('at a server of profile %s, %s', async (profile, _how, args, group) => {
    expect(await ask(profile, ...OWN, ...args)).toBe(group);
  });

  it('without a certificate, or without h2, gets nothing', async () => {
    expect(await ask('default', '-alpn', 'h2')).toBeNull();
    expect(await ask('default', ...OWN.slice(0, -2), '-alpn', 'http/1.1')).toBeNull();
    expect(await ask('default', ...OWN.slice(0, -2))).toBeNull();
  });
});

describe('openssl s_server', () => {
  async function connect(profile: TlsProfileName, ...args: readonly string[]): Promise<string | null> {
    // It takes a free port and says which.
    const { stdout } = openssl('s_server', '-accept', '0', '-naccept', '1', '-Verify', '1', ...OWN, ...args);
    let said = '';
    stdout!.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const port = await until(() => /^ACCEPT \S+:(\d+)$/m.exec(said)?.[1], 's_server listens');
    return handshake(await connected(Number(port)), 'client', profile);
  }

  it.each<[TlsProfileName, string, readonly string[], string | null]>([
    ['default', 'as it is', [], 'x25519'],
    ['default', 'with P-256 alone', ['-groups', 'P-256'], 'secp256r1'],
    ['default', 'with TLS 1.2 alone', ['-tls1_2'], null],
    ['pqc', 'as it is', [], null],
    ['fips', 'as it is', [], 'secp256r1'],
    ['fips', 'with P-384 alone', ['-groups', 'P-384'], 'secp384r1'],
    ['fips', 'with X25519 alone', ['-groups', 'X25519'], null],
  ])('for a client of profile %s, %s', async (profile, _how, args, group) => {
    expect(await connect(profile, ...args)).toBe(group);
  });
});

/** A failed connect is known by the peer address that is missing. */
async function connected(port: number): Promise<number> {
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    const fd = tcpSocket.open(4);
    const refused = tcpSocket.connect(fd, parseSocketAddress(`127.0.0.1:${port}`)!, 4);
    await new Promise((resolve) => setImmediate(resolve));
    if (refused === 0 && socketOptions.pendingError(fd) === 0 && tcpSocket.peerAddress(fd) !== null) return fd;
    closeDescriptor(fd);
    if (performance.now() > end) throw new Error('s_server does not listen');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
