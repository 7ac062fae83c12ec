import fc from 'fast-check';
import { WorkQueue } from './work-queue.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('WorkQueue', () => {
  it('handles a key that is added while it is handled once more, however often it was added', async () => {
    let release: () => void = () => undefined;
    const handled: string[] = [];
    const queue = new WorkQueue({
      name: 'test',
      handle: async (key) => {
        handled.push(key);
        if (handled.length === 1) await new Promise<void>((resolve) => (release = resolve));
        return undefined;
      },
    });
    await queue.start();
    queue.add('a');
    await turn();
    for (let i = 0; i < 5; i++) queue.add('a');
    release();
    await queue.idle();
    expect(handled).toEqual(['a', 'a']);
    await queue.stop();
  });

  it('retries a failed key with growing pauses and does not hold up the others', async () => {
    const at: number[] = [];
    const others: string[] = [];
    const done = new Promise<void>((resolve) => {
      const queue: WorkQueue = new WorkQueue({
        name: 'test',
        initialBackoffMs: 20,
        random: () => 0.5,
        handle: (key) => {
          if (key !== 'bad') others.push(key);
          else if (at.push(performance.now()) < 4) return Promise.reject(new Error('not yet'));
          else resolve(queue.stop());
          return Promise.resolve(undefined);
        },
      });
      void queue.start();
      queue.add('bad');
      queue.add('good');
    });
    await done;
    expect(others).toEqual(['good']);
    const pauses = at.slice(1).map((time, i) => time - at[i]!);
    expect(pauses[0]).toBeGreaterThanOrEqual(19);
    expect(pauses[1]).toBeGreaterThanOrEqual(39);
    expect(pauses[2]).toBeGreaterThanOrEqual(79);
  });

  it('comes back when the handler asks for it', async () => {
    let runs = 0;
    const done = new Promise<void>((resolve) => {
      const queue: WorkQueue = new WorkQueue({
        name: 'test',
        handle: () => {
          if (++runs === 2) resolve(queue.stop());
          return Promise.resolve({ requeueAfterMs: 5 });
        },
      });
      void queue.start();
      queue.add('a');
    });
    await done;
    expect(runs).toBe(2);
  });

  it('stop drops what waits and tells running handlers', async () => {
    const handled: string[] = [];
    const queue = new WorkQueue({
      name: 'test',
      handle: (key, signal) => {
        handled.push(key);
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined)));
      },
    });
    await queue.start();
    queue.add('a');
    queue.add('b');
    await turn();
    await queue.stop();
    queue.add('c');
    await turn();
    expect(handled).toEqual(['a']);
  });

  describe('properties', () => {
    it('no key runs twice at once, no more than `concurrency` run, and every key runs after its last add', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 0, max: 3 })), { maxLength: 40 }),
          fc.integer({ min: 1, max: 3 }),
          async (adds, concurrency) => {
            const running = new Set<string>();
            const pendingAdds = new Set<string>();
            const queue = new WorkQueue({
              name: 'test',
              concurrency,
              handle: async (key) => {
                expect(running.has(key)).toBe(false);
                running.add(key);
                pendingAdds.delete(key);
                expect(running.size).toBeLessThanOrEqual(concurrency);
                await turn();
                running.delete(key);
                return undefined;
              },
            });
            await queue.start();
            for (const [key, pause] of adds) {
              pendingAdds.add(key);
              queue.add(key);
              for (let i = 0; i < pause; i++) await turn();
            }
            await queue.idle();
            expect([...pendingAdds]).toEqual([]);
            await queue.stop();
          },
        ),
        { numRuns: 50 },
      );
    });
  });
});
