// Required into a process before its own code: appends the long slices of its main thread to the file `BENCH_SLICES`.
import { appendFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const PERIOD_MS = 1;
/** Shorter ones are not worth a line. */
const LONG_US = 2000;

const file = process.env['BENCH_SLICES'];
if (isMainThread && file !== undefined) {
  let before = process.threadCpuUsage();
  // Timers run once in a turn of the event loop: what the thread's CPU clock shows between two is one turn, whoever else
  // has the cores.
  setInterval(() => {
    const { user, system } = process.threadCpuUsage(before);
    before = process.threadCpuUsage();
    if (user + system >= LONG_US) appendFileSync(file, `${Date.now()} ${user + system}\n`);
  }, PERIOD_MS).unref();
}
