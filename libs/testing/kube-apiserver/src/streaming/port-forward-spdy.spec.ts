import { duplexPair, type Duplex } from 'node:stream';
import { until } from '@weft/testing-fixtures';
import { SpdyClient } from '../testing/spdy-client.js';
import { PortForwardSpdy } from './port-forward-spdy.js';

describe('port-forward over SPDY', () => {
  /** The pod's ends of the connections, in the order in which they were made. */
  let pod: Duplex[];
  let ports: number[];
  let signals: AbortSignal[];
  let client: SpdyClient;

  beforeEach(() => {
    [pod, ports, signals] = [[], [], []];
    const [left, right] = duplexPair();
    client = new SpdyClient(left);
    new PortForwardSpdy(right, Buffer.alloc(0), (port, signal) => {
      if (port === 81) return Promise.reject(new Error('connection refused'));
      const [near, far] = duplexPair();
      pod.push(far);
      ports.push(port);
      signals.push(signal);
      far.on('error', () => undefined);
      return Promise.resolve(near);
    });
  });
  afterEach(() => client.transport.end());

  function open(streamId: number, type: string, id: string, port: string): void {
    const headers = new Map([
      ['streamtype', type],
      ['requestid', id],
      ['port', port],
    ]);
    client.send({
      type: 'synStream',
      streamId,
      associatedStreamId: 0,
      priority: 0,
      fin: false,
      unidirectional: false,
      headers,
    });
  }
  const ended = (streamId: number): boolean =>
    client.frames.some((frame) => frame.type === 'data' && frame.streamId === streamId && frame.fin);
  const connection = (index: number): Promise<Duplex> => until(() => pod[index], 'a connection');

  it('two streams with one id are one connection; it is made when both are there', async () => {
    open(1, 'error', '0', '80');
    await client.until('synReply', 1);
    expect(pod).toHaveLength(0);
    open(3, 'data', '0', '80');
    open(5, 'data', '1', '8080');
    open(7, 'error', '1', '8080');
    const [first, second] = [await connection(0), await connection(1)];
    expect(ports).toEqual([80, 8080]);
    let heard = '';
    second.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    client.data(5, 'hello');
    await until(() => heard === 'hello', 'bytes');
    first.write('from the first');
    await until(() => client.received(3).toString() === 'from the first', 'bytes');
    expect(client.received(5)).toHaveLength(0);
  });

  it('each side ends by itself, and the error stream ends last and empty', async () => {
    open(1, 'error', '0', '80');
    open(3, 'data', '0', '80');
    const end = await connection(0);
    end.resume();
    client.data(3, 'request', true);
    await until(() => end.readableEnded, 'the end of the request');
    end.end('late answer');
    await until(() => ended(3) && ended(1), 'both ends');
    expect(client.received(3).toString()).toBe('late answer');
    expect(client.received(1)).toHaveLength(0);
  });

  it('a connection that cannot be made is told on its error stream, and others go on', async () => {
    open(1, 'error', '0', '81');
    open(3, 'data', '0', '81');
    await until(() => ended(1) && ended(3), 'both ends');
    expect(client.received(1).toString()).toBe('error forwarding port 81 to the pod: connection refused');
    open(5, 'error', '1', '80');
    open(7, 'data', '1', '80');
    await connection(0);
  });

  it('a data stream that is reset closes its connection, and a client that goes closes all', async () => {
    for (const [index, id] of ['a', 'b'].entries()) {
      open(index * 4 + 1, 'error', id, '80');
      open(index * 4 + 3, 'data', id, '80');
    }
    const [first, second] = [await connection(0), await connection(1)];
    first.resume();
    second.resume();
    client.send({ type: 'rstStream', streamId: 3, status: 5 });
    await until(() => ended(1), 'error stream ends');
    expect(second.readableEnded).toBe(false);
    expect(signals[1]!.aborted).toBe(false);
    client.transport.end();
    await until(() => signals.every((signal) => signal.aborted), 'aborted');
  });

  it.each([
    ['an unknown type', 'stdin', '0', '80'],
    ['no id', 'data', '', '80'],
    ['no port', 'data', '0', ''],
    ['a port that is none', 'data', '0', '65536'],
    ['a port in words', 'data', '0', 'http'],
  ])('a stream with %s is refused', async (_what, type, id, port) => {
    open(1, type, id, port);
    expect(await client.until('rstStream', 1)).toMatchObject({ status: 3 });
  });

  it('a second stream of the same kind, or for another port, is refused', async () => {
    open(1, 'error', '0', '80');
    open(3, 'error', '0', '80');
    open(5, 'data', '0', '82');
    await client.until('rstStream', 3);
    await client.until('rstStream', 5);
  });

  it('a stream whose other half does not come within 30 s is reset', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance'] });
    try {
      open(1, 'error', '0', '80');
      await jest.advanceTimersByTimeAsync(30_100);
      await new Promise((resolve) => setImmediate(resolve));
      expect(client.frames.some(({ type }) => type === 'rstStream')).toBe(true);
    } finally {
      jest.useRealTimers();
    }
  });
});
