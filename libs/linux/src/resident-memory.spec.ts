import { readFileSync } from 'node:fs';
import { releaseFreeMemory, releaseStartMemory } from './resident-memory.js';

const mappedFilesKiB = (): number => Number(/RssFile:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]);

it('gives back pages of the program, which goes on as before', () => {
  const before = mappedFilesKiB();
  const digest = (): number => 'weft'.split('').reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7);
  const expected = digest();
  releaseStartMemory();
  expect(mappedFilesKiB()).toBeLessThan(before);
  expect(digest()).toBe(expected);
  expect(JSON.parse(JSON.stringify({ a: [1, /x/.test('x')] }))).toEqual({ a: [1, true] });
});

it('free memory can be given back again and again', () => {
  expect(() => {
    for (let i = 0; i < 3; i++) releaseFreeMemory();
  }).not.toThrow();
});
