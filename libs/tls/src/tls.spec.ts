import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type net from 'node:net';
import tls from 'node:tls';
import { closeDescriptor, Epoll, EPOLLIN, EPOLLOUT, Memory, socketOptions, tcpSocket } from '@weft/linux';
import { parseSocketAddress } from '@weft/ip';
import { uriSansOfCertificate } from '@weft/spiffe';
import { TestAuthority, type TestIdentity } from '@weft/testing-certificates';
import { TLS_PROFILES, type TlsProfileName } from '@weft/tls-profile';
import {
  TLS_CLOSED,
  TLS_DONE,
  TLS_FAILED,
  TLS_WANT_READ,
  TLS_WANT_WRITE,
  TlsConnection,
  TlsContext,
  type TlsIdentity,
} from './index.js';
import { BATCH_BYTES } from './record-batch.js';

const ALICE = 'spiffe://cluster.local/ns/shop/sa/alice';
const BOB = 'spiffe://cluster.local/ns/shop/sa/bob';

const disposers: (() => void)[] = [];
const sockets = new Set<number>();
let authority: TestAuthority;
let alice: TestIdentity;
let bob: TestIdentity;

beforeAll(async () => {
  authority = await TestAuthority.create();
  [alice, bob] = await Promise.all([authority.issue(ALICE), authority.issue(BOB)]);
});
afterEach(() => {
  for (const dispose of disposers.splice(0).reverse()) dispose();
  for (const fd of sockets) closeSocket(fd);
});

function closeSocket(fd: number): void {
  if (sockets.delete(fd)) closeDescriptor(fd);
}

function contextOf(identity: TlsIdentity, profile?: TlsProfileName): TlsContext {
  const made = TlsContext.create(identity, profile && TLS_PROFILES[profile]);
  if (!made.ok) throw made.error;
  disposers.push(() => made.value.free());
  return made.value;
}

/** Two connected TCP sockets on loopback. */
function socketPair(): readonly [number, number] {
  const listener = tcpSocket.open(4);
  tcpSocket.bind(listener, parseSocketAddress('127.0.0.1:0')!, 4);
  tcpSocket.listen(listener, 1);
  const client = tcpSocket.open(4);
  tcpSocket.connect(client, tcpSocket.localAddress(listener)!, 4);
  const epoll = new Epoll();
  epoll.add(listener, EPOLLIN);
  epoll.wait(2000);
  const server = tcpSocket.accept(listener);
  epoll.close();
  closeDescriptor(listener);
  socketOptions.setNoDelay(client);
  sockets.add(client).add(server);
  return [client, server];
}

interface Pair {
  readonly client: TlsConnection;
  readonly server: TlsConnection;
  readonly fds: readonly [number, number];
  readonly contexts: readonly TlsContext[];
}

function connect(clientIdentity: TlsIdentity, serverIdentity: TlsIdentity, profiles: Profiles = []): Pair {
  const fds = socketPair();
  const contexts = [contextOf(clientIdentity, profiles[0]), contextOf(serverIdentity, profiles[1])] as const;
  const client = new TlsConnection(contexts[0], fds[0], 'client');
  const server = new TlsConnection(contexts[1], fds[1], 'server');
  disposers.push(
    () => client.free(),
    () => server.free(),
  );
  return { client, server, fds, contexts };
}

/** Of the client and of the server. */
type Profiles = readonly [] | readonly [TlsProfileName, TlsProfileName];

/** Drives both sides until neither wants more; returns the last result of each. */
function shakeHands({ client, server }: Pair): readonly [number, number] {
  let results: readonly [number, number] = [TLS_WANT_READ, TLS_WANT_READ];
  const step = (result: number, side: TlsConnection) =>
    result < 0 && result !== TLS_FAILED ? side.handshake() : result;
  for (let i = 0; i < 20; i++) results = [step(results[0], client), step(results[1], server)];
  return results;
}

function readSome(side: TlsConnection, fd: number, want: number): Buffer {
  const into = Memory.allocate(want + 16_384);
  const epoll = new Epoll(4);
  epoll.add(fd, EPOLLIN);
  let got = 0;
  while (got < want) {
    const n = side.read(into, got, into.length - got);
    if (n > 0) got += n;
    else if (n === TLS_WANT_READ) epoll.wait(1000);
    else break;
  }
  epoll.close();
  return into.bytes.subarray(0, got);
}

