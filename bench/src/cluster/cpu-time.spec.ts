import { readFileSync } from 'node:fs';
import { sumCpuSeconds } from './cpu-time.js';

it('reads user and system time, and that of ended children, whatever the program is called', () => {
  const stat = (name: string) => `12 (${name}) S 1 12 12 0 -1 4194560 1 0 0 0 150 50 25 75 20 0 1 0 100 0 0`;
  expect(sumCpuSeconds(`${stat('node')}\n${stat('a) b (')}\n`)).toBe(6);
});
it('agrees with what this process says of itself', () => {
  const mine = sumCpuSeconds(readFileSync('/proc/self/stat', 'utf8'));
  const { user, system } = process.cpuUsage();
  expect(mine).toBeGreaterThanOrEqual((user + system) / 1e6 - 0.1);
});
it('lines that are no stat are passed over', () => expect(sumCpuSeconds('x\n\n')).toBe(0));
