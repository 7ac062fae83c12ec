import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { status } from '@grpc/grpc-js';
import { unaryFrame } from './grpc-wire.js';
import { ECHO, echo, UnaryRig } from './testing/unary-rig.js';
import type { UnaryHandler } from './unary-exchange.js';

const run = promisify(execFile);
const LIMIT_MS = 60_000;
let folder: string;
let rig: UnaryRig | null = null;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-grpc-'));
});
afterEach(async () => {
  await rig?.stop();
  rig = null;
});
afterAll(() => rmSync(folder, { recursive: true }));

async function serve(say: UnaryHandler): Promise<UnaryRig> {
  rig = await UnaryRig.start(say);
  writeFileSync(join(folder, 'roots.pem'), rig.authority.rootsPem);
  return rig;
}

describe('grpc-go', () => {
  let built: boolean;
  beforeAll(() => {
    const env = { ...process.env, GOFLAGS: '-mod=readonly', PATH: `${process.env['PATH'] ?? ''}:/usr/local/go/bin` };
    const options = { cwd: join(__dirname, 'testing/grpc-go'), stdio: 'pipe', env } as const;
    try {
      execFileSync('go', ['build', '-o', join(folder, 'grpc-go'), '.'], options);
      built = true;
    } catch (failure) {
      const text = String((failure as { stderr?: Buffer }).stderr ?? failure);
      if (!/dial tcp|no such host|i\/o timeout|module lookup disabled/.test(text)) throw new Error(text);
      process.stderr.write('grpc-go was not asked: its modules cannot be downloaded here\n');
      built = false;
    }
  }, 300_000);

  /** What it says of each call; null where it could not be built. */
  async function calls(
    { port }: UnaryRig,
    { method = ECHO, count = 1, bytes = 3, timeout = '20s', compressor = [] as string[] },
  ): Promise<readonly string[] | null> {
    if (!built) return null;
    const args = [`127.0.0.1:${port}`, join(folder, 'roots.pem'), 'localhost', method, count, bytes, timeout];
    const { stdout } = await run(join(folder, 'grpc-go'), [...args.map(String), ...compressor], { timeout: LIMIT_MS });
    return stdout.trim().split('\n');
  }

  it.each([0, 1, 16_384, 99_000])('gets its %i bytes back', async (bytes) => {
    const said = await calls(await serve(echo), { bytes });
    if (said !== null) expect(said.map((line) => line.trim())).toEqual([`OK ${bytes}`]);
  });

  it('has more calls under way than streams are allowed', async () => {
    let underWay = 0;
    let most = 0;
    const server = await serve(async (call) => {
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setTimeout(resolve, 5));
      underWay--;
      return echo(call);
    });
    const said = await calls(server, { count: 1000, bytes: 600 });
    if (said === null) return;
    expect(new Set(said.map((line) => line.trim()))).toEqual(new Set(['OK 600']));
    expect(most).toBeLessThanOrEqual(256);
  });

  it.each<[string, Parameters<typeof calls>[1], string]>([
    ['an unknown method', { method: '/test.Echo/Shout' }, 'Unimplemented 0 there is no method /test.Echo/Shout'],
    ['too large a message', { bytes: 100_001 }, 'ResourceExhausted 0 Received message larger than max (100001 vs 100000)'],
    ['compression', { compressor: ['gzip'] }, 'Unimplemented 0 compressed messages are not supported'],
  ])('is told the status and the text: %s', async (_what, request, want) => {
    const said = await calls(await serve(echo), request);
    if (said !== null) expect(said).toEqual([want]);
  }); // prettier-ignore

  it('reads a text that is not ASCII', async () => {
    const error = { code: status.PERMISSION_DENIED, message: ' nicht für Dich: 50 % ' };
    const said = await calls(await serve(() => Promise.resolve({ ok: false, error })), {});
    if (said !== null) expect(said).toEqual([`PermissionDenied 0 ${error.message}`.trimEnd()]);
  });

  it('is told that its deadline has passed', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const server = await serve(async (call) => {
      await held;
      return echo(call);
    });
    const said = await calls(server, { timeout: '300ms' });
    release();
    if (said !== null) expect(said[0]).toMatch(/^DeadlineExceeded 0 /);
  });
});

it('curl gets an answer, and 405 and 415 where it asks for something else', async () => {
  const { port } = await serve(echo);
  writeFileSync(join(folder, 'body'), unaryFrame(Buffer.from('curl')));
  const curl = async (...args: string[]): Promise<string> => {
    const base = ['-sS', '--http2', '-m', '20', '--cacert', join(folder, 'roots.pem'), '--resolve', `localhost:${port}:127.0.0.1`];
    const { stdout } = await run('curl', [...base, ...args, `https://localhost:${port}${ECHO}`], { timeout: LIMIT_MS });
    return stdout;
  }; // prettier-ignore
  const code = ['-o', '/dev/null', '-w', '%{http_code}'];
  const body = ['--data-binary', `@${join(folder, 'body')}`];
  expect(await curl('-H', 'content-type: application/grpc', ...body)).toContain('curl');
  expect(await curl(...code)).toBe('405');
  expect(await curl(...code, ...body)).toBe('415');
  expect(await curl(...code, '-H', 'content-type: application/grpc-web', ...body)).toBe('415');
  await expect(curl('--http1.1', ...code)).rejects.toThrow();
});
