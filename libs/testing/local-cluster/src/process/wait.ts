import type { Clock } from '@weft/result';

/** Resolves true after `delayMs`, or false as soon as `signal` aborts. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const finish = (whole: boolean) => (): void => {
      cancel();
      signal.removeEventListener('abort', interrupted);
      resolve(whole);
    };
    const interrupted = finish(false);
    const cancel = clock.after(delayMs, finish(true));
    signal.addEventListener('abort', interrupted, { once: true });
  });
}

/** Resolves true when `promise` settles in time, else false. */
export async function settlesWithin(clock: Clock, promise: Promise<unknown>, delayMs: number): Promise<boolean> {
  const cut = new AbortController();
  const done = promise.then(
    () => true,
    () => true,
  );
  const late = pause(clock, delayMs, cut.signal).then((whole) => !whole);
  const settled = await Promise.race([done, late]);
  cut.abort();
  return settled;
}
