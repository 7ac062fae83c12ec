import fc from 'fast-check';
import { KubeConnectionError } from './errors.js';
import type { Informer } from './informer.js';
import { CONFIG_MAPS, type ConfigMap } from './resources.js';
import { InMemoryKube } from './testing/index.js';
import { until } from '@weft/testing-fixtures';

const configMap = (name: string, value = 'a', labels: Record<string, string> = {}): ConfigMap => ({
  metadata: { name, namespace: 'shop', labels },
  data: { value },
});

function record(informer: Informer<ConfigMap>): string[] {
  const seen: string[] = [];
  informer.on({
    added: (object) => seen.push(`+${object.metadata!.name!}`),
    updated: (object, old) => seen.push(`~${object.metadata!.name!} ${old.data!['value']!}>${object.data!['value']!}`),
    deleted: (object) => seen.push(`-${object.metadata!.name!}`),
  });
  return seen;
}

describe('Informer', () => {
  const informers: Informer<ConfigMap>[] = [];
  let api: InMemoryKube;
  beforeEach(() => (api = new InMemoryKube()));
  afterEach(async () => {
    await Promise.all(informers.splice(0).map((informer) => informer.stop()));
  });
  const client = () => api.client({ random: () => 0 });
  async function started(options = {}): Promise<Informer<ConfigMap>> {
    const informer = client().informer(CONFIG_MAPS, options);
    informers.push(informer);
    await informer.start();
    await informer.synced;
    await until(() => api.openWatches > 0, 'the watch is open');
    return informer;
  }

  it('replays what exists to a new handler, then reports each change once and in order', async () => {
    const kube = client();
    await kube.create(CONFIG_MAPS, configMap('a'));
    const informer = await started();
    const seen = record(informer);
    expect(seen).toEqual(['+a']);
    await kube.create(CONFIG_MAPS, configMap('b'));
    await kube.replace(CONFIG_MAPS, configMap('a', 'z'));
    await kube.delete(CONFIG_MAPS, 'shop', 'b');
    await until(() => seen.length === 4, 'all changes');
    expect(seen).toEqual(['+a', '+b', '~a a>z', '-b']);
    expect(informer.get('shop', 'a')?.data).toEqual({ value: 'z' });
    expect(informer.get('shop', 'b')).toBeUndefined();
  });

  it('goes on from the last version after a broken watch: nothing is listed again and nothing is missed', async () => {
    const kube = client();
    await kube.create(CONFIG_MAPS, configMap('a'));
    const informer = await started();
    const seen = record(informer);
    api.breakWatches();
    await kube.delete(CONFIG_MAPS, 'shop', 'a');
    await kube.create(CONFIG_MAPS, configMap('b'));
    await until(() => seen.length === 3, 'both changes');
    expect(seen).toEqual(['+a', '-a', '+b']);
    expect(api.requests.filter(({ method, query }) => method === 'GET' && query?.['watch'] === undefined)).toHaveLength(
      1,
    );
  });

  it('survives an API server that is away without a false delete', async () => {
    const kube = client();
    await kube.create(CONFIG_MAPS, configMap('a'));
    const informer = await started();
    const seen = record(informer);
    api.offline = new KubeConnectionError('connection refused');
    api.breakWatches();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(informer.list()).toHaveLength(1);
    api.offline = null;
    await kube.replace(CONFIG_MAPS, configMap('a', 'b'));
    await until(() => seen.length === 2, 'the update');
    expect(seen).toEqual(['+a', '~a a>b']);
  });

  it('lists again on 410 and reports only what really changed', async () => {
    const kube = client();
    for (const name of ['kept', 'gone', 'renewed']) await kube.create(CONFIG_MAPS, configMap(name));
    const informer = await started();
    const seen = record(informer);
    seen.length = 0;
    await kube.create(CONFIG_MAPS, configMap('x'));
    await until(() => seen.length === 1, 'x');
    api.offline = new KubeConnectionError('connection refused');
    api.breakWatches();
    api.offline = null;
    await kube.delete(CONFIG_MAPS, 'shop', 'gone');
    await kube.delete(CONFIG_MAPS, 'shop', 'renewed');
    await kube.create(CONFIG_MAPS, configMap('renewed', 'new'));
    await kube.create(CONFIG_MAPS, configMap('new'));
    api.compact();
    await until(() => seen.length === 5, 'the new list');
    expect(seen.slice(1).sort()).toEqual(['+new', '+renewed', '-gone', '-renewed']);
    expect(seen.indexOf('-renewed')).toBeLessThan(seen.indexOf('+renewed'));
  });

  it('keeps its place by bookmarks, so that quiet collections do not fall out of the history', async () => {
    await client().create(CONFIG_MAPS, configMap('a'));
    const informer = await started();
    const seen = record(informer);
    api.skipVersions(1000);
    api.sendBookmarks();
    api.compact();
    api.breakWatches();
    await client().create(CONFIG_MAPS, configMap('b'));
    await until(() => seen.length === 2, 'b');
    expect(api.requests.filter(({ query, method }) => method === 'GET' && query?.['watch'] === undefined)).toHaveLength(
      1,
    );
  });

  it('starts while the API server is away and is synced once it comes', async () => {
    api.offline = new KubeConnectionError('connection refused');
    const informer = client().informer(CONFIG_MAPS);
    informers.push(informer);
    await informer.start();
    expect(informer.hasSynced).toBe(false);
    api.offline = null;
    await informer.synced;
    expect(informer.hasSynced).toBe(true);
  });

  it('sees an object that stops matching its selector as deleted', async () => {
    const kube = client();
    await kube.create(CONFIG_MAPS, configMap('a', 'a', { app: 'web' }));
    const informer = await started({ labelSelector: 'app=web' });
    const seen = record(informer);
    await kube.replace(CONFIG_MAPS, configMap('a', 'a', { app: 'db' }));
    await until(() => seen.length === 2, 'the delete');
    expect(seen).toEqual(['+a', '-a']);
  });

  it('keeps an index current', async () => {
    const kube = client();
    await kube.create(CONFIG_MAPS, configMap('a', 'red'));
    const informer = await started();
    const byValue = informer.index((object) => [object.data!['value']!]);
    const seen = record(informer);
    await kube.create(CONFIG_MAPS, configMap('b', 'red'));
    await kube.replace(CONFIG_MAPS, configMap('a', 'blue'));
    await until(() => seen.length === 3, 'both');
    expect(byValue.get('red').map((object) => object.metadata!.name)).toEqual(['b']);
    expect(byValue.get('blue').map((object) => object.metadata!.name)).toEqual(['a']);
  });

  it('does not let a handler that throws stop the others', async () => {
    const informer = await started();
    informer.on({
      added: () => {
        throw new Error('broken');
      },
    });
    const seen = record(informer);
    await client().create(CONFIG_MAPS, configMap('a'));
    await until(() => seen.length === 1, 'a');
  });

  describe('properties', () => {
    const step = fc.oneof(
      fc.record({
        op: fc.constant('put' as const),
        name: fc.constantFrom('a', 'b', 'c'),
        value: fc.constantFrom('1', '2', '3'),
      }),
      fc.record({ op: fc.constant('delete' as const), name: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ op: fc.constantFrom('break' as const, 'compact' as const, 'bookmark' as const) }),
      fc.record({ op: fc.constant('settle' as const) }),
    );
    it('whatever happens to objects and connections, the cache ends equal to the server and handlers saw a legal story', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          api = new InMemoryKube();
          const kube = client();
          const informer = await started();
          const alive = new Map<string, string>();
          informer.on({
            added: (o) => {
              expect(alive.has(o.metadata!.name!)).toBe(false);
              alive.set(o.metadata!.name!, o.data!['value']!);
            },
            updated: (o) => {
              expect(alive.has(o.metadata!.name!)).toBe(true);
              alive.set(o.metadata!.name!, o.data!['value']!);
            },
            deleted: (o) => expect(alive.delete(o.metadata!.name!)).toBe(true),
          });
          for (const action of steps) {
            if (action.op === 'put') {
              const object = configMap(action.name, action.value);
              if ((await kube.get(CONFIG_MAPS, 'shop', action.name)) === null) await kube.create(CONFIG_MAPS, object);
              else await kube.replace(CONFIG_MAPS, object);
            } else if (action.op === 'delete') await kube.delete(CONFIG_MAPS, 'shop', action.name);
            else if (action.op === 'break') api.breakWatches();
            else if (action.op === 'compact') api.compact();
            else if (action.op === 'bookmark') api.sendBookmarks();
            else await new Promise((resolve) => setImmediate(resolve));
          }
          await kube.create(CONFIG_MAPS, configMap('last'));
          await until(() => alive.has('last'), 'the last change');
          const onServer = (await kube.list(CONFIG_MAPS)).map((o) => [o.metadata!.name!, o.data!['value']!] as const);
          expect(new Map(alive)).toEqual(new Map(onServer));
          expect(informer.list()).toHaveLength(onServer.length);
          await informer.stop();
        }),
        { numRuns: 15 },
      );
    });
  });
});
