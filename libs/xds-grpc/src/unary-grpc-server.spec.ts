import fc from 'fast-check';
import { connect, type ClientHttp2Session, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { ChannelCredentials, Client, status, type ServiceError } from '@grpc/grpc-js';
import { TestAuthority, type TestIdentity } from '@weft/testing-certificates';
import { percentEncoded, readUnaryMessage, unaryFrame } from './grpc-wire.js';
import type { UnaryHandler } from './unary-exchange.js';
import { UnaryGrpcServer } from './unary-grpc-server.js';

const ECHO = '/test.Echo/Say';
let authority: TestAuthority;
let identity: TestIdentity;
let server: UnaryGrpcServer;
let port: number;
let session: ClientHttp2Session;
let failures: string[];
const stopping = new Set<() => void>();

beforeAll(async () => {
  authority = await TestAuthority.create();
  identity = await authority.issue('spiffe://cluster.local/ns/a/sa/server', { dnsNames: ['localhost'] });
});

async function start(say: UnaryHandler): Promise<void> {
  failures = [];
  server = new UnaryGrpcServer({
    methods: { [ECHO]: say },
    largestRequestBytes: 1000,
    requestClientCertificate: true,
    onHandlerFailure: (failure) => failures.push(failure.message),
  });
  server.useCertificate(identity);
  port = await server.listen('127.0.0.1', 0);
  session = connect(`https://127.0.0.1:${port}`, { ca: authority.rootsPem, servername: 'localhost' });
  session.on('error', () => undefined);
}
const echo: UnaryHandler = ({ message }) => Promise.resolve({ ok: true, value: message });
afterEach(async () => {
  session.destroy();
  for (const close of stopping) close();
  stopping.clear();
  await server.stop(AbortSignal.abort());
});

/** What came back: the headers, or the trailers if there were any. */
async function request(body: Buffer, headers: OutgoingHttpHeaders = {}): Promise<IncomingHttpHeaders> {
  const base = { ':method': 'POST', ':path': ECHO, 'content-type': 'application/grpc', te: 'trailers' };
  const stream = session.request({ ...base, ...headers });
  stream.on('error', () => undefined).resume();
  let last: IncomingHttpHeaders = {};
  const keep = (fields: IncomingHttpHeaders): void => {
    last = fields;
  };
  stream.on('response', keep).on('trailers', keep);
  stream.end(body);
  await new Promise<void>((resolve) => stream.once('close', () => resolve()));
  return last;
}

function grpcClient(identityOfClient?: TestIdentity): Client {
  const [key, chain] = [identityOfClient?.privateKeyPem, identityOfClient?.certificateChainPem];
  const credentials = ChannelCredentials.createSsl(
    Buffer.from(authority.rootsPem),
    key === undefined ? null : Buffer.from(key),
    chain === undefined ? null : Buffer.from(chain),
  );
  const client = new Client(`127.0.0.1:${port}`, credentials, { 'grpc.ssl_target_name_override': 'localhost' });
  stopping.add(() => client.close());
  return client;
}
const same = (bytes: Buffer): Buffer => bytes;
const call = (client: Client, message: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    client.makeUnaryRequest(ECHO, same, same, message, { deadline: Date.now() + 10_000 }, (failure, answer) =>
      failure === null ? resolve(answer!) : reject(failure),
    );
  });

it('answers grpc-js', async () => {
  await start(echo);
  const client = grpcClient();
  for (const size of [0, 1, 1000]) expect(await call(client, Buffer.alloc(size, 7))).toHaveLength(size);
});

it('tells grpc-js a refusal with its text and its trailers', async () => {
  const error = {
    code: status.RESOURCE_EXHAUSTED,
    message: 'später: 50 %\n',
    trailers: { 'grpc-retry-pushback-ms': '7' },
  };
  await start(() => Promise.resolve({ ok: false, error }));
  const failure = await call(grpcClient(), Buffer.alloc(1)).then(() => null, (thrown: unknown) => thrown as ServiceError); // prettier-ignore
  expect(failure).toMatchObject({ code: error.code, details: error.message });
  expect(failure?.metadata.get('grpc-retry-pushback-ms')).toEqual(['7']);
});

