import { duplexPair, PassThrough } from 'node:stream';
import { until } from '@weft/testing-fixtures';
import { SpdyClient } from '../testing/spdy-client.js';
import { ExecSpdy } from './exec-spdy.js';
import type { ExecSession } from './kubelet-connector.js';

const NONE = Buffer.alloc(0);
const ALL = { stdin: true, stdout: true, stderr: true, tty: false };

class FakeCommand implements ExecSession {
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly sizes: string[] = [];
  readonly exit: Promise<number>;
  killed = false;
  #exit: (code: number) => void = () => undefined;

  constructor() {
    this.exit = new Promise((resolve) => (this.#exit = resolve));
  }

  end(code: number): void {
    this.stdout.end();
    this.stderr.end();
    this.#exit(code);
  }

  resize(columns: number, rows: number): void {
    this.sizes.push(`${columns}x${rows}`);
  }

  kill(): void {
    this.killed = true;
    this.stdin.destroy();
  }
}

describe('exec over SPDY', () => {
  let client: SpdyClient;
  let command: FakeCommand;

  function start(streams = ALL): void {
    const [left, right] = duplexPair();
    client = new SpdyClient(left);
    command = new FakeCommand();
    new ExecSpdy(right, NONE, command, streams);
  }
  afterEach(async () => {
    client.transport.end();
    await until(() => command.killed, 'killed');
  });

  const status = (streamId: number): unknown => JSON.parse(client.received(streamId).toString()) as unknown;

  it('no output is sent before all streams are open; none of it is lost', async () => {
    start({ ...ALL, stdin: false });
    command.stdout.write('early');
    client.open(1, 'error');
    client.open(3, 'stdout');
    await client.until('synReply', 3);
    client.send({ type: 'ping', id: 1 });
    await client.until('ping');
    expect(client.frames.some(({ type }) => type === 'data')).toBe(false);
    client.open(5, 'stderr');
    await until(() => client.received(3).toString() === 'early', 'output');
    command.end(0);
    await until(() => client.received(1).length > 0, 'status');
    expect(status(1)).toEqual({ metadata: {}, status: 'Success' });
  });

  it('the exit code comes after all output, and every stream ends', async () => {
    start();
    for (const [index, type] of ['error', 'stdin', 'stdout', 'stderr'].entries()) client.open(index * 2 + 1, type);
    command.stdout.write(Buffer.alloc(500_000, 'o'));
    command.stderr.write('complaint');
    command.end(9);
    const ended = (streamId: number): boolean =>
      client.frames.some((frame) => frame.type === 'data' && frame.streamId === streamId && frame.fin);
    await until(() => [1, 3, 5, 7].every(ended), 'all ends');
    expect(client.received(5)).toHaveLength(500_000);
    expect(client.received(7).toString()).toBe('complaint');
    expect(status(1)).toMatchObject({ reason: 'NonZeroExitCode', details: { causes: [{ message: '9' }] } });
    const order = client.frames.map((frame) => (frame.type === 'data' ? frame.streamId : 0));
    expect(order.indexOf(1)).toBeGreaterThan(order.lastIndexOf(5) - 1);
  });

  it.each([
    ['ends its input', (): void => client.data(3, 'last', true)],
    ['resets its input', (): void => client.send({ type: 'rstStream', streamId: 3, status: 5 })],
  ])('a client that %s ends the input of the command', async (_what, act) => {
    start();
    for (const [index, type] of ['error', 'stdin', 'stdout', 'stderr'].entries()) client.open(index * 2 + 1, type);
    await client.until('synReply', 7);
    act();
    await until(() => command.stdin.writableEnded, 'the end');
  });

  it('a client that resets an output does not stop the command', async () => {
    start();
    for (const [index, type] of ['error', 'stdin', 'stdout', 'stderr'].entries()) client.open(index * 2 + 1, type);
    await client.until('synReply', 7);
    client.send({ type: 'rstStream', streamId: 5, status: 5 });
    for (let written = 0; written < 8; written++) {
      if (!command.stdout.write(Buffer.alloc(65_536))) await until(() => !command.stdout.writableNeedDrain, 'read');
    }
    command.end(0);
    await until(() => client.received(1).length > 0, 'status');
    expect(status(1)).toMatchObject({ status: 'Success' });
  });

  it('sizes of the terminal are lines of JSON, cut anywhere; what is none changes nothing', async () => {
    start({ stdin: false, stdout: true, stderr: false, tty: true });
    for (const [index, type] of ['error', 'stdout', 'resize'].entries()) client.open(index * 2 + 1, type);
    client.data(5, '{"Width":80,"Hei');
    client.data(5, 'ght":24}\nnonsense\n{"Width":-1,"Height":1}\n{"Width":100,"Height":40}\n');
    await until(() => command.sizes.length === 2, 'sizes');
    expect(command.sizes).toEqual(['80x24', '100x40']);
  });

  it.each([
    ['a stream that was not asked for', 'resize'],
    ['a stream without a type', ''],
  ])('%s is refused', async (_what, type) => {
    start();
    client.open(1, type);
    expect(await client.until('rstStream', 1)).toMatchObject({ status: 3 });
  });

  it('a second stream of one type is refused', async () => {
    start();
    client.open(1, 'stdout');
    client.open(3, 'stdout');
    expect(await client.until('rstStream', 3)).toMatchObject({ status: 3 });
  });

  it('a command that cannot tell its exit code is an internal error', async () => {
    const [left, right] = duplexPair();
    client = new SpdyClient(left);
    command = new FakeCommand();
    const broken = Object.assign(Object.create(command) as FakeCommand, {
      exit: Promise.reject(new Error('node is gone')),
    });
    new ExecSpdy(right, NONE, broken, { stdin: false, stdout: true, stderr: false, tty: false });
    client.open(1, 'error');
    client.open(3, 'stdout');
    await until(() => client.received(1).length > 0, 'status');
    expect(status(1)).toMatchObject({ code: 500, message: expect.stringContaining('node is gone') as unknown });
    command.kill();
  });

  it('a client that does not open its streams within 30 s is left', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance'] });
    try {
      start();
      client.open(1, 'error');
      await jest.advanceTimersByTimeAsync(29_900);
      expect(command.killed).toBe(false);
      await jest.advanceTimersByTimeAsync(200);
      expect(command.killed).toBe(true);
    } finally {
      jest.useRealTimers();
    }
  });
});
