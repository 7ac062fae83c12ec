import { IdleCollector } from './idle-collector.js';

const MIB = 1 << 20;

/** A thread of which the test says what it does in each turn. */
class Thread {
  nowMs = 0;
  #cpuMs = 0;
  #heapBytes = 8 * MIB;
  collections = 0;
  #turnEnd: () => void = () => undefined;

  constructor() {
    const use = { cpuMs: () => this.#cpuMs, heapBytes: () => this.#heapBytes };
    new IdleCollector(this, use, () => {
      this.collections++;
      this.#heapBytes -= MIB;
    });
  }

  atTurnEnd(act: () => void): void {
    this.#turnEnd = act;
  }

  turn({ ms, cpuMs, grownBytes = 0 }: { ms: number; cpuMs: number; grownBytes?: number }): void {
    this.nowMs += ms;
    this.#cpuMs += cpuMs;
    this.#heapBytes += grownBytes;
    this.#turnEnd();
  }
}

describe('IdleCollector', () => {
  it('collects what grew when the thread has become quiet, once', () => {
    const thread = new Thread();
    for (let i = 0; i < 10; i++) thread.turn({ ms: 250, cpuMs: 200, grownBytes: MIB });
    expect(thread.collections).toBe(0);
    for (let i = 0; i < 10; i++) thread.turn({ ms: 500, cpuMs: 1 });
    expect(thread.collections).toBe(1);
  });

  it('leaves a thread alone that works, and one whose heap is as it was', () => {
    const busy = new Thread();
    for (let i = 0; i < 100; i++) busy.turn({ ms: 100, cpuMs: 15, grownBytes: MIB });
    const quiet = new Thread();
    for (let i = 0; i < 100; i++) quiet.turn({ ms: 500, cpuMs: 1, grownBytes: i === 5 ? MIB : 0 });
    expect([busy.collections, quiet.collections]).toEqual([0, 0]);
  });

  it('collects again after the next burst', () => {
    const thread = new Thread();
    for (let burst = 1; burst <= 3; burst++) {
      thread.turn({ ms: 250, cpuMs: 250, grownBytes: 4 * MIB });
      for (let i = 0; i < 4; i++) thread.turn({ ms: 500, cpuMs: 0 });
      expect(thread.collections).toBe(burst);
    }
  });

  it('looks at the thread a few times a second at most, however many turns there are', () => {
    let looks = 0;
    const loop = { nowMs: 0, atTurnEnd: (act: () => void) => void (turnEnd = act) };
    let turnEnd = (): void => undefined;
    const cpuMs = (): number => (looks++, 0);
    new IdleCollector(loop, { cpuMs, heapBytes: () => 0 }, () => undefined);
    for (; loop.nowMs < 1000; loop.nowMs++) turnEnd();
    expect(looks).toBeLessThanOrEqual(5);
  });
});
