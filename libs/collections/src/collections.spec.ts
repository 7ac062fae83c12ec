import fc from 'fast-check';
import { collectionContract } from './testing/collection-contract.js';
import type { Collection } from './collection.js';
import { Graph, type GraphFault } from './graph.js';
import { structurallyEqual } from './structurally-equal.js';

const strict = () =>
  new Graph(({ thrown }) => {
    throw thrown as Error;
  });
const rigOf = (derive: (graph: Graph, source: ReturnType<Graph['source']>) => unknown) => () => {
  const graph = strict();
  const source = graph.source<number>('numbers');
  return { graph, source, collection: derive(graph, source as never) as never };
};

collectionContract(
  'a source',
  rigOf((_graph, source) => source),
);
collectionContract(
  'derive',
  rigOf((graph, source) => graph.derive('d', source, (n) => ({ n }))),
);
collectionContract(
  'deriveMany',
  rigOf((graph, source) => graph.deriveMany('d', source, (n, _fetch, key) => [{ key, n }], { key: ({ key }) => key })),
);
collectionContract(
  'filter',
  rigOf((graph, source) => graph.filter('f', source, () => true)),
);
collectionContract(
  'union',
  rigOf((graph, source) => graph.union('u', [graph.source('empty'), source])),
);
collectionContract(
  'leftJoin',
  rigOf((graph, source) =>
    graph.leftJoin(
      'j',
      graph.derive('l', source, () => 1),
      source,
      (left, right) => ({ left, right }),
    ),
  ),
);
collectionContract(
  'group',
  rigOf((graph, source) =>
    graph.group(
      'g',
      graph.derive('keyed', source, (n, _fetch, key) => ({ key, n })),
      ({ key }) => [key],
    ),
  ),
);

describe('a transformation', () => {
  it('that fetched an index entry is recomputed only when that entry changes', () => {
    const graph = strict();
    const pods = graph.source<{ name: string; app: string }>('pods');
    const services = graph.source<{ app: string; port: number }>('services');
    const byApp = graph.index('services by app', services, ({ app }) => [app]);
    const runs: string[] = [];
    const workloads = graph.derive('workloads', pods, (pod, fetch) => {
      runs.push(pod.name);
      return { name: pod.name, ports: fetch.lookup(byApp, pod.app).map(({ port }) => port) };
    });
    graph.batch(() => {
      for (let i = 0; i < 100; i++) pods.set(`p${i}`, { name: `p${i}`, app: `app${i % 10}` });
      services.set('s', { app: 'app3', port: 80 });
    });
    expect(runs).toHaveLength(100);
    expect(workloads.get('p3')).toEqual({ name: 'p3', ports: [80] });
    runs.length = 0;
    pods.set('p7', { name: 'p7', app: 'app3' });
    expect(runs).toEqual(['p7']);
    runs.length = 0;
    services.set('s', { app: 'app3', port: 81 });
    expect(runs.sort()).toEqual(['p13', 'p23', 'p3', 'p33', 'p43', 'p53', 'p63', 'p7', 'p73', 'p83', 'p93']);
    runs.length = 0;
    services.set('other', { app: 'app10', port: 1 });
    services.set('s', { app: 'app3', port: 81 });
    expect(runs).toEqual([]);
  });

  it('runs once per batch however many of the things it read changed', () => {
    const graph = strict();
    const source = graph.source<number>('s');
    const doubled = graph.derive('doubled', source, (n) => n * 2);
    let runs = 0;
    const sum = graph.derive('sum', source, (n, fetch, key) => {
      runs++;
      return n + (fetch.get(doubled, key) ?? 0);
    });
    source.set('a', 1);
    source.set('a', 2);
    expect([sum.get('a'), runs]).toEqual([6, 2]);
  });

  it('that throws is reported, keeps its last good output, and leaves the others alone', () => {
    const faults: GraphFault[] = [];
    const graph = new Graph((fault) => faults.push(fault));
    const source = graph.source<number>('s');
    const limit = graph.singleton('limit', 10);
    const derived = graph.derive('d', source, (n, fetch) => {
      if (n > fetch.one(limit)!) throw new RangeError('too big');
      return n * 2;
    });
    graph.batch(() => ['a', 'b'].forEach((key) => source.set(key, 1)));
    graph.batch(() => {
      source.set('a', 11);
      source.set('b', 3);
    });
    expect([derived.get('a'), derived.get('b')]).toEqual([2, 6]);
    expect(faults.map(({ collection, key }) => [collection, key])).toEqual([['d', 'a']]);
    limit.set(20);
    expect(derived.get('a')).toBe(22);
  });

  it('may not write a collection, nor fetch one made after it', () => {
    const faults: GraphFault[] = [];
    const graph = new Graph((fault) => faults.push(fault));
    const source = graph.source<number>('s');
    graph.derive('writer', source, () => source.set('x', 1));
    graph.derive('forward', source, (_n, fetch) => fetch.get(later, 'a'));
    const later = graph.derive('later', source, (n) => n);
    source.set('a', 1);
    expect(faults.map(({ thrown }) => (thrown as Error).message)).toEqual([
      's: a transformation may not write a collection',
      'forward fetches later, which must be a collection of the same graph made before it',
    ]);
  });
});

