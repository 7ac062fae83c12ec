import type { Clock } from '@weft/result';

/** Longest delay a timer takes; longer ones fire at once in Node, so they are split. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** The machine's clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after: (delayMs, run) => {
    let timer: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      const step = Math.min(leftMs, LONGEST_DELAY_MS);
      timer = setTimeout(() => (leftMs > step ? arm(leftMs - step) : run()), step).unref();
    };
    arm(delayMs);
    return () => clearTimeout(timer);
  },
};
