import fc from 'fast-check';
import { asKubeObject, type KubeObject } from '../kube-object.js';
import { Store } from './store.js';

const object = (name: string, value: number): KubeObject =>
  asKubeObject({ apiVersion: 'v1', kind: 'Thing', metadata: { name, namespace: 'n' }, value });

const operations = fc.array(fc.tuple(fc.constantFrom('put', 'remove'), fc.constantFrom('a', 'b', 'c'), fc.nat(3)), {
  maxLength: 60,
});

describe('properties of the store', () => {
  it('the list at any version that history reaches is the list that was seen then', () => {
    fc.assert(
      fc.property(operations, (steps) => {
        const store = new Store(1000);
        const bucket = store.bucket('things');
        const seen: { version: number; json: string }[] = [];
        for (const [operation, name, value] of steps) {
          if (operation === 'put') store.put(bucket, object(name, value));
          else store.remove(bucket, 'n', name);
          seen.push({
            version: store.resourceVersion,
            json: JSON.stringify(bucket.list().map((stored) => stored.object)),
          });
        }
        for (const { version, json } of seen) {
          const then = bucket.listAt(version, store.resourceVersion).map((stored) => stored.object);
          expect(JSON.stringify(then)).toBe(json);
        }
      }),
    );
  });

  it('the events since any version lead from the state of then to the state of now', () => {
    fc.assert(
      fc.property(operations, fc.nat(60), (steps, from) => {
        const store = new Store(1000);
        const bucket = store.bucket('things');
        let start = { version: store.resourceVersion, state: new Map<string, unknown>() };
        steps.forEach(([operation, name, value], i) => {
          if (i === from)
            start = {
              version: store.resourceVersion,
              state: new Map(bucket.list().map((stored) => [stored.name, stored.object])),
            };
          if (operation === 'put') store.put(bucket, object(name, value));
          else store.remove(bucket, 'n', name);
        });
        for (const { type, stored } of bucket.since(start.version)) {
          if (type === 'DELETED') start.state.delete(stored.name);
          else start.state.set(stored.name, stored.object);
        }
        const now = new Map(bucket.list().map((stored) => [stored.name, stored.object]));
        expect(Object.fromEntries(start.state)).toEqual(Object.fromEntries(now));
      }),
    );
  });

  it('versions only grow, and history keeps at least its limit', () => {
    const store = new Store(5);
    const bucket = store.bucket('things');
    const versions = Array.from({ length: 100 }, (_, i) => store.put(bucket, object('a', i)).resourceVersion);
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
    expect(bucket.since(store.resourceVersion - 5)).toHaveLength(5);
    expect(() => bucket.since(store.resourceVersion - 50)).toThrow('too old resource version');
  });

  it('a write among many objects costs the same as among few', () => {
    const store = new Store(1000);
    const bucket = store.bucket('things');
    // Of this thread: what others do meanwhile does not count.
    const milliseconds = (count: number): number => {
      const before = process.threadCpuUsage();
      for (let i = 0; i < count; i++) store.put(bucket, object(`o${bucket.size}`, i));
      const { user, system } = process.threadCpuUsage(before);
      return (user + system) / 1000;
    };
    milliseconds(2000);
    const few = milliseconds(20_000);
    milliseconds(40_000);
    const many = milliseconds(20_000);
    // Quadratic work would be tens of times slower; a shared machine may well be a few times.
    expect(many).toBeLessThan(few * 10 + 200);
    expect(bucket.list('n')).toHaveLength(82_000);
  });
});
