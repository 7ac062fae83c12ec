import type { JsonObject } from '@weft/testing-kube-schema';
import { until } from '@weft/testing-fixtures';
import type { ApiServer } from './api-server.js';
import { ApiClient, metaOf, startServer } from './testing/test-server.js';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const WIDGETS = '/apis/example.com/v1/namespaces/default/widgets';

const schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['size'],
      properties: {
        size: { type: 'string', enum: ['small', 'large'] },
        replicas: { type: 'integer', minimum: 0, default: 1 },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
      },
    },
    status: { type: 'object', properties: { replicas: { type: 'integer' }, phase: { type: 'string' } } },
  },
};
const version = (name: string, storage: boolean): JsonObject => ({
  name,
  served: true,
  storage,
  schema: { openAPIV3Schema: schema },
  subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } },
  additionalPrinterColumns: [{ name: 'Size', type: 'string', jsonPath: '.spec.size' }],
});
const definition = (plural = 'widgets', kind = 'Widget', shortNames = ['wd']): JsonObject => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.example.com` },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural, kind, shortNames },
    versions: [version('v1', true), version('v1beta1', false)],
  },
});
const widget = (name: string, spec: JsonObject = { size: 'small' }): JsonObject => ({
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name },
  spec,
});

describe('CustomResourceDefinitions', () => {
  let server: ApiServer;
  let api: ApiClient;

  beforeEach(async () => {
    server = await startServer();
    api = new ApiClient(server);
    const { status } = await api.post(CRDS, definition());
    expect(status).toBe(201);
  });
  afterEach(() => server.stop());

  it('a definition with free names is established at once and discovered', async () => {
    const { body } = await api.get(`${CRDS}/widgets.example.com`);
    expect(body).toMatchObject({
      status: {
        acceptedNames: {
          plural: 'widgets',
          singular: 'widget',
          kind: 'Widget',
          listKind: 'WidgetList',
          shortNames: ['wd'],
        },
        conditions: [
          { type: 'NamesAccepted', status: 'True' },
          { type: 'Established', status: 'True' },
        ],
        storedVersions: ['v1'],
      },
    });
    const { body: list } = await api.get('/apis/example.com/v1');
    const resources = list['resources'] as { name: string; shortNames?: string[] }[];
    expect(resources.map(({ name }) => name)).toEqual(['widgets', 'widgets/status', 'widgets/scale']);
    expect(resources[0]).toMatchObject({ kind: 'Widget', namespaced: true, shortNames: ['wd'] });
    expect((await api.get('/apis/example.com')).body).toMatchObject({ preferredVersion: { version: 'v1' } });
  });

  it('objects are defaulted, pruned and judged by the schema', async () => {
    const good = await api.post(WIDGETS, widget('good', { size: 'large', unknown: 1 }));
    expect(good.body['spec']).toEqual({ size: 'large', replicas: 1 });
    expect(good.headers['warning']).toContain('unknown field');
    const bad = await api.post(WIDGETS, widget('bad', { size: 'huge', replicas: -1 }));
    expect(bad.status).toBe(422);
    const causes = (bad.body['details'] as { causes: { field: string; reason: string }[] }).causes;
    expect(causes.map(({ field }) => field).sort()).toEqual(['spec.replicas', 'spec.size']);
    expect(
      (await api.post(`${WIDGETS}?fieldValidation=Strict`, widget('strict', { size: 'large', unknown: 1 }))).status,
    ).toBe(400);
    expect((await api.post(WIDGETS, widget('missing', {}))).body['message']).toContain('spec.size: Required value');
  });

  it('status and scale are subresources', async () => {
    const { body } = await api.post(WIDGETS, { ...widget('sub'), status: { phase: 'ignored' } });
    expect(body).not.toHaveProperty('status');
    const status = await api.patch(`${WIDGETS}/sub/status`, 'merge', {
      status: { phase: 'Ready', replicas: 1 },
      spec: { size: 'large' },
    });
    expect(status.body).toMatchObject({ spec: { size: 'small' }, status: { phase: 'Ready' } });
    const scale = await api.patch(`${WIDGETS}/sub/scale`, 'merge', { spec: { replicas: 5 } });
    expect(scale.body).toMatchObject({ kind: 'Scale', spec: { replicas: 5 }, status: { replicas: 1 } });
    expect((await api.get(`${WIDGETS}/sub`)).body).toMatchObject({
      spec: { replicas: 5 },
      metadata: { generation: 2 },
    });
  });

  it('every served version shows the same objects', async () => {
    await api.post(WIDGETS, widget('both'));
    const { body } = await api.get('/apis/example.com/v1beta1/namespaces/default/widgets/both');
    expect(body).toMatchObject({ apiVersion: 'example.com/v1beta1', spec: { size: 'small' } });
    const list = await api.get('/apis/example.com/v1beta1/widgets');
    expect(list.body).toMatchObject({ kind: 'WidgetList', items: [{ apiVersion: 'example.com/v1beta1' }] });
  });

  it('a strategic merge patch is 415, merge patch and apply work', async () => {
    await api.post(WIDGETS, widget('patched'));
    expect((await api.patch(`${WIDGETS}/patched`, 'strategic', {})).status).toBe(415);
    expect((await api.patch(`${WIDGETS}/patched`, 'merge', { spec: { size: 'large' } })).body).toMatchObject({
      spec: { size: 'large' },
    });
    const applied = await api.patch(`${WIDGETS}/patched?fieldManager=m`, 'apply', {
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      spec: { labels: { a: 'b' } },
    });
    expect(applied.body).toMatchObject({ spec: { size: 'large', labels: { a: 'b' } } });
  });

  it('names that are in use are told in conditions, and are taken when they become free', async () => {
    await api.post(CRDS, definition('gadgets', 'Widget', []));
    const { body } = await api.get(`${CRDS}/gadgets.example.com`);
    expect(body).toMatchObject({
      status: {
        conditions: [
          { type: 'NamesAccepted', status: 'False', reason: 'SingularConflict' },
          { type: 'Established', status: 'False' },
        ],
      },
    });
    expect((await api.get('/apis/example.com/v1/gadgets')).status).toBe(404);
    await api.delete(`${CRDS}/widgets.example.com`);
    await until(async () => (await api.get('/apis/example.com/v1/gadgets')).status === 200, 'gadgets are served');
  });

  it('a definition that is not structural is 422', async () => {
    const bad = definition('bads', 'Bad', []);
    (bad['spec'] as { versions: JsonObject[] }).versions = [
      { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { properties: { spec: {} } } } },
    ];
    const { status, body } = await api.post(CRDS, bad);
    expect(status).toBe(422);
    expect(body['message']).toContain('openAPIV3Schema');
  });

  it('webhook conversion is refused in plain words', async () => {
    const converted = definition('cons', 'Con', []);
    (converted['spec'] as JsonObject)['conversion'] = {
      strategy: 'Webhook',
      webhook: { conversionReviewVersions: ['v1'], clientConfig: { url: 'https://x/' } },
    };
    const { status, body } = await api.post(CRDS, converted);
    expect(status).toBe(422);
    expect(body['message']).toContain('spec.conversion.strategy');
  });

  it('a deleted definition takes its objects with it, waits for their finalizers, and is not served any more', async () => {
    await api.post(WIDGETS, { ...widget('held'), metadata: { name: 'held', finalizers: ['example.com/x'] } });
    await api.post(WIDGETS, widget('free'));
    const { body } = await api.delete(`${CRDS}/widgets.example.com`);
    expect(metaOf(body)['deletionTimestamp']).toBeDefined();
    await until(async () => (await api.get(`${WIDGETS}/free`)).status === 404, 'free is gone');
    expect((await api.get(`${CRDS}/widgets.example.com`)).status).toBe(200);
    await api.patch(`${WIDGETS}/held`, 'merge', { metadata: { finalizers: null } });
    await until(async () => (await api.get(`${CRDS}/widgets.example.com`)).status === 404, 'definition is gone');
    expect((await api.get(WIDGETS)).body).toMatchObject({
      code: 404,
      message: 'the server could not find the requested resource',
    });
  });
});
