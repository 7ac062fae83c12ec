import { mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { encode, JsonLines } from '../control/control-message.js';
import { parseHostMounts } from '../node/root-file-system.js';
import { Limiter } from './limiter.js';
import { PipePool } from './pipe-pool.js';
import { readProcess } from './process-table.js';
import { mustRun, runCommand } from './run-command.js';
import { Spawner } from './spawner.js';

describe.each(['here', 'from the process that starts programs'])('running programs %s', (where) => {
  const spawner = new Spawner();
  const run: typeof runCommand = (argv, options) =>
    where === 'here' ? runCommand(argv, options) : spawner.run(argv, options);
  afterAll(() => spawner.stop());

  it('gives exit code and output, also for signals and for what cannot be started', async () => {
    expect(await run(['sh', '-c', 'cat; echo err >&2; exit 3'], { stdin: 'in' })).toEqual({
      code: 3,
      stdout: 'in',
      stderr: 'err\n',
    });
    expect((await run(['sh', '-c', 'kill -TERM $$'])).code).toBe(143);
    expect(await run(['/no/such/program'])).toMatchObject({
      code: 127,
      stderr: expect.stringContaining('ENOENT') as string,
    });
    expect(await run(['env'], { env: { A: '1' } })).toMatchObject({ stdout: 'A=1\n' });
  });
  it.each([
    ['a program', ['sleep', '60']],
    ['what it started', ['sh', '-c', 'sleep 60; true']],
  ])('%s that takes too long is killed', async (_, argv) =>
    expect((await run(argv, { timeoutMs: 50 })).code).toBe(137),
  );
  it('an abort kills', async () =>
    expect((await run(['sleep', '60'], { signal: AbortSignal.timeout(30) })).code).toBe(137));
});

it('mustRun names the program and its last words', async () => {
  await expect(mustRun(['sh', '-c', 'echo why >&2; exit 2'])).rejects.toThrow(/exit code 2: why/);
});

it('a pipe of the pool can be opened again by its path, as /dev/stdout is', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'weft-pipes-'));
  const pipe = await new PipePool(directory).take();
  const spawner = new Spawner();
  const started = spawner.start(['sh', '-c', 'echo hello > /dev/fd/3; echo world >&3; exit 4'], {}, [pipe.path]);
  expect(await started.pid).not.toBeNull();
  pipe.handedOver();
  expect(await text(new Socket({ fd: pipe.readFd, readable: true, writable: false }))).toBe('hello\nworld\n');
  expect((await started.exited).code).toBe(4);
  spawner.stop();
  await rm(directory, { recursive: true });
});

it('the process table knows this process', () => {
  expect(readProcess(process.pid)).toMatchObject({ pid: process.pid, parent: process.ppid });
  expect(readProcess(2 ** 30)).toBeNull();
});

it('a limiter runs so many at a time, in order', async () => {
  const limiter = new Limiter(2);
  const order: number[] = [];
  let running = 0;
  let most = 0;
  const task = (id: number) => async (): Promise<void> => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    order.push(id);
    running--;
  };
  await Promise.all([1, 2, 3, 4, 5].map((id) => limiter.run(task(id))));
  await expect(limiter.run(() => Promise.reject(new Error('x')))).rejects.toThrow('x');
  await limiter.run(task(6));
  expect([most, order]).toEqual([2, [1, 2, 3, 4, 5, 6]]);
});

describe('control messages', () => {
  it('come out of any pieces as they went in; what is not an object is null', () => {
    const message = fc.record({ out: fc.string() });
    fc.assert(
      fc.property(fc.array(message), fc.array(fc.nat(200)), (messages, cuts) => {
        const bytes = Buffer.from(messages.map(encode).join(''));
        const edges = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
        const lines = new JsonLines();
        expect(edges.slice(1).flatMap((edge, i) => lines.push(bytes.subarray(edges[i], edge)))).toEqual(messages);
      }),
    );
    expect(new JsonLines().push(Buffer.from('7\n{\n[]\nnull\n'))).toEqual([null, null, null, null]);
    fc.assert(fc.property(fc.uint8Array(), (bytes) => Array.isArray(new JsonLines().push(Buffer.from(bytes)))));
  });
});

it('other file systems of the host are shown in containers, virtual and private ones are not', () => {
  const mountinfo = [
    '25 30 0:23 / /sys rw - sysfs sysfs rw',
    '30 1 254:0 / / rw - ext4 /dev/vda rw',
    '31 30 254:1 / /home rw shared:1 - ext4 /dev/vdb rw',
    '32 30 0:40 / /run rw - tmpfs tmpfs rw',
    '33 30 254:2 / /var/lib/data rw - xfs /dev/vdc rw',
    '34 30 254:3 / /with\\040space rw - xfs /dev/vdd rw',
    '35 30 0:41 / /home/me/mnt rw - 9p host rw',
    '',
  ].join('\n');
  expect(parseHostMounts(mountinfo)).toEqual(['/home', '/home/me/mnt', '/var/lib/data']);
});
