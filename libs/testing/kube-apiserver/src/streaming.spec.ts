import { PassThrough } from 'node:stream';
import WebSocket from 'ws';
import { until } from '@weft/testing-fixtures';
import type { ApiServer } from './api-server.js';
import type {
  ContainerRef,
  ExecOptions,
  ExecSession,
  KubeletConnector,
  LogOptions,
} from './streaming/kubelet-connector.js';
import { ApiClient, pod, startServer } from './testing/test-server.js';

const PODS = '/api/v1/namespaces/default/pods';

/** A node whose containers answer by themselves: `cat` echoes, `fail` ends with 3, `both` writes to both outputs. */
class FakeKubelet implements KubeletConnector {
  readonly logCalls: { ref: ContainerRef; options: LogOptions; signal: AbortSignal }[] = [];
  readonly execCalls: { ref: ContainerRef; options: ExecOptions }[] = [];
  readonly sizes: string[] = [];
  killed = 0;

  logs(ref: ContainerRef, options: LogOptions, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    this.logCalls.push({ ref, options, signal });
    if (options.previous) return Promise.reject(new Error('previous terminated container "main" not found'));
    async function* lines(): AsyncGenerator<Buffer> {
      yield Buffer.from('one\ntwo\n');
      if (!options.follow) return;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    }
    return Promise.resolve(lines());
  }

  exec(ref: ContainerRef, options: ExecOptions): Promise<ExecSession> {
    this.execCalls.push({ ref, options });
    const stdin = new PassThrough();
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const end = (code: number): number => {
      stdout.end();
      stderr.end();
      return code;
    };
    let exit: Promise<number>;
    if (options.command[0] === 'cat') {
      stdin.pipe(stdout);
      exit = new Promise((resolve) => stdin.on('end', () => resolve(end(0))));
    } else {
      if (options.command[0] === 'both') {
        stdout.write('to stdout');
        stderr.write('to stderr');
      }
      exit = Promise.resolve(end(options.command[0] === 'fail' ? 3 : 0));
    }
    return Promise.resolve({
      stdin,
      stdout,
      stderr,
      exit,
      resize: (columns, rows) => this.sizes.push(`${columns}x${rows}`),
      kill: () => {
        this.killed++;
        stdin.destroy();
      },
    });
  }
}

class ExecClient {
  readonly channels = new Map<number, string>();
  readonly closed: Promise<void>;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) =>
      this.channels.set(data[0]!, (this.channels.get(data[0]!) ?? '') + data.subarray(1).toString()),
    );
    this.closed = new Promise((resolve) => socket.on('close', () => resolve()));
    socket.on('error', () => undefined);
  }

  static open(server: ApiServer, path: string, protocols: string[]): Promise<ExecClient> {
    const socket = new WebSocket(`wss://127.0.0.1:${server.ports[0]!}${path}`, protocols, {
      ca: server.caPem,
      headers: { authorization: `Bearer ${server.adminToken}` },
    });
    const client = new ExecClient(socket);
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(client));
      socket.once('unexpected-response', (_request, response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => reject(new Error(text)));
      });
      socket.once('error', reject);
    });
  }

  send(channel: number, text: string | Buffer): void {
    this.socket.send(Buffer.concat([Buffer.of(channel), Buffer.from(text)]));
  }

  get status(): unknown {
    return JSON.parse(this.channels.get(3) ?? 'null') as unknown;
  }
}

