import * as fc from 'fast-check';
import { formatLogFilter, parseLogFilter } from './log-filter.js';
import { textLogLine } from './log-line.js';
import { LogScopes } from './log-scopes.js';

describe('textLogLine', () => {
  it('is time, level, scope, message and fields, with strings quoted that need it', () => {
    const line = {
      level: 'info',
      time: '2026-01-01T00:00:00.000Z',
      scope: 'access',
      'src.addr': '10.0.0.1:1',
      'src.identity': 'spiffe://a/ns/b/sa/c',
      error: 'a "b"\nc',
      bytes_sent: 3,
      message: 'connection complete',
    };
    expect(textLogLine(JSON.stringify(line))).toBe(
      '2026-01-01T00:00:00.000Z\tinfo\taccess\tconnection complete\tsrc.addr=10.0.0.1:1 src.identity=spiffe://a/ns/b/sa/c error="a \\"b\\"\\nc" bytes_sent=3\n',
    );
  });

  it('is one line whatever a peer sends', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        (message, value) =>
          textLogLine(JSON.stringify({ message, value })).indexOf('\n') ===
          textLogLine(JSON.stringify({ message, value })).length - 1,
      ),
    );
  });
});

describe('parseLogFilter', () => {
  it.each([
    ['info', 'info'],
    ['debug,access=warn', 'debug,access=warn'],
    ['xds=trace', 'info,xds=trace'],
    ['xds::client:debug', 'info,xds::client=debug'],
    ['off', 'silent'],
    ['', 'info'],
  ])('%j', (text, want) => {
    const parsed = parseLogFilter(text);
    expect(parsed.ok && formatLogFilter(parsed.value)).toBe(want);
  });
  it.each(['loud', 'access=loud', 'x=y=z'])('refuses %j', (text) => expect(parseLogFilter(text).ok).toBe(false));
});

describe('LogScopes', () => {
  function rig() {
    const lines: string[] = [];
    const filter = { level: 'info' as const, scopes: new Map() };
    return { lines, logs: new LogScopes({ format: 'text', filter, write: (line) => lines.push(line) }) };
  }
  it('changes levels of scopes that exist and of those to come, and resets', () => {
    const { lines, logs } = rig();
    const access = logs.scope('access');
    access.debug('quiet');
    expect(logs.add('access=debug').ok).toBe(true);
    access.debug('loud');
    logs.scope('xds').debug('quiet');
    logs.reset();
    access.debug('quiet');
    expect(lines.map((line) => line.split('\t').slice(1).join(' '))).toEqual(['debug access loud\n']);
    expect(logs.filter).toBe('info');
    expect(logs.add('nonsense').ok).toBe(false);
  });
});

describe('LineLog', () => {
  const fields = fc.dictionary(fc.stringMatching(/^[a-z][a-z.]{0,8}$/), fc.oneof(fc.string(), fc.integer()));

  function bothLogs(format: 'text' | 'json', values: Record<string, string | number>): readonly [string, string] {
    const lines: string[] = [];
    const logs = new LogScopes({ format, filter: { level: 'info', scopes: new Map() }, write: (it) => lines.push(it) });
    const log = logs.lines('access');
    logs.scope('access').info(values, 'connection complete');
    const rendered = Object.entries(values).map(([key, value]) => log.field(key, value));
    log.line('info', rendered.join(''), 'connection complete');
    const timeless = (line = '') => line.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/, 'TIME');
    return [timeless(lines[0]), timeless(lines[1])];
  }

  it.each(['text', 'json'] as const)(
    'writes the same %s lines as the other scopes, whatever a peer sends',
    (format) => {
      const reserved = new Set(['level', 'time', 'scope', 'message', '']);
      fc.assert(
        fc.property(fields, (all) => {
          const values = Object.fromEntries(Object.entries(all).filter(([key, it]) => !reserved.has(key) && it !== ''));
          const [other, own] = bothLogs(format, values);
          expect(format === 'json' ? (JSON.parse(own) as unknown) : own).toEqual(
            format === 'json' ? JSON.parse(other) : other,
          );
        }),
      );
    },
  );

  it('leaves empty fields out, and follows the level of its scope', () => {
    const lines: string[] = [];
    const filter = { level: 'warn' as const, scopes: new Map() };
    const logs = new LogScopes({ format: 'json', filter, write: (line) => lines.push(line) });
    const log = logs.lines('access');
    expect(log.field('a', '')).toBe('');
    log.line('info', log.field('a', 'b'), 'quiet');
    expect(logs.add('access=info').ok).toBe(true);
    log.line('info', log.field('a', 'b'), 'loud');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { level: 'info', time: expect.any(String) as string, scope: 'access', a: 'b', message: 'loud' },
    ]);
  });
});
