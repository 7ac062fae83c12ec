import type { Duplex } from 'node:stream';
import { duplexPair } from 'node:stream';
import { until } from '@weft/testing-fixtures';
import { SpdyClient } from '../../testing/spdy-client.js';
import { FrameEncoder } from './frame-encoder.js';
import { RST_STATUS } from './spdy-frame.js';
import { SpdySession } from './spdy-session.js';
import type { SpdyStream } from './spdy-stream.js';

describe('a SPDY/3.1 session', () => {
  const streams: SpdyStream[] = [];
  let client: SpdyClient;
  let server: Duplex;
  let session: SpdySession;
  let closes: number;

  beforeEach(() => {
    streams.length = 0;
    closes = 0;
    const [left, right] = duplexPair();
    client = new SpdyClient(left);
    server = right;
    session = new SpdySession({
      transport: right,
      accept: (headers) =>
        headers.get('streamtype') === 'unwanted' ? null : (stream): void => void streams.push(stream),
      onClose: () => closes++,
    });
  });
  afterEach(() => {
    session.destroy();
    client.transport.destroy();
  });

  const opened = (index: number): Promise<SpdyStream> => until(() => streams[index], 'a stream');

  it('a stream is answered before anything comes on it, and carries bytes both ways until both sides have ended', async () => {
    client.open(1);
    client.data(1, 'question', true);
    const stream = await opened(0);
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.end('answer');
    await until(() => stream.closed, 'both ended');
    expect(Buffer.concat(chunks).toString()).toBe('question');
    await until(() => client.frames.some((frame) => frame.type === 'data' && frame.fin), 'the end');
    expect(client.frames[0]).toMatchObject({ type: 'synReply', streamId: 1, fin: false });
    expect(client.received(1).toString()).toBe('answer');
    expect(client.frames.some(({ type }) => type === 'rstStream')).toBe(false);
  });

  it.each([
    ['an unwanted stream', 1, 'unwanted', RST_STATUS.refusedStream],
    ['a stream with an even number', 2, 'data', RST_STATUS.protocolError],
  ])('%s is refused, and the session goes on', async (_what, streamId, type, status) => {
    client.open(streamId, type);
    expect(await client.until('rstStream')).toMatchObject({ streamId, status });
    client.open(3);
    await client.until('synReply', 3);
  });

  it('a number may not come twice or go back', async () => {
    client.open(5);
    client.open(5);
    client.open(3);
    await client.until('rstStream', 3);
    expect(await client.until('rstStream', 5)).toMatchObject({ status: RST_STATUS.protocolError });
    expect(streams).toHaveLength(1);
  });

  it('after GOAWAY of the client no stream is opened', async () => {
    client.send({ type: 'goaway', lastStreamId: 0, status: 0 });
    client.open(1);
    expect(await client.until('rstStream', 1)).toMatchObject({ status: RST_STATUS.refusedStream });
  });

  it('RST_STREAM ends one stream and no other', async () => {
    client.open(1);
    client.open(3);
    const [first, second] = [await opened(0), await opened(1)];
    client.send({ type: 'rstStream', streamId: 1, status: RST_STATUS.cancel });
    await until(() => first.closed, 'closed');
    second.write('still here');
    await until(() => client.received(3).toString() === 'still here', 'data');
    expect(client.frames.some(({ type }) => type === 'rstStream')).toBe(false);
  });

  it('a stream that is destroyed here is reset there; data on the way to it is dropped', async () => {
    client.open(1);
    (await opened(0)).destroy();
    expect(await client.until('rstStream', 1)).toMatchObject({ status: RST_STATUS.cancel });
    client.data(1, 'late');
    client.data(99, 'never opened');
    expect(await client.until('rstStream', 99)).toMatchObject({ status: RST_STATUS.invalidStream });
  });

  it('PING of the client is answered, answers to ours are not', async () => {
    client.send({ type: 'ping', id: 2 }, { type: 'ping', id: 7 });
    expect(await client.until('ping')).toEqual({ type: 'ping', id: 7 });
    expect(client.frames).toHaveLength(1);
  });

  it('SETTINGS, WINDOW_UPDATE and HEADERS change nothing; a window never holds back what is sent', async () => {
    client.send(
      { type: 'settings', settings: [{ flags: 0, id: 7, value: 1 }] },
      { type: 'windowUpdate', streamId: 0, delta: 1 },
    );
    client.open(1);
    client.send({ type: 'headers', streamId: 1, fin: false, headers: new Map([['a', 'b']]) });
    const stream = await opened(0);
    const bytes = Buffer.alloc(300_000, 'x');
    stream.write(bytes);
    await until(() => client.received(1).length === bytes.length, 'all of it');
  });

  it('a write longer than a frame can be becomes several frames', async () => {
    client.open(1);
    const stream = await opened(0);
    const bytes = Buffer.alloc(2 ** 24 + 10, 'y');
    stream.end(bytes);
    await until(() => client.received(1).length === bytes.length, 'all of it');
    expect(client.received(1).equals(bytes)).toBe(true);
  });

  it('a reader that is behind holds the connection back until it reads', async () => {
    client.open(1);
    const stream = await opened(0);
    const sent = 3 * 1024 * 1024;
    for (let left = sent; left > 0; left -= 65_536) client.data(1, Buffer.alloc(65_536), left === 65_536);
    await until(() => server.isPaused(), 'paused');
    expect(stream.readableLength).toBeLessThan(2 * 1024 * 1024);
    let read = 0;
    stream.on('data', (chunk: Buffer) => (read += chunk.length));
    await until(() => read === sent, 'all of it');
    expect(server.isPaused()).toBe(false);
  });

  it('a reader that is behind and gives up lets the connection go on', async () => {
    client.open(1);
    const stream = await opened(0);
    for (let sent = 0; sent < 32; sent++) client.data(1, Buffer.alloc(65_536));
    await until(() => server.isPaused(), 'paused');
    stream.destroy();
    client.open(3);
    await client.until('synReply', 3);
  });

  it('a client that does not read holds the writer back', async () => {
    client.open(1);
    const stream = await opened(0);
    client.transport.pause();
    for (let sent = 0; sent < 20; sent++) stream.write(Buffer.alloc(65_536));
    expect(stream.writableNeedDrain).toBe(true);
    await until(() => server.writableLength > 0, 'waits');
    expect(server.writableLength).toBeLessThan(500_000);
    client.transport.resume();
    await until(() => client.received(1).length === 20 * 65_536, 'all of it');
  });

  it('bytes that are no SPDY end the session with GOAWAY', async () => {
    client.open(1);
    const stream = await opened(0);
    client.transport.write(Buffer.from('80ff0001000000000000', 'hex'));
    expect(await client.until('goaway')).toMatchObject({ status: 1, lastStreamId: 1 });
    await until(() => client.transport.readableEnded, 'the end');
    client.transport.end();
    await until(() => closes === 1 && stream.closed, 'closed');
  });

  it.each(['end', 'destroy'] as const)('a client that goes (%s) closes every stream, once', async (how) => {
    client.open(1);
    client.open(3);
    await opened(1);
    client.transport[how]();
    if (how === 'destroy') server.destroy();
    await until(() => closes === 1 && streams.every((stream) => stream.closed), 'closed');
    session.destroy();
    session.end();
    expect(closes).toBe(1);
  });

  it('bytes that came with the upgrade are read first', async () => {
    const [, transport] = duplexPair();
    const head = new FrameEncoder().encode({
      type: 'synStream',
      streamId: 1,
      associatedStreamId: 0,
      priority: 0,
      fin: true,
      unidirectional: false,
      headers: new Map(),
    });
    const early = new SpdySession({
      transport,
      head,
      accept: () => (stream) => void streams.push(stream),
      onClose: () => undefined,
    });
    expect((await opened(0)).id).toBe(1);
    early.destroy();
  });

  describe('in time', () => {
    beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance'] }));
    afterEach(() => jest.useRealTimers());
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

    const fresh = (): { client: SpdyClient; session: SpdySession; closed: () => boolean } => {
      const [left, right] = duplexPair();
      let closed = false;
      const made = new SpdySession({
        transport: right,
        accept: () => null,
        onClose: () => (closed = true),
      });
      return { client: new SpdyClient(left), session: made, closed: () => closed };
    };

    it('a PING with an even number is sent every 5 s', async () => {
      const { client: peer, session: pinging } = fresh();
      await jest.advanceTimersByTimeAsync(11_000);
      await turn();
      expect(peer.frames).toEqual([
        { type: 'ping', id: 2 },
        { type: 'ping', id: 4 },
      ]);
      pinging.destroy();
    });

    it('a client that does not hang up when all is said sees the end after 5 s, and is left after 60 s more', async () => {
      const { client: peer, session: ending, closed } = fresh();
      ending.end();
      await jest.advanceTimersByTimeAsync(4_900);
      await turn();
      expect(peer.transport.readableEnded).toBe(false);
      await jest.advanceTimersByTimeAsync(200);
      await turn();
      expect(peer.transport.readableEnded).toBe(true);
      expect(closed()).toBe(false);
      await jest.advanceTimersByTimeAsync(60_000);
      await turn();
      expect(closed()).toBe(true);
    });
  });
});
