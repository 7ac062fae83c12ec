import { FakeClock } from '@weft/testing-fixtures';
import { Debouncer } from './debouncer.js';

describe('debouncing', () => {
  const setUp = () => {
    const clock = new FakeClock();
    const runs: number[] = [];
    const debouncer = new Debouncer({
      clock,
      firstMs: 2,
      quietMs: 10,
      maxMs: 50,
      run: (waitedMs) => runs.push(waitedMs),
    });
    return { clock, runs, debouncer };
  };

  /** The first change of a burst has just been done. */
  const setUpBusy = async () => {
    const rig = setUp();
    rig.debouncer.release();
    rig.debouncer.trigger();
    await rig.clock.advance(2);
    rig.runs.length = 0;
    return rig;
  };

  it('does what comes after a quiet time almost at once, with what comes with it', async () => {
    const { clock, runs, debouncer } = setUp();
    debouncer.release();
    for (let i = 1; i <= 2; i++) {
      debouncer.trigger();
      await clock.advance(1);
      debouncer.trigger();
      expect(runs).toHaveLength(i - 1);
      await clock.advance(1);
      expect(runs).toHaveLength(i);
      await clock.advance(10);
    }
    expect(runs).toEqual([2, 2]);
  });

  it('runs once for what follows, when nothing came for the quiet time', async () => {
    const { clock, runs, debouncer } = await setUpBusy();
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
    const { clock, runs, debouncer } = await setUpBusy();
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
