import { Latencies } from '../latencies.js';
import { formatL4Table, formatOutcomes } from './l4-table.js';
import { L4_LOADS } from './loads.js';
import { jsonOf, rowOf, withAddedLatency, type L4Row } from './row.js';
import { outcomes } from './targets.js';

const row = (load: string, peer: string, figures: L4Row['figures']): L4Row =>
  rowOf({ path: 'redirected', load, peer }, [{ ok: true, figures, errors: 0, firstError: null }]);

describe('rowOf', () => {
  it('a failed round is an error, and the other rounds still count', () => {
    const rounds = [
      { ok: true, figures: { p50Us: 4 }, errors: 2, firstError: null },
      { ok: false, error: 'ended with 1' },
    ] as const;
    expect(rowOf({ path: 'redirected', load: 'rr', peer: 'x' }, rounds)).toMatchObject({
      rounds: 1,
      errors: 3,
      firstError: 'ended with 1',
      figures: { p50Us: 4 },
    });
  });
  it('a peer that never works is a row with its error', () => {
    const failed = rowOf({ path: 'loopback', load: 'rr', peer: 'x' }, [{ ok: false, error: 'not installed' }]);
    expect(JSON.parse(jsonOf(failed))).toEqual({
      suite: 'l4',
      path: 'loopback',
      load: 'rr',
      peer: 'x',
      rounds: 0,
      errors: 1,
      error: 'not installed',
    });
  });
  it('percentiles are those of the requests of all rounds, not of one of them', () => {
    const round = (microseconds: readonly number[]) => {
      const latencies = new Latencies();
      for (const one of microseconds) latencies.add(one);
      return { ok: true, figures: { p50Us: 1, p99Us: 1 }, latencies, errors: 0, firstError: null } as const;
    };
    const rounds = [round([10, 20, 30]), round([40]), round([50, 60])];
    const { figures } = rowOf({ path: 'redirected', load: 'rr', peer: 'x' }, rounds);
    expect(figures).toEqual({ p50Us: 30, p99Us: 60 });
  });
  it('in JSON, figures are beside the names', () => {
    expect(jsonOf(row('rr', 'weft', { p50Us: 12.345678 }))).toBe(
      '{"suite":"l4","path":"redirected","load":"rr","peer":"weft","rounds":1,"errors":0,"p50Us":12.35}',
    );
  });
});

const paced = [
  row('paced-1000', 'direct', { p50Us: 40, p99Us: 100 }),
  row('paced-1000', 'weft', { p50Us: 100, p99Us: 400 }),
  row('paced-1000', 'haproxy', { p50Us: 160, p99Us: 300 }),
];

it('added latency is what is more than direct', () => {
  expect(withAddedLatency(paced, 'paced-1000').map(({ figures }) => figures['addedP50Us'])).toEqual([
    undefined,
    60,
    120,
  ]);
});

describe('outcomes', () => {
  it('a promise is a ratio of two rows of the same run, met or missed', () => {
    const all = outcomes(withAddedLatency(paced, 'paced-1000'));
    expect(all).toMatchObject([
      { figure: 'addedP50Us', against: 'haproxy', measured: 0.5, met: true },
      { figure: 'addedP99Us', against: 'haproxy', measured: 1.5, met: false },
      { figure: 'addedP50Us', against: 'envoy', measured: null, met: null },
      { figure: 'addedP99Us', against: 'envoy', measured: null, met: null },
    ]);
    expect(formatOutcomes(all, 'loopback')).toMatch(/weft\/haproxy +paced-1000 +addedP99Us +1.50 +at most 1 +MISSED/);
  });
  it('memory is promised alone', () => {
    const idle = row('idle', 'weft', { idleRssMiB: 70, rssKiBPerConnection: 1 });
    expect(outcomes([idle]).map(({ figure, met }) => [figure, met])).toEqual([
      ['idleRssMiB', false],
      ['rssKiBPerConnection', true],
    ]);
  });
});

it('the table lists the peers of a load together, failed ones with their reason', () => {
  const rows = [
    ...paced,
    rowOf({ path: 'redirected', load: 'paced-1000', peer: 'envoy' }, [{ ok: false, error: 'not installed' }]),
  ];
  expect(formatL4Table(rows, L4_LOADS, 'redirected').split('\n')).toEqual([
    '',
    expect.stringMatching(/^paced-1000: 64 connections/),
    expect.stringMatching(/PEER +REQUESTS\/s +P50 us/),
    expect.stringMatching(/direct +- +40 +100/),
    expect.stringMatching(/weft +- +100 +400/),
    expect.stringMatching(/haproxy +- +160 +300/),
    '  envoy  failed: not installed',
    '',
  ]);
});
