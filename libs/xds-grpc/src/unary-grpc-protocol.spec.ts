import {
  connect,
  constants,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { timeoutMs, unaryFrame } from './grpc-wire.js';
import { ECHO, echo, UnaryRig } from './testing/unary-rig.js';
import type { UnaryAnswer, UnaryHandler } from './unary-exchange.js'; // prettier-ignore

let rig: UnaryRig;
let session: ClientHttp2Session;
let started = false;

async function start(say: UnaryHandler, options: { beforeAnswers?: () => void } = {}): Promise<void> {
  rig = await UnaryRig.start(say, options);
  started = true;
  session = connect(`https://127.0.0.1:${rig.port}`, { ca: rig.authority.rootsPem, servername: 'localhost' });
  session.on('error', () => undefined);
}
afterEach(async () => {
  if (!started) return;
  started = false;
  session.destroy();
  await rig.stop();
});

const MESSAGE = unaryFrame(Buffer.from('hello'));
interface Outcome {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly resetCode: number;
}

function request(fields: OutgoingHttpHeaders = {}, body: Buffer | null = MESSAGE): Promise<Outcome> {
  const base = { ':method': 'POST', ':path': ECHO, 'content-type': 'application/grpc', te: 'trailers' };
  const stream = session.request({ ...base, ...fields });
  const chunks: Buffer[] = [];
  let headers: IncomingHttpHeaders = {};
  stream.on('error', () => undefined).on('data', (chunk: Buffer) => chunks.push(chunk));
  const keep = (got: IncomingHttpHeaders): void => {
    headers = { ...headers, ...got };
  };
  stream.on('response', keep).on('trailers', keep);
  if (body !== null) stream.end(body);
  return new Promise((resolve) =>
    stream.once('close', () => resolve({ headers, body: Buffer.concat(chunks), resetCode: stream.rstCode })),
  );
}

it.each([
  ['1H', 3_600_000], ['2M', 120_000], ['3S', 3000], ['4m', 4], ['1500u', 2], ['1n', 1], ['99999999S', 99_999_999_000],
  ['', null], ['1', null], ['S', null], ['-1S', null], ['1.5S', null], ['123456789S', null], ['1s', null], ['1S ', null],
])('grpc-timeout %j is %j ms', (text, ms) => {
  expect(timeoutMs(text)).toBe(ms);
}); // prettier-ignore

it.each<[string, OutgoingHttpHeaders, object]>([
  ['application/grpc+proto', { 'content-type': 'application/grpc+proto' }, { 'grpc-status': '0' }],
  ['application/grpc with parameters', { 'content-type': 'application/grpc; charset=utf-8' }, { 'grpc-status': '0' }],
  ['application/grpc+json', { 'content-type': 'application/grpc+json' }, { ':status': 415 }],
  ['application/grpcx', { 'content-type': 'application/grpcx' }, { ':status': 415 }],
  ['no content-type', { 'content-type': undefined }, { ':status': 415 }],
  ['grpc-encoding identity', { 'grpc-encoding': 'identity' }, { 'grpc-status': '0' }],
  ['grpc-encoding gzip', { 'grpc-encoding': 'gzip' }, { 'grpc-status': '12', 'grpc-accept-encoding': 'identity' }],
  ['a malformed grpc-timeout', { 'grpc-timeout': '1 hour' }, { 'grpc-status': '13' }],
  ['a path of Object', { ':path': 'constructor' }, { 'grpc-status': '12' }],
])('%s', async (_what, fields, want) => {
  await start(echo);
  expect((await request(fields)).headers).toMatchObject(want);
}); // prettier-ignore

it('a refusal is one header block: Trailers-Only, with status 200', async () => {
  await start(() => Promise.resolve({ ok: false, error: { code: 7, message: 'no' } }));
  const { headers, body } = await request();
  expect(headers).toMatchObject({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '7', 'grpc-message': 'no' }); // prettier-ignore
  expect(body).toHaveLength(0);
});

it('what is refused by its head is answered before its message came, and the rest is not wanted', async () => {
  await start(echo);
  const { headers, resetCode } = await request({ ':path': '/none' }, null);
  expect(headers).toMatchObject({ 'grpc-status': '12' });
  expect(resetCode).toBe(constants.NGHTTP2_NO_ERROR);
});

it('an answer larger than window and output arrives whole', async () => {
  const large = Buffer.alloc(700_000, 'weft');
  await start(() => Promise.resolve({ ok: true, value: large }));
  const { headers, body } = await request();
  expect(headers).toMatchObject({ 'grpc-status': '0' });
  expect(body.subarray(5).equals(large)).toBe(true);
});

it('a request past its grpc-timeout is answered DEADLINE_EXCEEDED, and its late answer goes nowhere', async () => {
  let answer: (value: UnaryAnswer) => void = () => undefined;
  await start(() => new Promise((resolve) => (answer = resolve)));
  expect((await request({ 'grpc-timeout': '50m' })).headers).toMatchObject({ 'grpc-status': '4' });
  answer({ ok: true, value: Buffer.from('late') });
  expect((await request({ 'grpc-timeout': '1m' })).headers).toMatchObject({ 'grpc-status': '4' });
});

it('a client that goes away leaves nothing behind', async () => {
  let asked: () => void = () => undefined;
  const underWay = new Promise<void>((resolve) => (asked = resolve));
  let answer: (value: UnaryAnswer) => void = () => undefined;
  await start(() => {
    asked();
    return new Promise((resolve) => (answer = resolve));
  });
  const gone = request();
  await underWay;
  session.destroy();
  await gone;
  answer({ ok: true, value: Buffer.from('x') });
  await rig.server.stop(new AbortController().signal);
  expect(rig.failures).toEqual([]);
});

it('beforeAnswers is called before an answer leaves', async () => {
  const order: string[] = [];
  await start(
    (call) => {
      order.push('handled');
      return echo(call);
    },
    { beforeAnswers: () => order.push('before') },
  );
  await request();
  const handled = order.indexOf('handled');
  expect(order.slice(handled)).toEqual(expect.arrayContaining(['handled', 'before']));
});

it('a graceful stop says GOAWAY, answers what is under way and refuses what comes after', async () => {
  const answers: ((value: UnaryAnswer) => void)[] = [];
  let asked: () => void = () => undefined;
  const underWay = new Promise<void>((resolve) => (asked = resolve));
  await start(() => {
    asked();
    return new Promise((resolve) => answers.push(resolve));
  });
  const goaway = new Promise<number>((resolve) => session.once('goaway', (code: number) => resolve(code)));
  const open = request();
  await underWay;
  const stopped = rig.server.stop(new AbortController().signal);
  expect(await goaway).toBe(constants.NGHTTP2_NO_ERROR);
  answers[0]!({ ok: true, value: Buffer.from('done') });
  expect((await open).headers).toMatchObject({ 'grpc-status': '0' });
  await stopped;
});

it('PING is answered', async () => {
  await start(echo);
  await request();
  await new Promise<void>((resolve, reject) => session.ping((failure) => (failure === null ? resolve() : reject(failure)))); // prettier-ignore
});

it('a client without ALPN h2 gets nothing', async () => {
  await start(echo);
  const options = { port: rig.port, host: '127.0.0.1', ca: rig.authority.rootsPem, servername: 'localhost' };
  const socket = connectTls(options);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined).resume();
  await closed;
  expect(socket.bytesRead).toBeLessThan(5000);
});

it('a flood ends its connection with ENHANCE_YOUR_CALM, and only that', async () => {
  await start(echo);
  const options = { port: rig.port, host: '127.0.0.1', ca: rig.authority.rootsPem, servername: 'localhost' };
  const socket = connectTls({ ...options, ALPNProtocols: ['h2'] });
  const chunks: Buffer[] = [];
  socket.on('error', () => undefined).on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const settings = Buffer.from('000000040000000000', 'hex');
  const ping = Buffer.from('0000080600000000000102030405060708', 'hex');
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings, ...Array(2000).fill(ping) as Buffer[]])); // prettier-ignore
  await closed;
  // GOAWAY, of any length, on stream 0, for any last stream, with ENHANCE_YOUR_CALM (11).
  expect(Buffer.concat(chunks).toString('hex')).toMatch(/07000000000000000000000000(0b)/);
  expect((await request()).headers).toMatchObject({ 'grpc-status': '0' });
});
