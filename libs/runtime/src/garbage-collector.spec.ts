import { garbageCollector } from './garbage-collector.js';

it('what nobody can reach is gone when it returns', () => {
  const { heapUsed } = process.memoryUsage();
  const held: unknown[] = [];
  for (let i = 0; i < 200_000; i++) held.push({ i });
  held.length = 0;
  garbageCollector()();
  expect(process.memoryUsage().heapUsed - heapUsed).toBeLessThan(4 << 20);
});
