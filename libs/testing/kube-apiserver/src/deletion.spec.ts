import type { JsonObject } from '@weft/testing-kube-schema';
import { until } from '@weft/testing-fixtures';
import type { ApiServer } from './api-server.js';
import { ApiClient, configMap, metaOf, pod, startServer } from './testing/test-server.js';

const MAPS = '/api/v1/namespaces/default/configmaps';
const PODS = '/api/v1/namespaces/default/pods';

describe('deletion', () => {
  let server: ApiServer;
  let api: ApiClient;

  beforeAll(async () => {
    server = await startServer();
    api = new ApiClient(server);
  });
  afterAll(() => server.stop());

  const gone = (path: string) => until(async () => (await api.get(path)).status === 404, `${path} is gone`);
  const owned = async (name: string, owner: string, block = true): Promise<void> => {
    const { body } = await api.get(`${MAPS}/${owner}`);
    const reference = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: owner,
      uid: metaOf(body)['uid'],
      blockOwnerDeletion: block,
    };
    const { status } = await api.post(MAPS, configMap(name, {}, { ownerReferences: [reference] }));
    expect(status).toBe(201);
  };

  it('answers Success with the uid of what went', async () => {
    const { body } = await api.post(MAPS, configMap('plain'));
    const answer = await api.delete(`${MAPS}/plain`);
    expect(answer.body).toMatchObject({
      kind: 'Status',
      status: 'Success',
      details: { name: 'plain', kind: 'configmaps', uid: metaOf(body)['uid'] },
    });
    expect((await api.delete(`${MAPS}/plain`)).status).toBe(404);
  });

  it('preconditions on uid and resourceVersion are kept', async () => {
    await api.post(MAPS, configMap('guarded'));
    const refused = await api.delete(`${MAPS}/guarded`, { preconditions: { uid: 'other' } });
    expect(refused.status).toBe(409);
    expect((await api.delete(`${MAPS}/guarded`, { preconditions: { resourceVersion: '1' } })).status).toBe(409);
    expect((await api.get(`${MAPS}/guarded`)).status).toBe(200);
  });

  it('finalizers hold the object, no new ones may be added, and it goes with the last', async () => {
    await api.post(MAPS, configMap('held', {}, { finalizers: ['example.com/a'] }));
    const { body } = await api.delete(`${MAPS}/held`);
    expect(metaOf(body)['deletionTimestamp']).toBeDefined();
    expect((await api.get(`${MAPS}/held`)).status).toBe(200);
    const added = await api.patch(`${MAPS}/held`, 'merge', {
      metadata: { finalizers: ['example.com/a', 'example.com/b'] },
    });
    expect(added.status).toBe(422);
    await api.patch(`${MAPS}/held`, 'merge', { metadata: { finalizers: null } });
    expect((await api.get(`${MAPS}/held`)).status).toBe(404);
  });

  describe('pods', () => {
    it('a pod without a node goes at once', async () => {
      await api.post(PODS, pod('unscheduled'));
      await api.delete(`${PODS}/unscheduled`);
      expect((await api.get(`${PODS}/unscheduled`)).status).toBe(404);
    });

    it('a pod on a node gets its grace period and goes when the kubelet deletes it with 0', async () => {
      await api.post(PODS, pod('graceful', {}, { nodeName: 'n1', terminationGracePeriodSeconds: 7 }));
      const { body } = await api.delete(`${PODS}/graceful`);
      expect(metaOf(body)['deletionGracePeriodSeconds']).toBe(7);
      const shorter = await api.delete(`${PODS}/graceful?gracePeriodSeconds=3`);
      expect(metaOf(shorter.body)['deletionGracePeriodSeconds']).toBe(3);
      const longer = await api.delete(`${PODS}/graceful?gracePeriodSeconds=90`);
      expect(metaOf(longer.body)['deletionGracePeriodSeconds']).toBe(3);
      await api.delete(`${PODS}/graceful`, { gracePeriodSeconds: 0 });
      expect((await api.get(`${PODS}/graceful`)).status).toBe(404);
    });

    it('an eviction deletes unless a PodDisruptionBudget forbids it', async () => {
      await api.post(PODS, pod('evicted', { labels: { pdb: 'x' } }));
      await api.post('/apis/policy/v1/namespaces/default/poddisruptionbudgets', {
        metadata: { name: 'none' },
        spec: { minAvailable: 1, selector: { matchLabels: { pdb: 'x' } } },
      });
      const evict = () =>
        api.post(`${PODS}/evicted/eviction`, {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { name: 'evicted' },
        });
      const refused = await evict();
      expect(refused.body).toMatchObject({ code: 429, reason: 'TooManyRequests' });
      await api.delete('/apis/policy/v1/namespaces/default/poddisruptionbudgets/none');
      expect((await evict()).status).toBe(201);
      expect((await api.get(`${PODS}/evicted`)).status).toBe(404);
    });
  });

  it('deletecollection deletes what the selector selects and nothing else', async () => {
    for (const name of ['c1', 'c2']) await api.post(MAPS, configMap(name, {}, { labels: { group: 'c' } }));
    await api.post(MAPS, configMap('c3'));
    const { status, body } = await api.delete(`${MAPS}?labelSelector=group%3Dc`);
    expect(status).toBe(200);
    expect(body['items']).toHaveLength(2);
    expect((await api.get(`${MAPS}/c1`)).status).toBe(404);
    expect((await api.get(`${MAPS}/c3`)).status).toBe(200);
  });

  describe('owners', () => {
    it('Background: dependents go after their owner, through all generations', async () => {
      await api.post(MAPS, configMap('bg'));
      await owned('bg-child', 'bg');
      await owned('bg-grandchild', 'bg-child');
      await api.delete(`${MAPS}/bg`);
      await gone(`${MAPS}/bg-child`);
      await gone(`${MAPS}/bg-grandchild`);
    });

    it('Foreground: the owner waits for the dependents that block it', async () => {
      await api.post(MAPS, configMap('fg'));
      await owned('fg-child', 'fg');
      await api.patch(`${MAPS}/fg-child`, 'merge', { metadata: { finalizers: ['example.com/wait'] } });
      const { body } = await api.delete(`${MAPS}/fg?propagationPolicy=Foreground`);
      expect(metaOf(body)['finalizers']).toEqual(['foregroundDeletion']);
      await until(
        async () => metaOf((await api.get(`${MAPS}/fg-child`)).body)['deletionTimestamp'],
        'child is being deleted',
      );
      expect((await api.get(`${MAPS}/fg`)).status).toBe(200);
      await api.patch(`${MAPS}/fg-child`, 'merge', { metadata: { finalizers: null } });
      await gone(`${MAPS}/fg-child`);
      await gone(`${MAPS}/fg`);
    });

    it('Orphan: dependents stay and forget their owner', async () => {
      await api.post(MAPS, configMap('or'));
      await owned('or-child', 'or');
      await api.delete(`${MAPS}/or`, { propagationPolicy: 'Orphan' });
      await gone(`${MAPS}/or`);
      const { status, body } = await api.get(`${MAPS}/or-child`);
      expect(status).toBe(200);
      expect(metaOf(body)['ownerReferences']).toBeUndefined();
    });

    it('a dependent with another living owner stays and loses the dead reference', async () => {
      await api.post(MAPS, configMap('dies'));
      await api.post(MAPS, configMap('lives'));
      const reference = async (name: string): Promise<JsonObject> => ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        name,
        uid: metaOf((await api.get(`${MAPS}/${name}`)).body)['uid'],
      });
      await api.post(
        MAPS,
        configMap('shared', {}, { ownerReferences: [await reference('dies'), await reference('lives')] }),
      );
      await api.delete(`${MAPS}/dies`);
      const left = await until(async () => {
        const owners = metaOf((await api.get(`${MAPS}/shared`)).body)['ownerReferences'] as { name: string }[];
        return owners.length === 1 && owners;
      }, 'one owner');
      expect(left[0]!.name).toBe('lives');
    });

    it('an object whose owner never existed is collected', async () => {
      const reference = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        name: 'ghost',
        uid: '00000000-0000-0000-0000-000000000000',
      };
      await api.post(MAPS, configMap('haunted', {}, { ownerReferences: [reference] }));
      await gone(`${MAPS}/haunted`);
    });
  });

  describe('namespaces', () => {
    it('a new one has the default ServiceAccount and the root certificate, and gets them back', async () => {
      await api.post('/api/v1/namespaces', { metadata: { name: 'fresh' } });
      await until(
        async () => (await api.get('/api/v1/namespaces/fresh/serviceaccounts/default')).status === 200,
        'account',
      );
      await until(
        async () => (await api.get('/api/v1/namespaces/fresh/configmaps/kube-root-ca.crt')).status === 200,
        'root',
      );
      const { body } = await api.get('/api/v1/namespaces/fresh/configmaps/kube-root-ca.crt');
      expect((body['data'] as Record<string, string>)['ca.crt']).toBe(server.caPem);
      await api.delete('/api/v1/namespaces/fresh/serviceaccounts/default');
      await until(
        async () => (await api.get('/api/v1/namespaces/fresh/serviceaccounts/default')).status === 200,
        'account again',
      );
      expect((await api.get('/api/v1/namespaces/fresh')).body).toMatchObject({
        metadata: { labels: { 'kubernetes.io/metadata.name': 'fresh' } },
        spec: { finalizers: ['kubernetes'] },
        status: { phase: 'Active' },
      });
    });

    it('a deleted one refuses new content, tells what holds it, and goes with the last object', async () => {
      await api.post('/api/v1/namespaces', { metadata: { name: 'leaving' } });
      await api.post(
        '/api/v1/namespaces/leaving/configmaps',
        configMap('stays', {}, { finalizers: ['example.com/x'] }),
      );
      await api.post('/api/v1/namespaces/leaving/configmaps', configMap('goes'));
      const { body } = await api.delete('/api/v1/namespaces/leaving');
      expect(body).toMatchObject({ status: { phase: 'Terminating' } });
      const refused = await api.post('/api/v1/namespaces/leaving/configmaps', configMap('late'));
      expect(refused.body).toMatchObject({ code: 403, details: { causes: [{ reason: 'NamespaceTerminating' }] } });
      await gone('/api/v1/namespaces/leaving/configmaps/goes');
      const told = await until(async () => {
        const status = (await api.get('/api/v1/namespaces/leaving')).body['status'] as JsonObject;
        return JSON.stringify(status).includes('example.com/x') && status;
      }, 'condition');
      expect(told).toMatchObject({
        conditions: [
          { type: 'NamespaceContentRemaining', status: 'True' },
          { type: 'NamespaceFinalizersRemaining', status: 'True' },
        ],
      });
      await api.patch('/api/v1/namespaces/leaving/configmaps/stays', 'merge', { metadata: { finalizers: null } });
      await gone('/api/v1/namespaces/leaving');
    });

    it('the system namespaces cannot be deleted', async () => {
      expect((await api.delete('/api/v1/namespaces/kube-system')).status).toBe(403);
    });
  });
});
