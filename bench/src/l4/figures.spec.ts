import fc from 'fast-check';
import type { LoadSample } from './client/load-order.js';
import { figuresOf, medianFigures, memoryFigures } from './figures.js';

const sample: LoadSample = {
  seconds: 2,
  operations: 50_000,
  bytes: 4e9,
  p50Us: 100,
  p99Us: 300,
  maxUs: 0,
  maxStallUs: 0,
  latencies: [],
  errors: 0,
  firstError: null,
  cpuSeconds: { source: 1, destination: 3, client: 0.5, server: 0.25 },
};

it('CPU per GB is both proxies together, and each process alone', () => {
  expect(figuresOf('bulk', sample)).toEqual({
    gbitPerSecond: 16,
    cpuSecondsPerGB: 1,
    sourceCpuSecondsPerGB: 0.25,
    destinationCpuSecondsPerGB: 0.75,
    clientCpuSecondsPerGB: 0.125,
    serverCpuSecondsPerGB: 0.0625,
  });
});
it('requests are counted per second and per 100,000', () => {
  expect(figuresOf('exchange', sample)).toMatchObject({
    requestsPerSecond: 25_000,
    cpuSecondsPer100k: 8,
    p50Us: 100,
    p99Us: 300,
  });
});
it('connects per CPU second count the proxies only, and are left out where there are none', () => {
  expect(figuresOf('connects', sample)).toMatchObject({ connectsPerCpuSecond: 12_500, connectsPerSecond: 25_000 });
  expect(figuresOf('connects', { ...sample, cpuSeconds: { client: 1 } })).not.toHaveProperty('connectsPerCpuSecond');
});
it('a window in which nothing came through has no figures', () => {
  expect(figuresOf('bulk', { ...sample, bytes: 0 })).toEqual({});
  expect(figuresOf('paced', { ...sample, operations: 0 })).toEqual({});
});
it('memory is that of the larger of the two proxies', () => {
  const memory = { idle: [50, 60], withFew: [50, 61], withAll: [90, 80] } as const;
  expect(memoryFigures(memory, 100, 1024)).toEqual({
    connections: 1124,
    idleRssMiB: 60,
    rssMiB: 90,
    rssKiBPerConnection: 40,
  });
});
it('the median is the middle round, and between the middle two of an even number', () => {
  expect(medianFigures([{ a: 9 }, { a: 1 }, { a: 5 }])).toEqual({ a: 5 });
  expect(medianFigures([{ a: 1, b: 3 }, { a: 2 }])).toEqual({ a: 1.5, b: 3 });
});
it('a median is never outside of its rounds', () => {
  const values = fc.array(fc.integer(), { minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(values, (all) => {
      const { a } = medianFigures(all.map((value) => ({ a: value })));
      return a! >= Math.min(...all) && a! <= Math.max(...all);
    }),
  );
});
