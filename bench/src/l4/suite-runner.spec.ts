import type { LoadOrder, LoadSample } from './client/load-order.js';
import { L4_LOADS, FULL, QUICK, type L4Sizes } from './loads.js';
import { SuiteRunner } from './suite-runner.js';

const idle = L4_LOADS.filter(({ kind }) => kind === 'idle');

/** Notes what is asked of it. `broken` does not run; each connection takes 2 KiB. */
class FakeSite {
  readonly did: string[] = [];
  readonly #held = new Map<string, number>();
  readonly peers = ['direct', 'a', 'broken', 'b'].map((name) => ({
    name,
    version: '',
    error: name === 'broken' ? 'not installed' : null,
  }));

  run(name: string, order: LoadOrder): Promise<LoadSample> {
    if (name === 'broken') return Promise.reject(new Error('not installed'));
    this.did.push(`${name} ${order.kind}`);
    const operations = order.kind === 'hold' ? order.connections : 0;
    this.#held.set(name, (this.#held.get(name) ?? 0) + operations);
    return Promise.resolve({ operations, errors: 0, firstError: null } as LoadSample);
  }

  memory(name: string): readonly [number, number] {
    this.did.push(`${name} memory`);
    return [50, 50 + ((this.#held.get(name) ?? 0) * 2) / 1024];
  }
}

async function idleRun(sizes: L4Sizes) {
  const site = new FakeSite();
  const settings = { path: 'loopback', began: 0, maxConnections: 9750, note: () => undefined } as const;
  const rows = new SuiteRunner(site, sizes, settings).rows(
    idle,
    site.peers.map(({ name }) => name),
  );
  await jest.advanceTimersByTimeAsync(60_000);
  return { rows: await rows, did: site.did };
}

describe('idle connections', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('are what the last three quarters of them add; a pair that does not run is a row with its reason', async () => {
    const { rows } = await idleRun(QUICK);
    expect(rows.map(({ peer, figures, error }) => [peer, figures['rssKiBPerConnection'], error])).toEqual([
      ['a', 2, undefined],
      ['broken', undefined, 'not installed'],
      ['b', 2, undefined],
    ]);
    expect(rows[0]!.figures).toMatchObject({ connections: 2000, idleRssMiB: 50 });
  });

  it('are held one pair after the other, and by all together in a quick run', async () => {
    const course = (peer: string): readonly string[] => [
      `${peer} memory`,
      `${peer} hold`,
      `${peer} memory`,
      `${peer} hold`,
      `${peer} memory`,
    ];
    expect((await idleRun(FULL)).did).toEqual([...course('a'), 'a release', ...course('b'), 'b release']);
    const { did } = await idleRun(QUICK);
    for (const peer of ['a', 'b'])
      expect(did.filter((what) => what.startsWith(`${peer} `) && !what.endsWith('release'))).toEqual(course(peer));
    expect(did.slice(0, 4)).toEqual(['a memory', 'a hold', 'b memory', 'b hold']);
    expect(did.filter((what) => what.endsWith('release'))).toEqual([did.at(-1)]);
  });
});