it.each<[string, Buffer, OutgoingHttpHeaders, object]>([
  ['GET', Buffer.alloc(0), { ':method': 'GET' }, { ':status': 405, allow: 'POST' }],
  ['JSON', unaryFrame(Buffer.alloc(1)), { 'content-type': 'application/json' }, { ':status': 415 }],
  ['an unknown method', unaryFrame(Buffer.alloc(1)), { ':path': '/test.Echo/Shout' }, { 'grpc-status': '12' }],
  ['a message that is too large', unaryFrame(Buffer.alloc(1001)), {}, { 'grpc-status': '8' }],
  ['a message that says it is too large', Buffer.from('00ffffffff', 'hex'), {}, { 'grpc-status': '8' }],
  ['a compressed message', Buffer.from('010000000101', 'hex'), {}, { 'grpc-status': '12' }],
  ['no message', Buffer.alloc(0), {}, { 'grpc-status': '13' }],
  ['half a message', Buffer.from('000000000201', 'hex'), {}, { 'grpc-status': '13' }],
  ['two messages', Buffer.concat([unaryFrame(Buffer.alloc(1)), unaryFrame(Buffer.alloc(1))]), {}, { 'grpc-status': '13' }],
])('%s is refused', async (_what, body, headers, answer) => {
  await start(echo);
  expect(await request(body, headers)).toMatchObject(answer);
  expect(await request(unaryFrame(Buffer.alloc(3)))).toMatchObject({ 'grpc-status': '0' });
}); // prettier-ignore

it('a handler that fails is answered INTERNAL without its text', async () => {
  await start(() => Promise.reject(new Error('secret')));
  expect(await request(unaryFrame(Buffer.alloc(1)))).toMatchObject({ 'grpc-status': '13', 'grpc-message': 'internal error' });
  expect(failures).toEqual(['secret']);
}); // prettier-ignore

it('shows the handler the certificate of the client, if it has one', async () => {
  const leaves: string[] = [];
  await start(({ peer, message }) => {
    leaves.push(peer.certificateChain[0]?.toString('base64') ?? 'none');
    return Promise.resolve({ ok: true, value: message });
  });
  const own = await (await TestAuthority.create()).issue('spiffe://cluster.local/ns/a/sa/client');
  await call(grpcClient(own), Buffer.alloc(1));
  expect(leaves[0]).toBe(own.certificateChainPem.replaceAll(/-----[^-]+-----|\s/g, ''));
  await request(unaryFrame(Buffer.alloc(1)));
  expect(leaves[1]).toBe('none');
});

it('a stop answers what is under way, and takes nothing new', async () => {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  let begun: () => void = () => undefined;
  const underWay = new Promise<void>((resolve) => (begun = resolve));
  await start(async (unary) => {
    begun();
    await held;
    return echo(unary);
  });
  const answer = request(unaryFrame(Buffer.alloc(1)));
  await underWay;
  const stopped = server.stop(new AbortController().signal);
  release();
  expect(await answer).toMatchObject({ 'grpc-status': '0' });
  await stopped;
});

it('a new certificate holds for new connections', async () => {
  await start(echo);
  const next = await TestAuthority.create();
  server.useCertificate(await next.issue('spiffe://cluster.local/ns/a/sa/server', { dnsNames: ['localhost'] }));
  expect(await request(unaryFrame(Buffer.alloc(1)))).toMatchObject({ 'grpc-status': '0' });
  session.destroy();
  session = connect(`https://127.0.0.1:${port}`, { ca: next.rootsPem, servername: 'localhost' });
  expect(await request(unaryFrame(Buffer.alloc(1)))).toMatchObject({ 'grpc-status': '0' });
});

describe('properties', () => {
  it('a message of any bytes is read back, and nothing else is read as one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), fc.uint8Array({ maxLength: 60 }), (message, junk) => {
        const frame = unaryFrame(message);
        expect(readUnaryMessage(frame, frame.length, 50)).toEqual({ ok: true, value: Buffer.from(message) });
        const read = readUnaryMessage(Buffer.from(junk), junk.length, 50);
        if (read.ok) expect([...unaryFrame(read.value)]).toEqual([...junk]);
      }),
    );
  });

  it('an encoded text is printable ASCII and decodes to what it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(percentEncoded(text)).toMatch(/^[ -~]*$/);
        expect(decodeURIComponent(percentEncoded(text))).toBe(text);
      }),
    );
  });
});
