import { mkdtemp, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { FakeClock } from '@weft/testing-fixtures';
import { ContainerLog } from './container-log.js';
import { LogLineReader, parseLogLine, renderLogLine, selectLines, type LogLine } from './log-line.js';

let directory: string;
let clock: FakeClock;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'weft-log-'));
  clock = new FakeClock();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function write(log: ContainerLog, ...chunks: readonly (string | Buffer)[]): Promise<void> {
  const stream = new PassThrough();
  const done = log.attach(stream, 'stdout');
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  stream.resume();
  await done;
}
const texts = (lines: readonly LogLine[]): string =>
  Buffer.concat(lines.map((line) => renderLogLine(line, false))).toString('utf8');

describe('a container log', () => {
  it('holds each line with time and stream', async () => {
    const log = new ContainerLog(join(directory, 'c/0.log'), 1e6, clock);
    await write(log, 'one\ntw', 'o\nrest');
    expect(log.read()).toEqual([
      { time: '2026-01-01T00:00:00.000Z', stream: 'stdout', full: true, text: 'one' },
      { time: '2026-01-01T00:00:00.000Z', stream: 'stdout', full: true, text: 'two' },
      { time: '2026-01-01T00:00:00.000Z', stream: 'stdout', full: true, text: 'rest' },
    ]);
    log.close();
  });

  it('a line that is too long is kept in pieces and read as one', async () => {
    const log = new ContainerLog(join(directory, '0.log'), 1e6, clock);
    await write(log, 'x'.repeat(40_000) + '\nshort\n');
    expect(log.read().map(({ full }) => full)).toEqual([false, false, true, true]);
    expect(texts(log.read())).toBe('x'.repeat(40_000) + '\nshort\n');
    log.close();
  });

  it('keeps two files of the given size', async () => {
    const log = new ContainerLog(join(directory, '0.log'), 1000, clock);
    await write(log, ...Array.from({ length: 100 }, (_, i) => `line ${i}\n`));
    for (const name of ['0.log', '0.log.1']) expect((await stat(join(directory, name))).size).toBeLessThanOrEqual(1000);
    expect(log.read().at(-1)?.text).toBe('line 99');
    log.close();
  });

  it('goes on when the disk is full: followers hear every line, and the count of lost ones is kept', async () => {
    await symlink('/dev/full', join(directory, 'full.log'));
    const log = new ContainerLog(join(directory, 'full.log'), 1e6, clock);
    const heard: string[] = [];
    log.follow((line) => heard.push(line.text));
    await write(log, 'a\nb\nc\n');
    expect(heard).toEqual(['a', 'b', 'c']);
    expect(log.dropped).toBe(3);
    log.close();
  });

  it('any bytes in any pieces come out in order', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'é', '\n', ' ', 'P'), maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(60)), async (whole, cuts) => {
        const bytes = Buffer.from(whole);
        const edges = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
        const log = new ContainerLog(join(directory, `${Math.random()}.log`), 1e6, clock);
        await write(log, ...edges.slice(1).map((edge, i) => bytes.subarray(edges[i], edge)));
        expect(texts(log.read())).toBe(whole === '' || whole.endsWith('\n') ? whole : `${whole}\n`);
        log.close();
      }),
      { numRuns: 30 },
    );
  });
});

describe('log lines', () => {
  const line = (text: string, second: number, full = true): LogLine => ({
    time: `2026-01-01T00:00:0${second}.000Z`,
    stream: 'stdout',
    full,
    text,
  });
  const lines = [line('a', 1), line('b1', 2, false), line('b2', 2), line('c', 3)];
  const now = Date.parse('2026-01-01T00:00:04Z');

  it('a tail counts lines, not their pieces', () => {
    expect(selectLines(lines, { tailLines: 2, timestamps: false }, now).map(({ text }) => text)).toEqual([
      'b1',
      'b2',
      'c',
    ]);
    expect(selectLines(lines, { tailLines: 0, timestamps: false }, now)).toEqual([]);
    expect(selectLines(lines, { tailLines: 9, timestamps: false }, now)).toHaveLength(4);
  });
  it('since leaves out what is older', () =>
    expect(selectLines(lines, { sinceSeconds: 2, timestamps: false }, now).map(({ text }) => text)).toEqual([
      'b1',
      'b2',
      'c',
    ]));
  it('timestamps come first', () =>
    expect(renderLogLine(lines[0]!, true).toString()).toBe('2026-01-01T00:00:01.000Z a\n'));
  it('parsing what was written gives it back, and nothing makes it throw', () => {
    const text = fc.string().map((raw) => raw.replaceAll('\n', ''));
    fc.assert(
      fc.property(text, fc.boolean(), (body, full) =>
        expect(new LogLineReader().push(`2026-01-01T00:00:01.000Z stderr ${full ? 'F' : 'P'} ${body}\n`)).toEqual([
          { time: '2026-01-01T00:00:01.000Z', stream: 'stderr', full, text: body },
        ]),
      ),
    );
    fc.assert(fc.property(fc.string(), (record) => (parseLogLine(record), true)));
  });
});
