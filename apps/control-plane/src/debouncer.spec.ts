import { FakeClock } from '@weft/testing-fixtures';
import { Debouncer } from './debouncer.js';

describe('debouncing', () => {
  const setUp = () => {
    const clock = new FakeClock();
    const runs: number[] = [];
    const debouncer = new Debouncer({ clock, quietMs: 10, maxMs: 50, run: (waitedMs) => runs.push(waitedMs) });
    return { clock, runs, debouncer };
  };

  it('runs once, when nothing came for the quiet time', async () => {
    const { clock, runs, debouncer } = setUp();
    debouncer.release();
    debouncer.trigger();
    await clock.advance(9);
    debouncer.trigger();
    await clock.advance(9);
    expect(runs).toEqual([]);
    await clock.advance(1);
    expect(runs).toEqual([19]);
    await clock.advance(1000);
    expect(runs).toEqual([19]);
  });

  it('runs at the latest after the maximum, however busy it is', async () => {
    const { clock, runs, debouncer } = setUp();
    debouncer.release();
    for (let i = 0; i < 20; i++) {
      debouncer.trigger();
      await clock.advance(5);
    }
    expect(runs[0]).toBe(50);
  });

  it('runs nothing before it is released, and nothing after it is stopped', async () => {
    const { clock, runs, debouncer } = setUp();
    debouncer.trigger();
    await clock.advance(100);
    expect(runs).toEqual([]);
    debouncer.release();
    await clock.advance(10);
    expect(runs).toHaveLength(1);
    debouncer.trigger();
    debouncer.stop();
    debouncer.trigger();
    await clock.advance(100);
    expect(runs).toHaveLength(1);
  });
});