/** The last result once it is another than TLS_WANT_WRITE. */
function writeSoon(side: TlsConnection, from: Memory): number {
  const end = performance.now() + 5000;
  let result = TLS_WANT_WRITE;
  while (result === TLS_WANT_WRITE && performance.now() < end) result = side.write(from, 0, from.length);
  return result;
}

describe('mutual TLS', () => {
  it('both sides show and verify an SVID, and read the peer identity from its leaf', () => {
    const pair = connect(alice, bob);
    expect(shakeHands(pair)).toEqual([TLS_DONE, TLS_DONE]);
    expect(uriSansOfCertificate(pair.client.peerCertificate()!)).toEqual([BOB]);
    expect(uriSansOfCertificate(pair.server.peerCertificate()!)).toEqual([ALICE]);
    expect(new X509Certificate(pair.server.peerCertificate()!).raw.equals(pair.server.peerCertificate()!)).toBe(true);
  });

  it.each<[TlsProfileName, TlsProfileName, string | null]>([
    ['default', 'default', 'X25519MLKEM768'],
    ['pqc', 'default', 'X25519MLKEM768'],
    ['default', 'pqc', 'X25519MLKEM768'],
    ['pqc', 'pqc', 'X25519MLKEM768'],
    ['fips', 'default', 'secp256r1'],
    ['default', 'fips', 'secp256r1'],
    ['fips', 'fips', 'secp256r1'],
    ['pqc', 'fips', null],
    ['fips', 'pqc', null],
  ])('a client of profile %s and a server of %s agree on %s', (client, server, group) => {
    const pair = connect(alice, bob, [client, server]);
    const done = shakeHands(pair);
    if (group === null) expect(done).not.toContain(TLS_DONE);
    else expect([done, pair.server.keyExchangeGroup()]).toEqual([[TLS_DONE, TLS_DONE], group]);
  });

  it('shows the verified chain up to the root, which revocation goes by', () => {
    const pair = connect(alice, bob);
    expect(pair.server.peerChain()).toEqual([]);
    shakeHands(pair);
    const root = new X509Certificate(authority.rootsPem).raw;
    expect(pair.server.peerChain()).toEqual([pair.server.peerCertificate(), root]);
  });

  it('moves bytes both ways, in records larger than one and after WANT_WRITE', () => {
    const pair = connect(alice, bob);
    shakeHands(pair);
    const sent = Memory.of(Buffer.alloc(4 * 1024 * 1024, 'weft'));
    let written = 0;
    const received: Buffer[] = [];
    const into = Memory.allocate(262_144);
    for (let total = 0, idle = 0; total < sent.length && idle < 1000;) {
      const n = pair.server.read(into, 0, into.length);
      if (n > 0) {
        received.push(Buffer.from(into.bytes.subarray(0, n)));
        total += n;
      } else idle++;
      if (written < sent.length) written += Math.max(0, pair.client.write(sent, written, sent.length - written));
    }
    expect(written).toBe(sent.length);
    expect(Buffer.concat(received).equals(sent.bytes)).toBe(true);
    pair.server.write(Memory.of(Buffer.from('back')), 0, 4);
    expect(readSome(pair.client, pair.fds[0], 4).toString()).toBe('back');
  });

  it('reads go on while a long write waits for room', () => {
    const pair = connect(alice, bob);
    shakeHands(pair);
    const long = Memory.of(Buffer.alloc(BATCH_BYTES, 'weft'));
    let taken = 0;
    while (pair.client.write(long, 0, long.length) > 0) taken += long.length;
    pair.server.write(Memory.of(Buffer.from('hello')), 0, 5);
    expect(readSome(pair.client, pair.fds[0], 5).toString()).toBe('hello');
    expect(readSome(pair.server, pair.fds[1], taken).length).toBeGreaterThanOrEqual(taken);
    expect(writeSoon(pair.client, long)).toBe(long.length);
  });

  it('a long write that is given up leaves nothing behind for other connections', () => {
    const long = Memory.of(Buffer.alloc(BATCH_BYTES, 'left'));
    for (let i = 0; i < 10; i++) {
      const stuck = connect(alice, bob);
      shakeHands(stuck);
      while (stuck.client.write(long, 0, long.length) !== TLS_WANT_WRITE);
      const other = connect(alice, bob);
      shakeHands(other);
      const bytes = Memory.of(Buffer.alloc(40_000, `${i}`));
      expect(other.client.write(bytes, 0, bytes.length)).toBe(bytes.length);
      stuck.client.free();
      expect(other.client.write(bytes, 0, bytes.length)).toBe(bytes.length);
      const got = readSome(other.server, other.fds[1], 2 * bytes.length);
      expect(got.equals(Buffer.concat([bytes.bytes, bytes.bytes]))).toBe(true);
    }
  });

  it('a long write to a socket that was reset fails, and says so', () => {
    const pair = connect(alice, bob);
    shakeHands(pair);
    const long = Memory.of(Buffer.alloc(BATCH_BYTES));
    while (pair.client.write(long, 0, long.length) !== TLS_WANT_WRITE);
    closeSocket(pair.fds[1]);
    expect(writeSoon(pair.client, long)).toBe(TLS_FAILED);
    expect(pair.client.failure?.code).toBe('TLS_TRANSPORT_CLOSED');
  });

  it('tells close_notify from a cut connection', () => {
    const orderly = connect(alice, bob);
    shakeHands(orderly);
    orderly.client.shutdown();
    expect(orderly.server.read(Memory.allocate(100), 0, 100)).toBe(TLS_CLOSED);

    const cut = connect(alice, bob);
    shakeHands(cut);
    closeSocket(cut.fds[0]);
    expect(cut.server.read(Memory.allocate(100), 0, 100)).toBe(TLS_FAILED);
    expect(cut.server.failure).toMatchObject({ code: 'TLS_TRANSPORT_CLOSED' });
  });

  it('refuses a server whose chain leads to another root', async () => {
    const stranger = await (await TestAuthority.create()).issue(BOB);
    const pair = connect(alice, stranger);
    expect(shakeHands(pair)[0]).toBe(TLS_FAILED);
    expect(pair.client.failure).toMatchObject({ code: 'TLS_PEER_UNTRUSTED' });
  });

  it('refuses a client whose chain leads to another root', async () => {
    const stranger = await (await TestAuthority.create()).issue(ALICE);
    const pair = connect({ ...stranger, rootsPem: authority.rootsPem }, bob);
    expect(shakeHands(pair)[1]).toBe(TLS_FAILED);
    expect(pair.server.failure).toMatchObject({ code: 'TLS_PEER_UNTRUSTED' });
    // In TLS 1.3 the client learns it with its first read.
    expect(pair.client.read(Memory.allocate(10), 0, 10)).toBe(TLS_FAILED);
    expect(pair.client.failure?.message).toMatch(/alert/);
  });

  it('refuses an expired certificate, on either side', async () => {
    const hour = 3_600_000;
    const expired = await authority.issue(ALICE, { at: Date.now() - 24 * hour, ttlMs: hour });
    const asServer = connect(bob, expired);
    expect(shakeHands(asServer)[0]).toBe(TLS_FAILED);
    expect(asServer.client.failure?.message).toContain('certificate has expired');
    const asClient = connect(expired, bob);
    expect(shakeHands(asClient)[1]).toBe(TLS_FAILED);
    expect(asClient.server.failure?.message).toContain('certificate has expired');
  });

  it('trusts both roots of a bundle during a rotation of the root', async () => {
    const next = await TestAuthority.create();
    const rootsPem = authority.rootsPem + next.rootsPem;
    const moved = { ...(await next.issue(BOB)), rootsPem };
    expect(shakeHands(connect({ ...alice, rootsPem }, moved))).toEqual([TLS_DONE, TLS_DONE]);
  });

  it('keeps a connection alive when its context is freed (rotation of an identity)', () => {
    const pair = connect(alice, bob);
    shakeHands(pair);
    pair.contexts.forEach((context) => context.free());
    pair.client.write(Memory.of(Buffer.from('still')), 0, 5);
    expect(readSome(pair.server, pair.fds[1], 5).toString()).toBe('still');
  });
});

