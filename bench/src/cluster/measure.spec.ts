import { pgbenchResult } from './loads.js';
import { medians, type Measurement } from './measure.js';
import { formatTable } from './table.js';

const round = (p50Us: number, errors = 0): Measurement => ({
  perSecond: 1,
  p50Us,
  p99Us: 1,
  errors,
  firstError: errors > 0 ? 'reset' : null,
  sourceProxyCpuSecondsPer100k: 1,
  destinationProxyCpuSecondsPer100k: 1,
  serverCpuSecondsPer100k: 1,
});

it('the median is the middle round, but every error counts', () => {
  expect(medians([round(9), round(1, 2), round(5)])).toMatchObject({ p50Us: 5, errors: 2, firstError: 'reset' });
});
it('a transaction that pgbench did not log is an error', () => {
  expect(pgbenchResult('0 1 100 0 1 2\n0 2 300 0 1 2\n', 3, 1)).toMatchObject({ completed: 2, errors: 1, p50Us: 100 });
});
it('the table lists the peers of a load together', () => {
  const rows = ['direct', 'weft'].map((peer) => ({ suite: 'l4', load: 'rr', peer, ...round(5) }));
  expect(
    formatTable(rows, () => 'what')
      .split('\n')
      .slice(1, 3),
  ).toEqual(['rr: what', expect.stringMatching(/PEER +PER SECOND/) as string]);
});
