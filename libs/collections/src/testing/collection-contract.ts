import type { Collection, CollectionEvent } from '../collection.js';
import type { Graph } from '../graph.js';
import type { SourceCollection } from '../source-collection.js';

/** A collection under test that holds, for each entry `k -> n` of the source, something that changes when `n` does. */
export interface ContractRig {
  readonly graph: Graph;
  readonly source: SourceCollection<number>;
  readonly collection: Collection<unknown>;
}

/** The rules that every collection keeps, whatever made it. */
export function collectionContract(name: string, makeRig: () => ContractRig): void {
  describe(`${name} keeps the collection contract`, () => {
    const setUp = () => {
      const rig = makeRig();
      const batches: (readonly CollectionEvent<unknown>[])[] = [];
      const end = rig.collection.subscribe((events) => batches.push(events));
      return { ...rig, batches, end };
    };

    it('replays the present contents as added events, in key order', () => {
      const { graph, source, collection } = makeRig();
      graph.batch(() => ['b', 'a', 'c'].forEach((key, i) => source.set(key, i)));
      const seen: string[] = [];
      collection.subscribe((events) => seen.push(...events.map(({ kind, key }) => `${kind} ${key}`)));
      expect(seen).toEqual(['added a', 'added b', 'added c']);
    });

    it('replays nothing when asked not to', () => {
      const { source, collection } = makeRig();
      source.set('a', 1);
      const observer = jest.fn();
      collection.subscribe(observer, { replay: false });
      expect(observer).not.toHaveBeenCalled();
    });

    it('makes one event per changed key of a batch, in key order', () => {
      const { graph, source, batches } = setUp();
      source.set('gone', 1);
      source.set('kept', 1);
      batches.length = 0;
      graph.batch(() => {
        source.set('new', 1);
        source.delete('gone');
        source.set('kept', 2);
        source.set('kept', 3);
      });
      expect(batches.map((events) => events.map(({ kind, key }) => `${kind} ${key}`))).toEqual([
        ['deleted gone', 'updated kept', 'added new'],
      ]);
    });

    it('makes no event for an unchanged value', () => {
      const { graph, source, batches } = setUp();
      source.set('a', 1);
      batches.length = 0;
      source.set('a', 1);
      graph.batch(() => {
        source.set('a', 2);
        source.set('a', 1);
        source.delete('b');
      });
      expect(batches).toEqual([]);
    });

    it('gives get, has, keys, values, entries and size that agree', () => {
      const { source, collection } = setUp();
      source.set('a', 1);
      source.set('b', 2);
      source.delete('a');
      expect([...collection.keys()]).toEqual(['b']);
      expect([...collection.entries()]).toEqual([['b', collection.get('b')]]);
      expect([...collection.values()]).toEqual([collection.get('b')]);
      expect([collection.size, collection.has('a'), collection.has('b'), collection.get('a')]).toEqual([
        1,
        false,
        true,
        undefined,
      ]);
    });

    it('shows observers the contents that the events lead to', () => {
      const { graph, source, collection } = makeRig();
      const replica = new Map<string, unknown>();
      collection.subscribe((events) => {
        for (const event of events) {
          if (event.kind === 'deleted') replica.delete(event.key);
          else replica.set(event.key, event.newValue);
        }
        expect(new Map(collection.entries())).toEqual(replica);
      });
      for (let round = 0; round < 20; round++) {
        graph.batch(() => {
          for (const key of ['a', 'b', 'c']) {
            if ((round + key.charCodeAt(0)) % 3 === 0) source.delete(key);
            else source.set(key, round);
          }
        });
      }
      expect(replica.size).toBe(2);
    });

    it('stops telling an observer that unsubscribed', () => {
      const { source, batches, end } = setUp();
      end();
      source.set('a', 1);
      expect(batches).toEqual([]);
    });
  });
}
