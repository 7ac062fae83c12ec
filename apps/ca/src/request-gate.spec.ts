import { FakeClock } from '@weft/testing-fixtures';
import { RequestGate } from './request-gate.js';

function setUp() {
  const clock = new FakeClock();
  const gate = new RequestGate({ concurrency: 2, queueLength: 3, maxWaitMs: 5000, clock, random: () => 0.5 });
  const finish: (() => void)[] = [];
  const order: number[] = [];
  const ask = (name: number) =>
    gate.run(() => {
      order.push(name);
      return new Promise<number>((resolve) => finish.push(() => resolve(name)));
    });
  return { clock, gate, ask, finish, order };
}

describe('the gate', () => {
  it('lets a bounded number in, in order of arrival, and turns away what is more with a time to come back', async () => {
    const { ask, finish, order } = setUp();
    const answers = [1, 2, 3, 4, 5].map(ask);
    expect(await ask(6)).toEqual({ ok: false, error: { retryAfterMs: 200 } });
    expect(order).toEqual([1, 2]);
    for (let i = 0; i < 5; i++) {
      await Promise.resolve();
      finish[i]?.();
      await answers[i];
    }
    expect(order).toEqual([1, 2, 3, 4, 5]);
    expect(await Promise.all(answers)).toEqual([1, 2, 3, 4, 5].map((value) => ({ ok: true, value })));
  });

  it('turns away who has waited too long, and forgets him', async () => {
    const { ask, clock, gate, finish, order } = setUp();
    const running = [ask(1), ask(2)];
    const late = ask(3);
    await clock.advance(5000);
    expect((await late).ok).toBe(false);
    expect(gate.waiting).toBe(0);
    for (const done of finish) done();
    await Promise.all(running);
    expect(order).toEqual([1, 2]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('passes a failure on and lets the next one in', async () => {
    const { gate } = setUp();
    for (let i = 0; i < 5; i++) await expect(gate.run(() => Promise.reject(new Error('x')))).rejects.toThrow('x');
    expect(await gate.run(() => Promise.resolve(1))).toEqual({ ok: true, value: 1 });
  });
});
