import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@weft/testing-fixtures';
import type { ApiServer } from './api-server.js';
import { Kubectl } from './testing/kubectl.js';
import { ProcessKubelet } from './testing/process-kubelet.js';
import { ApiClient, pod, startServer } from './testing/test-server.js';

const MEBIBYTE = 1024 * 1024;
const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe.each([
  ['SPDY', 'false'],
  ['WebSocket', 'true'],
])('the real kubectl over %s', (_name, webSockets) => {
  let server: ApiServer;
  let kubelet: ProcessKubelet;
  let kubectl: Kubectl;
  let folder: string;

  beforeAll(async () => {
    kubelet = new ProcessKubelet();
    server = await startServer({ kubelet });
    kubectl = new Kubectl(server, {
      KUBECTL_REMOTE_COMMAND_WEBSOCKETS: webSockets,
      KUBECTL_PORT_FORWARD_WEBSOCKETS: webSockets,
    });
    folder = mkdtempSync(join(tmpdir(), 'weft-streaming-'));
    const api = new ApiClient(server);
    for (const name of ['p', 'unreachable']) {
      await api.post('/api/v1/namespaces/default/pods', pod(name, {}, { nodeName: 'n1' }));
      // kubectl wants a running pod before it attaches or forwards.
      await api.patch(`/api/v1/namespaces/default/pods/${name}/status`, 'merge', { status: { phase: 'Running' } });
    }
  });
  afterEach(() => until(() => kubelet.running === 0, 'every command has ended'));
  afterAll(async () => {
    kubectl.dispose();
    kubelet.dispose();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const exec = (...command: string[]): string[] => ['exec', 'p', '--', ...command];

  it('exec: outputs are apart, and the exit code is that of the command', async () => {
    const result = await kubectl.bytes(exec('sh', '-c', 'echo out; echo err >&2; exit 3'));
    expect({ ...result, stdout: result.stdout.toString() }).toEqual({
      code: 3,
      stdout: 'out\n',
      stderr: 'err\ncommand terminated with exit code 3\n',
    });
    expect(await kubectl.bytes(exec('true'))).toEqual({ code: 0, stdout: Buffer.alloc(0), stderr: '' });
    expect((await kubectl.bytes(exec('no-such-program'))).code).toBe(127);
  });

  it('exec: what the node refuses is told', async () => {
    const result = await kubectl.bytes(exec('refused'));
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('container "main" is not running');
  });

  it('exec -i: megabytes of input arrive whole, and so does their end', async () => {
    const input = randomBytes(20 * MEBIBYTE);
    const result = await kubectl.bytes(['exec', '-i', 'p', '--', 'sha256sum'], input);
    expect(result.stdout.toString()).toBe(`${hash(input)}  -\n`);
  });

  it('exec: megabytes of output arrive whole', async () => {
    const file = join(folder, 'big');
    const bytes = randomBytes(20 * MEBIBYTE);
    writeFileSync(file, bytes);
    const result = await kubectl.bytes(exec('cat', file));
    expect(result.code).toBe(0);
    expect(hash(result.stdout)).toBe(hash(bytes));
  });

  it('exec -i: input and output at once, with more on the way than buffers hold', async () => {
    const input = randomBytes(12 * MEBIBYTE);
    const result = await kubectl.bytes(['exec', '-i', 'p', '--', 'cat'], input);
    expect(hash(result.stdout)).toBe(hash(input));
  });

  it('exec -i: a command that reads only the start of its input still ends', async () => {
    const result = await kubectl.bytes(['exec', '-i', 'p', '--', 'head', '-c', '5'], Buffer.alloc(4 * MEBIBYTE, 'x'));
    expect([result.code, result.stdout.toString()]).toEqual([0, 'xxxxx']);
  });

  it('concurrent execs do not meet', async () => {
    const results = await Promise.all(
      ['a', 'b', 'c', 'd'].map((word) =>
        kubectl.bytes(['exec', '-i', 'p', '--', 'cat'], Buffer.from(word.repeat(1000))),
      ),
    );
    expect(results.map(({ stdout }) => stdout.toString())).toEqual(
      ['a', 'b', 'c', 'd'].map((word) => word.repeat(1000)),
    );
  });

  it('a killed client leaves no process behind', async () => {
    const following = kubectl.start("exec p -- sh -c 'echo started; sleep 1000'");
    await following.until('started');
    expect(kubelet.running).toBe(1);
    following.stop();
  });

  it('attach -i: the lines of both sides, and the exit code', async () => {
    const attached = await kubectl.bytes(['attach', '-i', '-q', 'p'], Buffer.from('one\ntwo\n'));
    expect(attached.stdout.toString()).toBe('ready\ngot one\ngot two\n');
    expect(attached.stderr).toContain('saw one\nsaw two\n');
    expect(attached.code).toBe(5);
  });

  it('exec -it: a terminal, with the size of the client', async () => {
    // kubectl asks for a terminal only when it has one itself.
    const inside = 'tty; stty size 2>/dev/null; read line; echo "read $line"; exit 4';
    const script = `
import os, pty, sys, fcntl, struct, termios
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
seen = b""
while True:
    try:
        chunk = os.read(fd, 4096)
    except OSError:
        break
    if not chunk:
        break
    if b"/dev/pts" in seen + chunk and b"/dev/pts" not in seen:
        os.write(fd, b"hello\\r")
    seen += chunk
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;
    const result = await kubectl.wrapped(['python3', '-c', script], ['exec', '-it', 'p', '--', 'sh', '-c', inside]);
    expect(result.stdout.toString()).toMatch(/^\/dev\/pts\/\d+\r\n/);
    expect(result.stdout.toString()).toContain('read hello\r\n');
    expect(result.code).toBe(4);
    await until(() => kubelet.sizes.includes('111x33'), 'the size');
  });

  it('cp: a file goes in and comes back', async () => {
    const [from, inside, back] = ['from', 'inside', 'back'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const bytes = randomBytes(3 * MEBIBYTE);
    writeFileSync(from, bytes);
    await kubectl.run(`cp ${from} p:${inside}`);
    await kubectl.run(`cp p:${inside} ${back}`);
    expect(hash(readFileSync(inside))).toBe(hash(bytes));
    expect(hash(readFileSync(back))).toBe(hash(bytes));
  });

  describe('port-forward', () => {
    /** Answers a whole request with its bytes twice, after the client has ended. */
    let doubler: Server;
    let target: number;

    beforeAll(async () => {
      doubler = createServer({ allowHalfOpen: true }, (socket) => {
        const chunks: Buffer[] = [];
        socket.on('error', () => undefined);
        socket.on('data', (chunk) => chunks.push(chunk));
        socket.on('end', () => socket.end(Buffer.concat([...chunks, ...chunks])));
      });
      await new Promise<void>((resolve) => doubler.listen(0, '127.0.0.1', resolve));
      target = (doubler.address() as AddressInfo).port;
    });
    afterAll(() => new Promise((resolve) => doubler.close(resolve)));

    const start = async (
      name: string,
      port: number,
    ): Promise<{ port: number; forward: ReturnType<Kubectl['start']> }> => {
      const forward = kubectl.start(`port-forward pod/${name} :${port}`);
      await forward.until('Forwarding from 127.0.0.1:');
      return { forward, port: Number(/127\.0\.0\.1:(\d+)/.exec(forward.output())![1]) };
    };
    const talk = (port: number, request: Buffer): Promise<Buffer> =>
      new Promise((resolve, reject) => {
        const chunks: Buffer[] = [];
        const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
        socket.on('data', (chunk) => chunks.push(chunk));
        socket.on('error', reject);
        socket.on('end', () => resolve(Buffer.concat(chunks)));
        socket.end(request);
      });

    it('connections carry megabytes both ways, several at once, one after the other', async () => {
      const { port, forward } = await start('p', target);
      const requests = [randomBytes(4 * MEBIBYTE), Buffer.from('small'), randomBytes(MEBIBYTE)];
      const answers = await Promise.all(requests.map((request) => talk(port, request)));
      expect(answers.map(hash)).toEqual(requests.map((request) => hash(Buffer.concat([request, request]))));
      expect((await talk(port, Buffer.from('again'))).toString()).toBe('againagain');
      forward.stop();
    });

    it('a killed client closes its connections to the pod', async () => {
      const { port, forward } = await start('p', target);
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      socket.write('held open');
      const count = (): Promise<number> =>
        new Promise((resolve) => doubler.getConnections((_error, open) => resolve(open)));
      await until(async () => (await count()) === 1, 'one connection');
      forward.stop();
      await until(async () => (await count()) === 0, 'none left');
      socket.destroy();
    });

    it('a connection that the pod refuses is told to the client', async () => {
      const { port, forward } = await start('unreachable', target);
      await talk(port, Buffer.from('x')).catch(() => undefined);
      await forward.until('the pod has no network');
      forward.stop();
    });
  });
});
