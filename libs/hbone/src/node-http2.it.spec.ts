import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import * as http2 from 'node:http2';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Http2Code } from './errors.js';
import type { HboneRequest } from './handler.js';
import { CLIENT_SETTINGS, SERVER_SETTINGS } from './settings.js';
import { SocketLink } from './testing/socket-link.js';
import { StreamWriter } from './testing/stream-writer.js';

/** What the stream's owner keeps: an echo collects and sends back once the peer is done. */
interface Echo {
  readonly chunks: Buffer[];
  writer: StreamWriter | null;
}

const disposers: Array<() => void> = [];
afterEach(() => {
  for (const dispose of disposers.splice(0).reverse()) dispose();
});

async function listen(server: Server | http2.Http2Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  disposers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Links on which the echo server resets every stream at its first byte. */
const cutUploads = new WeakSet<SocketLink>();

/** Our server: CONNECT to port 80 echoes, to anything else is 503; other methods are 400. */
function echoServer(requests: HboneRequest[], links: SocketLink[] = []): Server {
  return createServer((socket) => {
    const link: SocketLink = new SocketLink(socket, SERVER_SETTINGS, {
      onRequest: (stream, request) => {
        requests.push(request);
        stream.user = { chunks: [], writer: null } satisfies Echo;
        if (request.method !== 'CONNECT') link.connection.respond(stream, 400, [], true);
        else if (request.authority.endsWith(':80'))
          link.connection.respond(stream, 200, [['baggage', 'k8s.pod.name=b']]);
        else link.connection.respond(stream, 503, [], true);
      },
      onData: (stream, bytes, start, end) => {
        if (cutUploads.has(link)) {
          link.connection.reset(stream, Http2Code.CANCEL);
          return;
        }
        (stream.user as Echo).chunks.push(Buffer.from(bytes.subarray(start, end)));
        link.connection.consumed(stream, end - start);
      },
      onEnd: (stream) => {
        const echo = stream.user as Echo;
        if (stream.localEnded) return;
        echo.writer = new StreamWriter(link.connection, stream, Buffer.concat(echo.chunks));
        echo.writer.pump();
      },
      onReset: () => undefined,
      onWritable: (stream) => (stream.user as Echo).writer?.pump(),
      onGoaway: () => undefined,
    });
    links.push(link);
  });
}

async function nodeClient(port: number): Promise<http2.ClientHttp2Session> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  disposers.push(() => session.destroy());
  await once(session, 'connect');
  return session;
}

function open(
  session: http2.ClientHttp2Session,
  authority: string,
  headers: http2.OutgoingHttpHeaders = {},
): http2.ClientHttp2Stream {
  const stream = session.request({ ':method': 'CONNECT', ':authority': authority, ...headers });
  stream.on('error', () => undefined);
  return stream;
}