describe('against node:tls', () => {
  const tlsOptions = (identity: TestIdentity): tls.TlsOptions & tls.ConnectionOptions => ({
    cert: identity.certificateChainPem,
    key: identity.privateKeyPem,
    ca: identity.rootsPem,
    requestCert: true,
    rejectUnauthorized: true,
    checkServerIdentity: () => undefined,
    ALPNProtocols: ['h2'],
  });

  async function nodeClient(options: tls.ConnectionOptions, server: TlsIdentity) {
    const listener = tcpSocket.open(4);
    tcpSocket.bind(listener, parseSocketAddress('127.0.0.1:0')!, 4);
    tcpSocket.listen(listener, 1);
    const { port } = tcpSocket.localAddress(listener)!;
    const socket = tls.connect({ ...options, port, host: '127.0.0.1' });
    const failed = new Promise<Error>((resolve) => socket.on('error', resolve));
    disposers.push(() => socket.destroy());
    await once(socket, 'connect');
    const fd = tcpSocket.accept(listener);
    closeDescriptor(listener);
    const engine = new TlsConnection(contextOf(server), fd, 'server');
    sockets.add(fd);
    disposers.push(() => engine.free());
    let result: number = TLS_WANT_READ;
    for (let i = 0; i < 500 && (result === TLS_WANT_READ || result < -1) && result !== TLS_FAILED; i++) {
      result = engine.handshake();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { socket, engine, result, failed, fd };
  }

  it('serves a node client: TLS 1.3, AES-GCM, post-quantum key exchange, no session ticket', async () => {
    const { socket, engine, result } = await nodeClient(tlsOptions(alice), bob);
    let tickets = 0;
    socket.on('session', () => tickets++);
    expect(result).toBe(TLS_DONE);
    expect(socket.getProtocol()).toBe('TLSv1.3');
    expect(socket.getCipher().name).toBe('TLS_AES_256_GCM_SHA384');
    expect(socket.alpnProtocol).toBe('h2');
    expect(engine.keyExchangeGroup()).toBe('X25519MLKEM768');
    expect(uriSansOfCertificate(engine.peerCertificate()!)).toEqual([ALICE]);
    engine.write(Memory.of(Buffer.from('hello')), 0, 5);
    const [data] = (await once(socket, 'data')) as [Buffer];
    expect(data.toString()).toBe('hello');
    expect(tickets).toBe(0);
  });

  it.each([
    ['TLS 1.2', { maxVersion: 'TLSv1.2' as const, minVersion: 'TLSv1.2' as const }],
    ['another ALPN', { ALPNProtocols: ['http/1.1'] }],
    ['no ALPN', { ALPNProtocols: [] }],
    ['ChaCha20 alone', { ciphers: 'TLS_CHACHA20_POLY1305_SHA256' }],
    ['no client certificate', { cert: '', key: '' }],
  ])('refuses a client with %s', async (_, changed) => {
    const { result, engine } = await nodeClient({ ...tlsOptions(alice), ...changed }, bob);
    expect(result).toBe(TLS_FAILED);
    expect(engine.failure).not.toBeNull();
  });

  it('connects to a node server', async () => {
    const server = tls.createServer(tlsOptions(bob), (socket) => {
      socket.on('error', () => undefined);
      socket.end('from node');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    disposers.push(() => void server.close());
    const fd = tcpSocket.open(4);
    tcpSocket.connect(fd, parseSocketAddress(`127.0.0.1:${(server.address() as net.AddressInfo).port}`)!, 4);
    const epoll = new Epoll();
    epoll.add(fd, EPOLLOUT);
    epoll.wait(1000);
    epoll.close();
    const engine = new TlsConnection(contextOf(alice), fd, 'client');
    sockets.add(fd);
    disposers.push(() => engine.free());
    const into = Memory.allocate(64);
    let text = '';
    for (let i = 0, done = false; i < 2000 && text !== 'from node'; i++) {
      if (!done) done = engine.handshake() === TLS_DONE;
      else {
        const n = engine.read(into, 0, 64);
        if (n > 0) text += into.bytes.toString('latin1', 0, n);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(text).toBe('from node');
    expect(uriSansOfCertificate(engine.peerCertificate()!)).toEqual([BOB]);
  });
});

describe('TlsContext', () => {
  it.each([
    ['certificate chain', { certificateChainPem: '' }],
    ['private key', { privateKeyPem: 'nonsense' }],
    ['trust bundle', { rootsPem: '' }],
  ])('names the %s when it is not usable', (part, change) => {
    const made = TlsContext.create({ ...alice, ...change });
    expect(made).toMatchObject({ ok: false, error: { code: 'TLS_BAD_IDENTITY' } });
    if (!made.ok) expect(made.error.message).toContain(part);
  });

  it('refuses a key that belongs to another certificate', () => {
    const made = TlsContext.create({ ...alice, privateKeyPem: bob.privateKeyPem });
    expect(made.ok).toBe(false);
    if (!made.ok) expect(made.error.message).toContain('does not fit');
  });

  it('refuses an encrypted key at once instead of asking for a passphrase', () => {
    const encrypted =
      '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIBvTBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQIAAAAAAAAAAACAggA\n-----END ENCRYPTED PRIVATE KEY-----\n';
    expect(TlsContext.create({ ...alice, privateKeyPem: encrypted }).ok).toBe(false);
  });

  it('throws on use after free', () => {
    const context = contextOf(alice);
    context.free();
    expect(() => context.handle).toThrow('after free');
  });
});
