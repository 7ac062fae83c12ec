import fc from 'fast-check';
import { Graph } from './graph.js';

interface Member {
  readonly age: number;
  readonly label: string;
}

const strict = () =>
  new Graph(({ thrown }) => {
    throw thrown;
  });

function rig() {
  const graph = strict();
  const source = graph.source<Member>('members');
  const byLabel = graph.index(
    'by label',
    source,
    ({ label }) => [label],
    (a, b) => a.age - b.age,
  );
  return { graph, source, byLabel };
}

describe('an index with an order', () => {
  it('gives members in that order, and what is equal by ascending key', () => {
    const { source, byLabel } = rig();
    source.set('b', { age: 1, label: 'x' });
    source.set('c', { age: 0, label: 'x' });
    source.set('a', { age: 1, label: 'x' });
    expect(byLabel.lookup('x').map(({ age }) => age)).toEqual([0, 1, 1]);
    expect(byLabel.lookup('x')[1]).toBe(source.get('a'));
  });

  it('leaves alone what it gave before', () => {
    const { source, byLabel } = rig();
    source.set('a', { age: 1, label: 'x' });
    const before = byLabel.lookup('x');
    source.set('b', { age: 0, label: 'x' });
    expect(byLabel.lookup('x')).toHaveLength(2);
    expect(before).toEqual([{ age: 1, label: 'x' }]);
  });
});

describe('properties', () => {
  it('few or many changes between two questions: the answer is that of sorting anew', () => {
    const key = fc.integer({ min: 0, max: 15 }).map((n) => `k${n}`);
    const member = fc.record({ age: fc.integer({ min: 0, max: 4 }), label: fc.constantFrom('x', 'y') });
    const change = fc.record({ key, member: fc.option(member) });
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 14 }), { maxLength: 8 }), (batches) => {
        const { graph, source, byLabel } = rig();
        for (const batch of batches) {
          graph.batch(() => {
            for (const one of batch) {
              if (one.member === null) source.delete(one.key);
              else source.set(one.key, one.member);
            }
          });
          for (const label of ['x', 'y']) {
            const members = [...source.entries()].filter(([, value]) => value.label === label);
            members.sort(([a, one], [b, other]) => one.age - other.age || (a < b ? -1 : 1));
            expect(byLabel.lookup(label)).toEqual(members.map(([, value]) => value));
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