describe('logs and exec', () => {
  let server: ApiServer;
  let api: ApiClient;
  let kubelet: FakeKubelet;

  beforeAll(async () => {
    kubelet = new FakeKubelet();
    server = await startServer({ kubelet });
    api = new ApiClient(server);
    await api.post(PODS, pod('p', {}, { nodeName: 'n1' }));
    await api.post(PODS, pod('waiting'));
    await api.post(
      PODS,
      pod(
        'two',
        {},
        {
          nodeName: 'n1',
          containers: [
            { name: 'a', image: 'i' },
            { name: 'b', image: 'i' },
          ],
        },
      ),
    );
  });
  afterAll(() => server.stop());

  it('logs are the bytes of the node, with the options of the request', async () => {
    const { status, text, headers } = await api.get(
      `${PODS}/p/log?tailLines=5&sinceSeconds=60&timestamps=true&limitBytes=99`,
    );
    expect([status, text, headers['content-type']]).toEqual([200, 'one\ntwo\n', 'text/plain']);
    expect(kubelet.logCalls.at(-1)).toMatchObject({
      ref: { namespace: 'default', pod: 'p', container: 'main' },
      options: { follow: false, previous: false, tailLines: 5, sinceSeconds: 60, timestamps: true, limitBytes: 99 },
    });
  });

  it('a client that stops following releases the node', async () => {
    const stream = await api.watch(`${PODS}/p/log?follow=true`);
    const { signal } = kubelet.logCalls.at(-1)!;
    expect(signal.aborted).toBe(false);
    stream.close();
    await until(() => signal.aborted, 'abort');
  });

  it.each([
    ['an unknown pod', 'none/log', 404, 'pods "none" not found'],
    ['an unknown container', 'p/log?container=x', 400, 'container x is not valid for pod p'],
    ['several containers and none named', 'two/log', 400, 'choose one of: [a b]'],
    ['a pod without a node', 'waiting/log', 400, 'does not have a host assigned'],
    ['what the node refuses', 'p/log?previous=true', 400, 'previous terminated container'],
  ])('logs of %s are refused', async (_what, path, code, message) => {
    const { body } = await api.get(`${PODS}/${path}`);
    expect(body).toMatchObject({ kind: 'Status', code, message: expect.stringContaining(message) as unknown });
  });

  describe.each(['v5.channel.k8s.io', 'v4.channel.k8s.io'])('exec over %s', (protocol) => {
    it('carries both outputs and Success', async () => {
      const client = await ExecClient.open(server, `${PODS}/p/exec?command=both&command=arg&stdout=true&stderr=true`, [
        protocol,
      ]);
      expect(client.socket.protocol).toBe(protocol);
      await client.closed;
      expect(client.channels.get(1)).toBe('to stdout');
      expect(client.channels.get(2)).toBe('to stderr');
      expect(client.status).toMatchObject({ status: 'Success' });
      expect(kubelet.execCalls.at(-1)!.options.command).toEqual(['both', 'arg']);
    });

    it('a failed command tells its exit code', async () => {
      const client = await ExecClient.open(server, `${PODS}/p/exec?command=fail&stdout=true`, [protocol]);
      await client.closed;
      expect(client.status).toMatchObject({
        status: 'Failure',
        reason: 'NonZeroExitCode',
        details: { causes: [{ reason: 'ExitCode', message: '3' }] },
      });
    });
  });

  it('v5: stdin is carried, and its end reaches the command', async () => {
    const client = await ExecClient.open(server, `${PODS}/p/exec?command=cat&stdin=true&stdout=true`, [
      'v5.channel.k8s.io',
    ]);
    client.send(0, 'hello ');
    client.send(0, 'world');
    client.send(255, Buffer.of(0));
    await client.closed;
    expect(client.channels.get(1)).toBe('hello world');
    expect(client.status).toMatchObject({ status: 'Success' });
  });

  it('terminal sizes reach the command, and a client that goes kills it', async () => {
    const before = kubelet.killed;
    const client = await ExecClient.open(server, `${PODS}/p/exec?command=cat&stdin=true&stdout=true&tty=true`, [
      'v5.channel.k8s.io',
    ]);
    client.send(4, '{"Width":120,"Height":40}');
    client.send(4, 'nonsense');
    await until(() => kubelet.sizes.includes('120x40'), 'resize');
    client.socket.terminate();
    await until(() => kubelet.killed > before, 'kill');
  });

  it.each([
    ['no command', 'p/exec?stdout=true', 'must specify at least one command'],
    ['no stream', 'p/exec?command=x', 'at least 1 of stdin, stdout, stderr'],
    ['an unknown pod', 'none/exec?command=x&stdout=true', 'pods \\"none\\" not found'],
    ['attach, which this node cannot', 'p/attach?stdout=true', 'attach is not supported'],
    ['port-forward, which this node cannot', 'p/portforward?ports=1', 'port-forward is not supported by the nodes'],
  ])('%s is refused as a Status before the upgrade', async (_what, path, message) => {
    await expect(ExecClient.open(server, `${PODS}/${path}`, ['v5.channel.k8s.io'])).rejects.toThrow(message);
  });

  it.each([
    [
      'a protocol without exit codes',
      'exec',
      'SPDY/3.1',
      'v3.channel.k8s.io, v1.channel.k8s.io',
      'none of the offered',
    ],
    ['no protocol', 'exec', 'SPDY/3.1', '', 'none of the offered'],
    ['another upgrade', 'exec', 'h2c', 'v4.channel.k8s.io', 'h2c is not supported'],
    [
      'port-forward, which this node cannot',
      'portforward',
      'SPDY/3.1',
      'portforward.k8s.io',
      'not supported by the nodes',
    ],
    ['a subresource without streams', 'log', 'SPDY/3.1', 'v4.channel.k8s.io', 'pods/log cannot be upgraded'],
  ])(
    'an upgrade with %s is refused as a Status, and nothing runs',
    async (_what, subresource, upgrade, protocols, message) => {
      const calls = kubelet.execCalls.length;
      const { body } = await api.call('POST', `${PODS}/p/${subresource}?command=cat&stdout=true`, {
        headers: { connection: 'Upgrade', upgrade, 'x-stream-protocol-version': protocols },
      });
      expect(body).toMatchObject({ kind: 'Status', code: 400, message: expect.stringContaining(message) as unknown });
      expect(kubelet.execCalls).toHaveLength(calls);
    },
  );

  it('an upgrade without a token is refused', async () => {
    const { body } = await api.call('POST', `${PODS}/p/exec?command=cat&stdout=true`, {
      token: null,
      headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'v4.channel.k8s.io' },
    });
    expect(body).toMatchObject({ kind: 'Status', code: 401 });
  });

  it('an unknown subprotocol is refused', async () => {
    await expect(ExecClient.open(server, `${PODS}/p/exec?command=cat&stdout=true`, ['chat'])).rejects.toThrow(
      'none of the offered protocols',
    );
  });
});
