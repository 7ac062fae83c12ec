import { growthPerHour, type SoakMinute } from './soak-minutes.js';

const minutes = (rss: (minute: number) => number): SoakMinute[] =>
  Array.from({ length: 10 }, (_, minute) => ({
    suite: 'soak',
    load: `minute-${minute}`,
    peer: 'weft',
    connections: 1,
    sourceRssMiB: 80,
    destinationRssMiB: rss(minute),
    errors: 0,
  }));

it('what grows only in the first half is warming up', () => {
  expect(growthPerHour(minutes((minute) => Math.min(80 + minute * 2, 90)))).toBeCloseTo(0);
});
it('a leak of half a MiB a minute is 30 MiB an hour', () => {
  expect(growthPerHour(minutes((minute) => 80 + minute / 2))).toBeCloseTo(30);
});
it('says nothing of two minutes', () => {
  expect(growthPerHour(minutes(() => 80).slice(0, 4))).toBeNull();
});
