import { FakeClock } from '@weft/testing-fixtures';
import { socket, workload } from '../testing/mesh-fixtures.js';
import type { RouteTarget } from './route-target.js';
import { TargetLedger } from './target-ledger.js';

const target = (name: string | null): RouteTarget => ({
  protocol: 'TCP',
  dial: socket('10.0.0.1:80'),
  authority: null,
  expectedIdentities: [],
  innerIdentities: null,
  weight: 1,
  workload: name === null ? null : workload(name, '10.0.0.1'),
  service: null,
});

describe('TargetLedger', () => {
  it('gives equal targets of a pod one number, and unknown destinations none of their own', () => {
    const ledger = new TargetLedger(new FakeClock());
    const id = ledger.add('p', target('a'));
    expect(ledger.add('p', target('a'))).toBe(id);
    expect(ledger.add('q', target('a'))).not.toBe(id);
    for (let i = 0; i < 1000; i++) expect(ledger.add('p', target(null))).toBe(0);
    expect(ledger.size).toBe(2);
    expect(ledger.get(0)).toBeNull();
  });

  it('remembers a retired target for a minute', async () => {
    const clock = new FakeClock();
    const ledger = new TargetLedger(clock);
    const id = ledger.add('p', target('a'));
    ledger.retire('p');
    await clock.advance(59_000);
    ledger.retire('p');
    expect(ledger.get(id)?.workload?.name).toBe('a');
    await clock.advance(1000);
    ledger.retire('p');
    expect(ledger.size).toBe(0);
  });
});