async function status(
  stream: http2.ClientHttp2Stream,
): Promise<http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader> {
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader];
  return headers;
}

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('node:http2 as client of our server', () => {
  it('CONNECT gives 200 with headers, and megabytes come back whole on many streams at once', async () => {
    const requests: HboneRequest[] = [];
    const session = await nodeClient(await listen(echoServer(requests)));
    const contents = Array.from({ length: 20 }, (_, i) => randomBytes(i === 0 ? 6_000_000 : i * 20_000));
    const echoes = contents.map(async (content, i) => {
      const stream = open(session, `10.0.0.${i}:80`, {
        baggage: 'k8s.namespace.name=default',
        forwarded: `for="10.0.0.1:${i}"`,
      });
      expect(await status(stream)).toMatchObject({ ':status': 200, baggage: 'k8s.pod.name=b' });
      stream.end(content);
      return collect(stream);
    });
    expect((await Promise.all(echoes)).map((echo, i) => echo.equals(contents[i]!))).toEqual(contents.map(() => true));
    expect(requests[3]).toEqual({
      method: 'CONNECT',
      authority: '10.0.0.3:80',
      path: '',
      headers: [
        ['baggage', 'k8s.namespace.name=default'],
        ['forwarded', 'for="10.0.0.1:3"'],
      ],
    });
  });

  it('refusals carry their status and leave the connection usable', async () => {
    const session = await nodeClient(await listen(echoServer([])));
    expect((await status(open(session, '10.0.0.1:81')))[':status']).toBe(503);
    const get = session.request({ ':path': '/' });
    get.on('error', () => undefined);
    expect((await status(get))[':status']).toBe(400);
    expect((await status(open(session, '10.0.0.1:80')))[':status']).toBe(200);
  });

  it('a header list in many CONTINUATION frames arrives, one beyond the limit is answered 431', async () => {
    const requests: HboneRequest[] = [];
    const session = await nodeClient(await listen(echoServer(requests)));
    const fits = open(session, 'a:80', { 'x-long': 'v'.repeat(40_000) });
    expect((await status(fits))[':status']).toBe(200);
    expect(requests[0]!.headers).toEqual([['x-long', 'v'.repeat(40_000)]]);
    const many = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`x-${i}`, 'v']));
    expect((await status(open(session, 'a:80', many)))[':status']).toBe(431);
  });

  it('answers PING, and a graceful shutdown lets open streams finish', async () => {
    const links: SocketLink[] = [];
    const session = await nodeClient(await listen(echoServer([], links)));
    await new Promise<void>((resolve, reject) => session.ping((error) => (error === null ? resolve() : reject(error))));
    const stream = open(session, 'a:80');
    await status(stream);
    const goaway = once(session, 'goaway');
    links[0]!.connection.shutdown();
    await goaway;
    stream.end('still served');
    expect((await collect(stream)).toString()).toBe('still served');
  });

  it('a reset reaches the other side with its code', async () => {
    const links: SocketLink[] = [];
    const session = await nodeClient(await listen(echoServer([], links)));
    const stream = open(session, 'a:80');
    await status(stream);
    const closed = new Promise((resolve) => stream.once('close', resolve));
    const [ours] = [...links[0]!.connection.streams()];
    links[0]!.connection.reset(ours!, Http2Code.CONNECT_ERROR);
    await closed;
    expect(stream.rstCode).toBe(Http2Code.CONNECT_ERROR);
  });
});

describe('resets under load', () => {
  it('uploads cut in the middle leave the connection and its window as they were', async () => {
    const links: SocketLink[] = [];
    const session = await nodeClient(await listen(echoServer([], links)));
    await status(open(session, 'a:80'));
    const [link] = links;
    cutUploads.add(link!);
    const content = randomBytes(500_000);
    for (let round = 0; round < 5; round++) {
      const cut = Array.from({ length: 10 }, async () => {
        const stream = open(session, 'a:80');
        await status(stream);
        const closed = new Promise((resolve) => stream.once('close', resolve));
        stream.end(content);
        await closed;
        return stream.rstCode;
      });
      expect(await Promise.all(cut)).toEqual(cut.map(() => Http2Code.CANCEL));
    }
    cutUploads.delete(link!);
    const stream = open(session, 'a:80');
    await status(stream);
    stream.end(content);
    expect((await collect(stream)).equals(content)).toBe(true);
    expect(link!.connection).toMatchObject({ closing: false, activeStreams: 1 });
  });
});

/** Our client over a socket; resolves per stream with the status, then with all bytes. */
class OurClient {
  readonly link: SocketLink;
  readonly goaways: number[] = [];

  constructor(port: number) {
    const socket = connect(port, '127.0.0.1');
    disposers.push(() => socket.destroy());
    this.link = new SocketLink(socket, CLIENT_SETTINGS, {
      onResponse: (stream, response) => {
        const call = stream.user as Call;
        call.status = response.status;
        call.writer.pump();
      },
      onData: (stream, bytes, start, end) => {
        (stream.user as Call).chunks.push(Buffer.from(bytes.subarray(start, end)));
        this.link.connection.consumed(stream, end - start);
      },
      onEnd: (stream) => (stream.user as Call).done(null),
      onReset: (stream, code) => (stream.user as Call).done(code),
      onWritable: (stream) => (stream.user as Call).writer.pump(),
      onGoaway: (last) => this.goaways.push(last),
    });
  }

