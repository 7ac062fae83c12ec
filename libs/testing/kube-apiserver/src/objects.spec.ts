import type { ApiServer } from './api-server.js';
import { ApiClient, configMap, metaOf, pod, startServer } from './testing/test-server.js';

const MAPS = '/api/v1/namespaces/default/configmaps';
const PODS = '/api/v1/namespaces/default/pods';

describe('objects', () => {
  let server: ApiServer;
  let api: ApiClient;

  beforeAll(async () => {
    server = await startServer();
    api = new ApiClient(server);
  });
  afterAll(() => server.stop());

  describe('create', () => {
    it('sets uid, creationTimestamp and resourceVersion, whatever the client says', async () => {
      const { status, body } = await api.post(
        MAPS,
        configMap('made', { a: 'b' }, { uid: 'mine', resourceVersion: '' }),
      );
      expect(status).toBe(201);
      expect(metaOf(body)['uid']).toMatch(/^[0-9a-f-]{36}$/);
      expect(metaOf(body)['creationTimestamp']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect(Number(metaOf(body)['resourceVersion'])).toBeGreaterThan(0);
    });

    it('a name that is taken is 409 AlreadyExists', async () => {
      await api.post(MAPS, configMap('twice'));
      const { status, body } = await api.post(MAPS, configMap('twice'));
      expect(status).toBe(409);
      expect(body).toMatchObject({
        kind: 'Status',
        status: 'Failure',
        reason: 'AlreadyExists',
        code: 409,
        message: 'configmaps "twice" already exists',
      });
    });

    it('generateName gives a fresh name of five more letters', async () => {
      const names = new Set<string>();
      for (let i = 0; i < 3; i++) {
        const { body } = await api.post(MAPS, { metadata: { generateName: 'gen-' } });
        names.add(metaOf(body)['name'] as string);
      }
      expect(names.size).toBe(3);
      for (const name of names) expect(name).toMatch(/^gen-[a-z0-9]{5}$/);
    });

    it('a Job without a selector gets one by its uid, which tells its pods from those of others', async () => {
      const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'none' }] } };
      const { body } = await api.post('/apis/batch/v1/namespaces/default/jobs', {
        metadata: { name: 'job' },
        spec: { template },
      });
      const labels = { 'batch.kubernetes.io/controller-uid': metaOf(body)['uid'] };
      expect(body['spec']).toMatchObject({ selector: { matchLabels: labels }, template: { metadata: { labels } } });
    });

    it('the namespace of the body must be that of the path', async () => {
      const { status, body } = await api.post(MAPS, configMap('x', {}, { namespace: 'other' }));
      expect(status).toBe(400);
      expect(body['message']).toContain('does not match the namespace sent on the request');
    });

    it('dryRun=All answers as if, and stores nothing', async () => {
      expect((await api.post(`${MAPS}?dryRun=All`, configMap('dry'))).status).toBe(201);
      expect((await api.get(`${MAPS}/dry`)).status).toBe(404);
    });

    it('nothing is created in a namespace that does not exist', async () => {
      const { status, body } = await api.post('/api/v1/namespaces/nowhere/configmaps', configMap('x'));
      expect(status).toBe(404);
      expect(body['message']).toBe('namespaces "nowhere" not found');
    });

    it('YAML bodies are accepted', async () => {
      const { status, body } = await api.call('POST', MAPS, {
        body: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-yaml}\ndata: {a: "1"}\n',
        headers: { 'content-type': 'application/yaml' },
      });
      expect(status).toBe(201);
      expect(body['data']).toEqual({ a: '1' });
    });
  });

  describe('update', () => {
    it('a resourceVersion that is not the latest is 409 Conflict', async () => {
      const { body } = await api.post(MAPS, configMap('raced'));
      expect((await api.put(`${MAPS}/raced`, { ...body, data: { a: '1' } })).status).toBe(200);
      const { status, body: refusal } = await api.put(`${MAPS}/raced`, { ...body, data: { a: '2' } });
      expect(status).toBe(409);
      expect(refusal['reason']).toBe('Conflict');
      expect(refusal['message']).toContain('the object has been modified');
    });

    it('an update that changes nothing keeps the resourceVersion', async () => {
      const { body } = await api.post(MAPS, configMap('same', { a: 'b' }));
      const again = await api.put(`${MAPS}/same`, body);
      expect(metaOf(again.body)['resourceVersion']).toBe(metaOf(body)['resourceVersion']);
    });

    it('uid and creationTimestamp stay; another uid is 409', async () => {
      const { body } = await api.post(MAPS, configMap('fixed'));
      const { body: after } = await api.put(`${MAPS}/fixed`, configMap('fixed', { a: 'b' }));
      expect(metaOf(after)['uid']).toBe(metaOf(body)['uid']);
      expect((await api.put(`${MAPS}/fixed`, configMap('fixed', {}, { uid: 'other' }))).status).toBe(409);
    });

    it('generation counts changes of spec, not of status or metadata', async () => {
      const path = '/apis/apps/v1/namespaces/default/deployments';
      const labels = { app: 'g' };
      const spec = {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
      };
      const { body } = await api.post(path, { metadata: { name: 'gen' }, spec });
      expect(metaOf(body)['generation']).toBe(1);
      const scaled = await api.patch(`${path}/gen`, 'merge', { spec: { replicas: 2 } });
      expect(metaOf(scaled.body)['generation']).toBe(2);
      const labelled = await api.patch(`${path}/gen`, 'merge', { metadata: { labels: { x: 'y' } } });
      expect(metaOf(labelled.body)['generation']).toBe(2);
      const status = await api.patch(`${path}/gen/status`, 'merge', { status: { replicas: 2 }, spec: { replicas: 9 } });
      expect(metaOf(status.body)['generation']).toBe(2);
      expect(status.body).toMatchObject({ spec: { replicas: 2 }, status: { replicas: 2 } });
      const main = await api.patch(`${path}/gen`, 'merge', { status: { replicas: 7 } });
      expect(main.body).toMatchObject({ status: { replicas: 2 } });
    });
  });

  describe('patch', () => {
    it('JSON patch, merge patch and strategic merge patch change the object', async () => {
      await api.post(
        PODS,
        pod(
          'patched',
          {},
          {
            containers: [
              { name: 'a', image: '1' },
              { name: 'b', image: '1' },
            ],
          },
        ),
      );
      await api.patch(`${PODS}/patched`, 'json', [{ op: 'add', path: '/metadata/labels', value: { j: '1' } }]);
      await api.patch(`${PODS}/patched`, 'merge', { metadata: { labels: { m: '1' } } });
      const { status, body } = await api.patch(`${PODS}/patched`, 'strategic', {
        spec: { containers: [{ name: 'b', image: '2' }] },
      });
      expect(status).toBe(200);
      expect(metaOf(body)['labels']).toEqual({ j: '1', m: '1' });
      expect(body).toMatchObject({
        spec: {
          containers: [
            { name: 'a', image: '1' },
            { name: 'b', image: '2' },
          ],
        },
      });
    });

    it('a JSON patch that does not fit is refused and changes nothing', async () => {
      await api.post(MAPS, configMap('unfit', { a: 'b' }));
      const { status, body } = await api.patch(`${MAPS}/unfit`, 'json', [
        { op: 'replace', path: '/data/a', value: 'c' },
        { op: 'test', path: '/data/a', value: 'z' },
      ]);
      expect(status).toBe(422);
      expect(body['kind']).toBe('Status');
      expect((await api.get(`${MAPS}/unfit`)).body['data']).toEqual({ a: 'b' });
    });

    it('an unknown patch type is 415', async () => {
      const { status, body } = await api.call('PATCH', `${MAPS}/unfit`, {
        body: {},
        headers: { 'content-type': 'text/plain' },
      });
      expect(status).toBe(415);
      expect(body['reason']).toBe('UnsupportedMediaType');
    });

    it('a patch with an old resourceVersion is 409', async () => {
      const { body } = await api.post(MAPS, configMap('stale'));
      await api.patch(`${MAPS}/stale`, 'merge', { data: { a: 'b' } });
      const late = await api.patch(`${MAPS}/stale`, 'merge', {
        metadata: { resourceVersion: metaOf(body)['resourceVersion'] },
        data: { a: 'c' },
      });
      expect(late.status).toBe(409);
    });
  });

  describe('server-side apply', () => {
    const apply = (name: string, manager: string, data: Record<string, string>, force = false) =>
      api.patch(`${MAPS}/${name}?fieldManager=${manager}&force=${force}`, 'apply', configMap(name, data));

    it('creates, and then owns what it applied', async () => {
      const first = await apply('ssa', 'one', { a: '1' });
      expect(first.status).toBe(201);
      expect(metaOf(first.body)['managedFields']).toMatchObject([
        { manager: 'one', operation: 'Apply', apiVersion: 'v1' },
      ]);
      const again = await apply('ssa', 'one', { a: '1' });
      expect(again.status).toBe(200);
      expect(metaOf(again.body)['resourceVersion']).toBe(metaOf(first.body)['resourceVersion']);
    });

    it('another manager that sets an owned field is 409, with the field and its owner; force takes it over', async () => {
      await apply('contested', 'one', { a: '1' });
      const { status, body } = await apply('contested', 'two', { a: '2' });
      expect(status).toBe(409);
      expect(body).toMatchObject({
        reason: 'Conflict',
        details: { causes: [{ reason: 'FieldManagerConflict', field: '.data.a' }] },
      });
      expect(body['message']).toContain('"one"');
      const forced = await apply('contested', 'two', { a: '2' }, true);
      expect(forced.status).toBe(200);
      expect(forced.body['data']).toEqual({ a: '2' });
    });

    it('a field that its only owner no longer applies goes', async () => {
      await apply('shrinks', 'one', { a: '1', b: '2' });
      const { body } = await apply('shrinks', 'one', { a: '1' });
      expect(body['data']).toEqual({ a: '1' });
    });

    it('fieldManager is required', async () => {
      const { status } = await api.patch(`${MAPS}/nobody`, 'apply', configMap('nobody'));
      expect(status).toBe(400);
    });
  });

  describe('fieldValidation', () => {
    const wrong =
      '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"fv"},"spec":{"nope":1,"containers":[{"name":"c","image":"i","image":"j"}]}}';
    const create = (mode: string) =>
      api.call('POST', `${PODS}?dryRun=All&fieldValidation=${mode}`, {
        body: wrong,
        headers: { 'content-type': 'application/json' },
      });

    it('Strict refuses unknown and duplicate fields and names them', async () => {
      const { status, body } = await create('Strict');
      expect(status).toBe(400);
      expect(body['message']).toContain('unknown field "spec.nope"');
      expect(body['message']).toContain('duplicate field "spec.containers[0].image"');
    });

    it('Warn stores without them and says so in Warning headers', async () => {
      const { status, headers, body } = await create('Warn');
      expect(status).toBe(201);
      expect(headers['warning']).toContain('unknown field \\"spec.nope\\"');
      expect(body['spec']).not.toHaveProperty('nope');
    });

    it('Ignore is silent', async () => {
      const { status, headers } = await create('Ignore');
      expect(status).toBe(201);
      expect(headers['warning']).toBeUndefined();
    });

    it('a wrong type is 400 in every mode', async () => {
      const { status } = await api.post(`${PODS}?fieldValidation=Ignore`, pod('typed', {}, { containers: 'none' }));
      expect(status).toBe(400);
    });
  });

  it('validation failures are 422 with a cause for each field', async () => {
    const { status, body } = await api.post(PODS, {
      metadata: { name: 'Bad_Name' },
      spec: { containers: [{ image: 'i' }] },
    });
    expect(status).toBe(422);
    expect(body).toMatchObject({ reason: 'Invalid', details: { kind: 'Pod' } });
    const fields = (body['details'] as { causes: { field: string }[] }).causes.map(({ field }) => field);
    expect(fields).toEqual(expect.arrayContaining(['metadata.name', 'spec.containers[0].name']));
  });

  it('what is stored but not enforced is told in a Warning', async () => {
    const { status, headers } = await api.post('/api/v1/namespaces/default/resourcequotas', {
      metadata: { name: 'q' },
      spec: { hard: { pods: '1' } },
    });
    expect(status).toBe(201);
    expect(headers['warning']).toContain('ResourceQuota is stored but not enforced');
  });

  it('scale reads and writes the replicas', async () => {
    const path = '/apis/apps/v1/namespaces/default/replicasets';
    const labels = { app: 's' };
    await api.post(path, {
      metadata: { name: 'scaled' },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
      },
    });
    const { body } = await api.get(`${path}/scaled/scale`);
    expect(body).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      spec: { replicas: 1 },
      status: { selector: 'app=s' },
    });
    const { status } = await api.put(`${path}/scaled/scale`, { ...body, spec: { replicas: 4 } });
    expect(status).toBe(200);
    expect((await api.get(`${path}/scaled`)).body).toMatchObject({ spec: { replicas: 4 } });
    expect((await api.patch(`${path}/scaled/scale`, 'merge', { spec: { replicas: -1 } })).status).toBe(422);
  });

  it('pods/binding puts a pod on a node once', async () => {
    await api.post(PODS, pod('bound'));
    const bind = () =>
      api.post(`${PODS}/bound/binding`, { metadata: { name: 'bound' }, target: { kind: 'Node', name: 'n1' } });
    expect((await bind()).status).toBe(201);
    const { body } = await api.get(`${PODS}/bound`);
    expect(body).toMatchObject({
      spec: { nodeName: 'n1' },
      status: {
        conditions: expect.arrayContaining([
          expect.objectContaining({ type: 'PodScheduled', status: 'True' }),
        ]) as unknown,
      },
    });
    expect((await bind()).status).toBe(409);
  });

  it('pods get their ServiceAccount and the volume with its token', async () => {
    const { body } = await api.post(PODS, pod('account'));
    expect(body).toMatchObject({ spec: { serviceAccountName: 'default' }, status: { phase: 'Pending' } });
    const { volumes, containers } = body['spec'] as {
      volumes: { name: string; projected: { sources: object[] } }[];
      containers: { volumeMounts: object[] }[];
    };
    expect(volumes[0]!.projected.sources).toHaveLength(3);
    expect(containers[0]!.volumeMounts).toMatchObject([
      { name: volumes[0]!.name, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
    ]);
    const missing = await api.post(PODS, pod('homeless', {}, { serviceAccountName: 'nobody' }));
    expect(missing.status).toBe(403);
    expect(missing.body['message']).toContain('serviceaccount "nobody" not found');
  });
});
