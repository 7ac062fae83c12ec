import { until } from '@weft/testing-fixtures';
import type { ApiServer } from './api-server.js';
import { ApiClient, configMap, metaOf, pod, startServer, type WatchClient } from './testing/test-server.js';

const MAPS = '/api/v1/namespaces/default/configmaps';
const PODS = '/api/v1/namespaces/default/pods';

describe('lists and watches', () => {
  let server: ApiServer;
  let api: ApiClient;
  const open: WatchClient[] = [];
  const watch = async (path: string, headers?: Record<string, string>): Promise<WatchClient> => {
    const client = await api.watch(path, headers);
    open.push(client);
    return client;
  };

  beforeEach(async () => {
    server = await startServer({ watchHistory: 20, bookmarkIntervalMs: 20 });
    api = new ApiClient(server);
  });
  afterEach(async () => {
    for (const client of open.splice(0)) client.close();
    await server.stop();
  });

  const listVersion = async (): Promise<string> => metaOf((await api.get(MAPS)).body)['resourceVersion'] as string;

  it('a watch from a list version sees every later change in order', async () => {
    const version = await listVersion();
    await api.post(MAPS, configMap('a'));
    const events = await watch(`${MAPS}?watch=true&resourceVersion=${version}`);
    await api.put(`${MAPS}/a`, configMap('a', { x: '1' }));
    await api.delete(`${MAPS}/a`);
    await events.until(3);
    expect(events.summary).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
    const versions = events.events.map(({ object }) => Number(metaOf(object)['resourceVersion']));
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
  });

  it('resourceVersion=0 sends what is there first', async () => {
    await api.post(MAPS, configMap('there'));
    const events = await watch(`${MAPS}?watch=1&resourceVersion=0&fieldSelector=metadata.name=there`);
    await events.until(1);
    expect(events.summary).toEqual(['ADDED there']);
  });

  it('an object that leaves the selector is DELETED, one that enters is ADDED', async () => {
    const version = await listVersion();
    const events = await watch(`${MAPS}?watch=1&resourceVersion=${version}&labelSelector=on%3Dyes`);
    await api.post(MAPS, configMap('l', {}, { labels: { on: 'no' } }));
    await api.patch(`${MAPS}/l`, 'merge', { metadata: { labels: { on: 'yes' } } });
    await api.patch(`${MAPS}/l`, 'merge', { data: { a: 'b' } });
    await api.patch(`${MAPS}/l`, 'merge', { metadata: { labels: { on: 'no' } } });
    await api.delete(`${MAPS}/l`);
    await events.until(3);
    await api.post(MAPS, configMap('end', {}, { labels: { on: 'yes' } }));
    await events.until(4);
    expect(events.summary).toEqual(['ADDED l', 'MODIFIED l', 'DELETED l', 'ADDED end']);
  });

  it('pods can be selected by node and by phase', async () => {
    const events = await watch(`${PODS}?watch=1&fieldSelector=spec.nodeName%3Dn1`);
    await api.post(PODS, pod('p'));
    await api.post(PODS, pod('q'));
    await api.post(`${PODS}/p/binding`, { target: { name: 'n1' } });
    await events.until(1);
    expect(events.summary).toEqual(['ADDED p']);
    const { body } = await api.get(`${PODS}?fieldSelector=status.phase!%3DPending`);
    expect(body['items']).toEqual([]);
    const unknown = await api.get(`${PODS}?fieldSelector=spec.nope%3D1`);
    expect(unknown.status).toBe(400);
    expect(unknown.body['message']).toContain('field label not supported');
  });

  it('bookmarks tell the latest version to those who ask', async () => {
    const version = await listVersion();
    const events = await watch(`${MAPS}?watch=1&resourceVersion=${version}&allowWatchBookmarks=true`);
    await api.post(PODS, pod('elsewhere'));
    const bookmark = await until(
      () => events.events.find(({ object }) => Number(metaOf(object)['resourceVersion']) > Number(version)),
      'bookmark',
    );
    expect(bookmark).toMatchObject({ type: 'BOOKMARK', object: { kind: 'ConfigMap', apiVersion: 'v1' } });
  });

  it('sendInitialEvents sends the state, then a bookmark that says it is all', async () => {
    await api.post(MAPS, configMap('first'));
    const query =
      'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&fieldSelector=metadata.name=first';
    const events = await watch(`${MAPS}?${query}`);
    await events.until(2);
    expect(events.events[1]).toMatchObject({
      type: 'BOOKMARK',
      object: { metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } },
    });
    const wrong = await api.get(`${MAPS}?watch=1&sendInitialEvents=true`);
    expect(wrong.status).toBe(400);
  });

  it('a version that history has forgotten is 410 Expired, for watches and exact lists', async () => {
    const version = await listVersion();
    await api.post(MAPS, configMap('busy'));
    for (let i = 0; i < 60; i++) await api.patch(`${MAPS}/busy`, 'merge', { data: { i: String(i) } });
    const events = await watch(`${MAPS}?watch=1&resourceVersion=${version}`);
    await events.until(1);
    expect(events.events[0]).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } });
    await until(() => events.ended, 'end of watch');
    const exact = await api.get(`${MAPS}?resourceVersion=${version}&resourceVersionMatch=Exact`);
    expect(exact.status).toBe(410);
  });

  it('a version from the future is 410 for a watch and 504 for a list', async () => {
    const events = await watch(`${MAPS}?watch=1&resourceVersion=99999999`);
    await events.until(1);
    expect(events.events[0]).toMatchObject({ type: 'ERROR', object: { code: 410 } });
    const list = await api.get(`${MAPS}?resourceVersion=99999999`);
    expect(list.body).toMatchObject({ code: 504, reason: 'Timeout' });
  });

  it('resourceVersionMatch=Exact shows the list as it was', async () => {
    await api.post(MAPS, configMap('old', { v: '1' }));
    const version = await listVersion();
    await api.put(`${MAPS}/old`, configMap('old', { v: '2' }));
    await api.post(MAPS, configMap('newer'));
    const { body } = await api.get(`${MAPS}?resourceVersion=${version}&resourceVersionMatch=Exact`);
    const items = body['items'] as { metadata: { name: string }; data: object }[];
    expect(items.find(({ metadata }) => metadata.name === 'old')!.data).toEqual({ v: '1' });
    expect(items.map(({ metadata }) => metadata.name)).not.toContain('newer');
    expect(metaOf(body)['resourceVersion']).toBe(version);
  });

  it('limit and continue give all items of one moment, in order', async () => {
    for (const name of ['p1', 'p2', 'p3', 'p4', 'p5'])
      await api.post(MAPS, configMap(name, {}, { labels: { page: 'yes' } }));
    const first = await api.get(`${MAPS}?limit=2&labelSelector=page%3Dyes`);
    expect(metaOf(first.body)['remainingItemCount']).toBe(3);
    await api.delete(`${MAPS}/p4`);
    const names: string[] = [];
    for (let page = first; ;) {
      names.push(...(page.body['items'] as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name));
      const token = metaOf(page.body)['continue'];
      if (typeof token !== 'string') break;
      page = await api.get(`${MAPS}?limit=2&labelSelector=page%3Dyes&continue=${token}`);
    }
    expect(names).toEqual(['p1', 'p2', 'p3', 'p4', 'p5']);
    expect((await api.get(`${MAPS}?limit=2&continue=nonsense`)).status).toBe(400);
  });

  it('timeoutSeconds ends a watch', async () => {
    const events = await watch(`${MAPS}?watch=1&timeoutSeconds=1`);
    await until(() => events.ended, 'end of watch');
  });

  it('tables and metadata-only objects come by Accept header, also in watches', async () => {
    await api.post(PODS, pod('shown'));
    const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
    const { body } = await api.get(PODS, table);
    expect(body).toMatchObject({ kind: 'Table', apiVersion: 'meta.k8s.io/v1' });
    const columns = (body['columnDefinitions'] as { name: string }[]).map(({ name }) => name);
    expect(columns.slice(0, 5)).toEqual(['Name', 'Ready', 'Status', 'Restarts', 'Age']);
    expect(body['rows']).toMatchObject([
      { cells: expect.arrayContaining(['shown', 'Pending']) as unknown, object: { kind: 'PartialObjectMetadata' } },
    ]);
    const partial = await api.get(PODS, { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' });
    expect(partial.body).toMatchObject({
      kind: 'PartialObjectMetadataList',
      items: [{ kind: 'PartialObjectMetadata', metadata: { name: 'shown' } }],
    });
    const events = await watch(`${PODS}?watch=1`, table);
    await api.patch(`${PODS}/shown`, 'merge', { metadata: { labels: { a: 'b' } } });
    await events.until(2);
    expect(events.events[0]!.object['columnDefinitions']).not.toBeNull();
    expect(events.events[1]).toMatchObject({ type: 'MODIFIED', object: { kind: 'Table', columnDefinitions: null } });
  });
});