  /** Null when the connection takes no stream now. */
  call(authority: string, content: Buffer): Promise<{ status: number; body: Buffer; code: number | null }> | null {
    const stream = this.link.connection.connect(authority, [['baggage', 'k8s.namespace.name=default']]);
    if (stream === null) return null;
    return new Promise((resolve) => {
      const call: Call = {
        status: 0,
        chunks: [],
        writer: new StreamWriter(this.link.connection, stream, content),
        done: (code) => resolve({ status: call.status, body: Buffer.concat(call.chunks), code }),
      };
      stream.user = call;
    });
  }
}

interface Call {
  status: number;
  readonly chunks: Buffer[];
  readonly writer: StreamWriter;
  readonly done: (code: number | null) => void;
}

describe('our client to a node:http2 server', () => {
  function nodeServer(settings: http2.Settings = {}): http2.Http2Server {
    const server = http2.createServer({ settings });
    server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      if (headers[':method'] !== 'CONNECT' || headers['baggage'] !== 'k8s.namespace.name=default')
        stream.respond({ ':status': 400 }, { endStream: true });
      else if (headers[':authority'] === 'reset:80') stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      else if (headers[':authority'] === 'denied:80') stream.respond({ ':status': 401 }, { endStream: true });
      else {
        stream.respond({ ':status': 200 });
        stream.pipe(stream);
      }
    });
    return server;
  }

  it.each([
    ['default settings', {}],
    ['small windows and a small header table', { initialWindowSize: 1000, headerTableSize: 64 }],
    ['large frames', { maxFrameSize: 1_048_576, initialWindowSize: 1_000_000 }],
  ])('megabytes come back whole on many streams at once: %s', async (_name, settings) => {
    const client = new OurClient(await listen(nodeServer(settings)));
    const contents = Array.from({ length: 20 }, (_, i) => randomBytes(i === 0 ? 2_000_000 : i * 10_000));
    const calls = contents.map(async (content, i) => {
      const result = await client.call(`10.0.0.${i}:80`, content);
      return result?.status === 200 && result.body.equals(content);
    });
    expect(await Promise.all(calls)).toEqual(contents.map(() => true));
    expect(client.link.connection.activeStreams).toBe(0);
  });

  it('statuses and resets arrive, also when the peer has no header table', async () => {
    const client = new OurClient(await listen(nodeServer({ headerTableSize: 0 })));
    expect(await client.call('denied:80', Buffer.alloc(0))).toMatchObject({ status: 401, code: null });
    expect(await client.call('reset:80', Buffer.alloc(0))).toMatchObject({ code: Http2Code.REFUSED_STREAM });
    expect(await client.call('a:80', Buffer.from('x'))).toMatchObject({ status: 200, body: Buffer.from('x') });
  });

  it('keeps to the server’s stream limit', async () => {
    const client = new OurClient(await listen(nodeServer({ maxConcurrentStreams: 2 })));
    await client.call('a:80', Buffer.from('x'));
    const calls = ['1', '2'].map(async (text) => client.call(`${text}:80`, Buffer.from(text)));
    expect(client.call('c:80', Buffer.from('3'))).toBeNull();
    expect((await Promise.all(calls)).map((result) => result?.body.toString())).toEqual(['1', '2']);
    expect(await client.call('c:80', Buffer.from('3'))).toMatchObject({ status: 200 });
  });

  it('learns of GOAWAY and opens no more streams', async () => {
    const server = nodeServer();
    const session = once(server, 'session') as Promise<[http2.ServerHttp2Session]>;
    const client = new OurClient(await listen(server));
    await client.call('a:80', Buffer.from('x'));
    const closed = once(client.link.socket, 'close');
    (await session)[0].close();
    await closed;
    expect(client.goaways.length).toBeGreaterThan(0);
    expect(client.link.connection).toMatchObject({ closing: true });
    expect(client.call('a:80', Buffer.from('x'))).toBeNull();
  });
});
