import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { err, ok, type Result } from '@weft/result';
import { ModuleCache, type CachedModule } from './module-cache.js';

describe('modules on disk', () => {
  let folder: string;
  let used: Set<string>;
  let fetches: string[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weft-wasm-'));
    used = new Set();
    fetches = [];
  });
  afterEach(() => rm(folder, { recursive: true }));

  const cacheOf = async (answer: (url: string) => Result<Buffer, string>): Promise<ModuleCache> => {
    const cache = new ModuleCache({
      folder: join(folder, 'modules'),
      maxBytes: 100,
      timeoutMs: 1000,
      insecureRegistries: [],
      inUse: () => used,
      fetch: ({ url }) => {
        fetches.push(url);
        return Promise.resolve(answer(url));
      },
    });
    await cache.open();
    return cache;
  };
  const module = (url: string, more: Partial<CachedModule> = {}): CachedModule => ({
    url,
    sha256: '',
    pullSecret: null,
    pull: '',
    ...more,
  });
  const file = async (cache: ModuleCache, wanted: CachedModule): Promise<string> => {
    const found = await cache.get(wanted);
    if (!found.ok) throw new Error(found.error);
    return found.value;
  };

  it('are fetched once, also when several want one at a time; another pull or another secret is another module', async () => {
    const cache = await cacheOf((url) => ok(Buffer.from(url)));
    const [a, b] = await Promise.all([file(cache, module('a')), file(cache, module('a'))]);
    expect([a, await file(cache, module('a'))]).toEqual([b, b]);
    expect((await readFile(a)).toString()).toBe('a');
    expect(fetches).toEqual(['a']);
    await file(cache, module('a', { pull: '2' }));
    await file(cache, module('a', { pullSecret: '{}' }));
    expect(fetches).toEqual(['a', 'a', 'a']);
  });

  it('are there when they are given out, also to who asks while another one’s is being written', async () => {
    const cache = await cacheOf(() => ok(Buffer.alloc(40)));
    const look = async (): Promise<number> => (await readFile(await file(cache, module('a')))).length;
    const first = { settled: false };
    const asking = [look().finally(() => (first.settled = true))];
    // One question in each step of the first one's way to the disk.
    while (!first.settled) {
      asking.push(look());
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(new Set(await Promise.all(asking))).toEqual(new Set([40]));
    expect(fetches).toEqual(['a']);
  });

  it('that could not be had are asked for again', async () => {
    let down = true;
    const cache = await cacheOf(() => (down ? err('gone') : ok(Buffer.from('x'))));
    expect(await cache.get(module('a'))).toEqual({ ok: false, error: 'gone' });
    down = false;
    expect(await cache.get(module('a'))).toMatchObject({ ok: true });
    expect(cache.size).toBe(1);
  });

  it('take no more than so many bytes: the longest unused goes, what is in use stays', async () => {
    const cache = await cacheOf(() => ok(Buffer.alloc(40)));
    const a = await file(cache, module('a'));
    const b = await file(cache, module('b'));
    await file(cache, module('a'));
    await file(cache, module('c'));
    expect((await readdir(join(folder, 'modules'))).length).toBe(2);
    expect(fetches).toEqual(['a', 'b', 'c']);
    used = new Set([a, await file(cache, module('c'))]);
    expect(await cache.get(module('d'))).toEqual({
      ok: false,
      error: 'does not fit: modules may have 100 bytes in all',
    });
    await expect(readFile(b)).rejects.toThrow('ENOENT');
    await expect(readFile(a)).resolves.toHaveLength(40);
  });
});
