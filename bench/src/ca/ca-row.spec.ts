import { caRow, formatCaTable, issueFigures, jsonOfCa, perCpu } from './ca-row.js';

const sample = { requests: 1000, seconds: 2, cpuSeconds: 0.5, p50Us: 100, p99Us: 900, errors: 0, firstError: null };

describe('a row of suite ca', () => {
  it('says how much of the ceiling of its own round was reached, by CPU', () => {
    expect(issueFigures(sample, 10_000)).toEqual({
      ...{ csrsPerSecond: 500, csrsPerCpuSecond: 2000, cpuMicrosecondsPerCsr: 500, ceilingPercent: 20 },
      ...{ p50Us: 100, p99Us: 900 },
    });
  });

  it('is the median of its rounds, with every error', () => {
    const failures = [sample, { errors: 2, firstError: 'UNAVAILABLE: away' }];
    const row = caRow('issue', 'ca', [10, 20, 90].map((rate) => perCpu(rate, 100)), failures); // prettier-ignore
    expect(JSON.parse(jsonOfCa(row))).toEqual({
      ...{ suite: 'ca', load: 'issue', peer: 'ca', errors: 2, firstError: 'UNAVAILABLE: away' },
      ...{ csrsPerCpuSecond: 20, cpuMicrosecondsPerCsr: 50_000, ceilingPercent: 20 },
    });
    expect(formatCaTable([row])).toContain('2 (UNAVAILABLE: away)');
  });
});
