import { readlinkSync } from 'node:fs';
import { ThreadStalls } from './thread-stalls.js';

it('the CPU time of a thread between two looks is counted, its waiting is not', () => {
  const stalls = new ThreadStalls([readlinkSync('/proc/thread-self')]);
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60);
    stalls.look();
    expect(stalls.longestUs).toBeLessThan(60_000);
    const before = process.threadCpuUsage();
    const spent = (): number => {
      const { user, system } = process.threadCpuUsage(before);
      return user + system;
    };
    while (spent() < 30_000);
    stalls.look();
    expect(stalls.longestUs).toBeGreaterThan(20_000);
    stalls.reset();
    expect(stalls.longestUs).toBe(0);
  } finally {
    stalls.close();
  }
});
