import type { HboneTarget, OutboundPlan } from './messages.js';
import { TargetTries } from './target-tries.js';

const failure = { reason: 'refused', flag: 'CONNECT' } as const;

function plan(...dials: string[]): OutboundPlan {
  const targets = dials.map((dial): HboneTarget => ({
    dial,
    authority: dial,
    weight: 1,
    targetId: 1,
    expectedIdentities: [],
  }));
  return { kind: 'hbone', sourceIdentity: 'spiffe://td/ns/a/sa/b', baggage: '', targets };
}

describe('the targets that one connection tries', () => {
  it('are each tried at most once', () => {
    const tries = new TargetTries(0);
    const both = plan('10.0.0.1:15008', '10.0.0.2:15008');
    const first = tries.next(both, 0)!;
    expect(tries.failed(first, failure, { sameAgain: false, nowMs: 1 })).toBe(true);
    const second = tries.next(both, 0)!;
    expect(second.target.dial).not.toBe(first.target.dial);
    tries.failed(second, failure, { sameAgain: false, nowMs: 2 });
    expect(tries.next(both, 0)).toBeNull();
    expect(tries.failure).toBe(failure);
  });

  it('are tried again where the failure said nothing about them', () => {
    const tries = new TargetTries(0);
    const one = plan('10.0.0.1:15008');
    tries.failed(tries.next(one, 0)!, failure, { sameAgain: true, nowMs: 1 });
    expect(tries.next(one, 0)?.target.dial).toBe('10.0.0.1:15008');
  });

  it('are drawn from the plan of that moment', () => {
    const tries = new TargetTries(0);
    tries.failed(tries.next(plan('10.0.0.1:15008'), 0)!, failure, { sameAgain: false, nowMs: 1 });
    expect(tries.next(plan('10.0.0.1:15008', '10.0.0.3:15008'), 0)?.target.dial).toBe('10.0.0.3:15008');
  });

  it('are eight at most', () => {
    const tries = new TargetTries(0);
    const many = plan(...Array.from({ length: 20 }, (_, i) => `10.0.0.${i + 1}:15008`));
    let count = 1;
    while (tries.failed(tries.next(many, 0)!, failure, { sameAgain: false, nowMs: 1 })) count++;
    expect(count).toBe(8);
  });

  it('are two at most once eight seconds are over', () => {
    const tries = new TargetTries(1_000);
    const many = plan('10.0.0.1:15008', '10.0.0.2:15008', '10.0.0.3:15008');
    expect(tries.failed(tries.next(many, 0)!, failure, { sameAgain: false, nowMs: 9_001 })).toBe(true);
    expect(tries.failed(tries.next(many, 0)!, failure, { sameAgain: false, nowMs: 9_001 })).toBe(false);
  });

  it('may be silent for two seconds where there is another one, and as long as they like where there is none', () => {
    const tries = new TargetTries(0);
    const both = plan('10.0.0.1:15008', '10.0.0.2:15008');
    const first = tries.next(both, 0)!;
    expect(tries.patienceMs(both)).toBe(2_000);
    tries.failed(first, failure, { sameAgain: false, nowMs: 1 });
    tries.next(both, 0);
    expect(tries.patienceMs(both)).toBe(Infinity);
  });
});
