import fc from 'fast-check';
import {
  newReplicas,
  oldReplicas,
  proportionalReplicas,
  resolveBound,
  rolloutBounds,
  type ReplicaCounts,
} from './rollout.js';

const set = (name: string, wanted: number, available = wanted): ReplicaCounts => ({
  name,
  wanted,
  existing: wanted,
  available,
});
const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, each) => total + each, 0);

describe('rolloutBounds', () => {
  it.each([
    ['25%', 10, 'up', 3],
    ['25%', 10, 'down', 2],
    [undefined, 4, 'up', 1],
    [3, 10, 'up', 3],
    ['nonsense', 10, 'up', 0],
  ] as const)('%s of %d rounded %s is %d', (value, total, round, expected) =>
    expect(resolveBound(value, total, round)).toBe(expected),
  );
  it('a strategy that would forbid any step may have one pod unavailable', () => {
    expect(rolloutBounds(3, 0, 0)).toEqual({ replicas: 3, maxSurge: 0, maxUnavailable: 1 });
  });
});

describe('a rollout step', () => {
  it('counts old pods until they are gone', () => {
    const bounds = rolloutBounds(3, 1, 0);
    expect(newReplicas(bounds, set('new', 1), [{ ...set('old', 2), existing: 3 }])).toBe(1);
    expect(newReplicas(bounds, set('new', 1), [set('old', 2)])).toBe(2);
  });
  it('removes unavailable old pods first, they cost nothing', () => {
    const bounds = rolloutBounds(4, 1, 1);
    expect(oldReplicas(bounds, set('new', 1, 0), [set('a', 2, 0), set('b', 2, 2)])).toEqual(
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
    );
  });
  it('a status from before the last scale-down does not allow a second one', () => {
    const bounds = rolloutBounds(3, 1, 0);
    expect(oldReplicas(bounds, set('new', 1, 1), [set('old', 2, 3)])).toEqual(new Map([['old', 2]]));
  });
});

describe('properties', () => {
  const sets = fc.array(fc.tuple(fc.integer({ min: 0, max: 10 }), fc.integer({ min: 0, max: 10 })), {
    minLength: 1,
    maxLength: 4,
  });
  it('scaling in the middle of a rollout keeps the total at replicas + maxSurge and no share below zero', () => {
    fc.assert(
      fc.property(
        sets,
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: 0, max: 5 }),
        (counts, replicas, maxSurge) => {
          const all = counts.map(([wanted], i) => set(`s${i}`, wanted));
          fc.pre(sum(all.map(({ wanted }) => wanted)) > 0);
          const result = proportionalReplicas({ replicas, maxSurge, maxUnavailable: 0 }, all);
          expect(sum(result.values())).toBe(replicas === 0 ? 0 : replicas + maxSurge);
          for (const share of result.values()) expect(share).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });
  it('no step removes so many old pods that fewer than replicas - maxUnavailable stay available', () => {
    fc.assert(
      fc.property(
        sets,
        sets,
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 0, max: 5 }),
        (old, [fresh], replicas, maxUnavailable) => {
          const bounds = { replicas, maxSurge: 1, maxUnavailable };
          const olds = old.map(([wanted, available], i) => set(`s${i}`, wanted, Math.min(wanted, available)));
          const now = set('new', fresh![0], Math.min(...fresh!));
          const before = sum([now, ...olds].map(({ available }) => available));
          const keep = oldReplicas(bounds, now, olds);
          const after = now.available + sum(olds.map(({ name, available }) => Math.min(available, keep.get(name)!)));
          expect(after).toBeGreaterThanOrEqual(Math.min(before, replicas - maxUnavailable));
        },
      ),
    );
  });
});