describe('a graph', () => {
  it('gives a key that two inputs produce to the smaller input key, and to the other when it goes', () => {
    const graph = strict();
    const source = graph.source<string>('s');
    const byName = graph.deriveMany('d', source, (name, _f, key) => [{ name, key }], { key: ({ name }) => name });
    source.set('b', 'same');
    source.set('a', 'same');
    expect(byName.get('same')?.key).toBe('a');
    source.delete('a');
    expect(byName.get('same')?.key).toBe('b');
  });

  it('lets an observer write a source: the write settles after all observers were told', () => {
    const graph = strict();
    const input = graph.source<number>('in');
    const log: string[] = [];
    input.subscribe(([event]) => {
      if (event!.key === 'a') input.set('b', 1);
    });
    input.subscribe((events) => log.push(events.map(({ key }) => key).join()));
    input.set('a', 1);
    expect(log).toEqual(['a', 'b']);
  });

  it('reports an observer that throws and tells the next one', () => {
    const faults: GraphFault[] = [];
    const graph = new Graph((fault) => faults.push(fault));
    const source = graph.source<number>('s');
    const next = jest.fn();
    source.subscribe(() => {
      throw new Error('observer');
    });
    source.subscribe(next);
    source.set('a', 1);
    expect(faults).toHaveLength(1);
    expect(next).toHaveBeenCalledTimes(1);
  });

  it('replaces all of a source without an event for what stays equal', () => {
    const graph = strict();
    const source = graph.source<{ n: number }>('s');
    source.replaceAll(
      new Map([
        ['a', { n: 1 }],
        ['b', { n: 1 }],
      ]),
    );
    const seen: string[] = [];
    source.subscribe((events) => seen.push(...events.map(({ kind, key }) => `${kind} ${key}`)), { replay: false });
    source.replaceAll(
      new Map([
        ['b', { n: 1 }],
        ['c', { n: 1 }],
      ]),
    );
    expect(seen).toEqual(['deleted a', 'added c']);
  });
});

describe('structural equality', () => {
  it.each([
    [{ a: 1, b: undefined }, { a: 1 }, true],
    [{ a: 1 }, { a: 1, b: undefined }, true],
    [{ a: undefined }, { b: undefined }, true],
    [{ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, true],
    [{ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }, false],
    [new Uint8Array([1]), new Uint8Array([1]), true],
    [new Uint8Array([1]), new Uint8Array([2]), false],
    [new Map([['a', { b: 1 }]]), new Map([['a', { b: 1 }]]), true],
    [new Map([['a', { b: 1 }]]), new Map([['a', { b: 2 }]]), false],
    [new Set([1]), new Set([1]), true],
    [new Set([1]), new Set([2]), false],
    [[], {}, false],
    [null, {}, false],
  ])('of %j and %j is %s', (left, right, equal) => expect(structurallyEqual(left, right)).toBe(equal));
});

describe('properties', () => {
  interface Item {
    readonly label: string;
    readonly value: number;
  }
  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const label = fc.constantFrom('x', 'y', 'z');
  const change = fc.record({
    side: fc.constantFrom<('left' | 'right')[]>('left', 'right'),
    key,
    item: fc.option(fc.record({ label, value: fc.integer({ min: 0, max: 3 }) })),
  });

  /** Every operator in one pipeline. */
  const pipeline = (graph: Graph) => {
    const left = graph.source<Item>('left');
    const right = graph.source<Item>('right');
    const byLabel = graph.index('right by label', right, (item) => [item.label]);
    const matched = graph.deriveMany(
      'matched',
      left,
      (item, fetch, leftKey) =>
        fetch
          .lookup(byLabel, item.label)
          .map((other, i) => ({ id: `${item.label}${i}`, leftKey, sum: item.value + other.value })),
      { key: ({ id }) => id },
    );
    const even = graph.filter('even', matched, ({ sum }) => sum % 2 === 0);
    const both = graph.union('both', [
      even,
      graph.derive('tagged', right, (item, fetch, k) => ({
        id: k,
        leftKey: fetch.get(left, k)?.label ?? '',
        sum: fetch.all(left).length,
      })),
    ]);
    const groups = graph.group('groups', both, ({ leftKey, sum }) => [leftKey, String(sum)]);
    const sizes = graph.derive('sizes', groups, ({ members }) => members.length);
    const outputs: readonly Collection<unknown>[] = [matched, even, both, groups, sizes];
    return { sources: { left, right }, outputs };
  };

  it('incremental equals full recompute after any sequence of batches', () => {
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 12 }), (batches) => {
        const graph = strict();
        const { sources, outputs } = pipeline(graph);
        const replicas = outputs.map((output) => {
          const replica = new Map<string, unknown>();
          output.subscribe((events) => {
            for (const event of events) {
              if (event.kind === 'deleted') replica.delete(event.key);
              else replica.set(event.key, event.newValue);
            }
          });
          return replica;
        });
        for (const batch of batches) {
          graph.batch(() => {
            for (const { side, key: k, item } of batch) {
              if (item === null) sources[side].delete(k);
              else sources[side].set(k, item);
            }
          });
          const fresh = strict();
          const full = pipeline(fresh);
          fresh.batch(() => {
            for (const side of ['left', 'right'] as const)
              for (const [k, v] of sources[side].entries()) full.sources[side].set(k, v);
          });
          outputs.forEach((output, i) => {
            expect(new Map(output.entries())).toEqual(new Map(full.outputs[i]!.entries()));
            expect(replicas[i]).toEqual(new Map(output.entries()));
          });
        }
      }),
      { numRuns: 150 },
    );
  });
});
