import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { asObject, type JsonObject } from '@weft/testing-kube-schema';
import type { ApiServer } from './api-server.js';
import { createAuthority, issueServingCertificate, type KeyAndCertificate } from './auth/certificate-authority.js';
import { ApiClient, configMap, pod, startServer } from './testing/test-server.js';

const MAPS = '/api/v1/namespaces/default/configmaps';
const PODS = '/api/v1/namespaces/default/pods';
const HOOKS = '/apis/admissionregistration.k8s.io/v1';

type Answer = (request: JsonObject) => JsonObject | 'hang' | 'crash';

/** A webhook server whose answers a test decides. */
class Hook {
  readonly seen: JsonObject[] = [];
  answer: Answer = () => ({ allowed: true });
  #server: Server | undefined;

  async start(tls: KeyAndCertificate): Promise<number> {
    const server = createServer({ cert: tls.certificatePem, key: tls.privateKeyPem }, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const review = asObject(asObject(JSON.parse(Buffer.concat(chunks).toString()) as unknown)['request']);
        this.seen.push(review);
        const answer = this.answer(review);
        if (answer === 'hang') return;
        if (answer === 'crash') response.writeHead(500).end();
        else
          response.end(
            JSON.stringify({
              apiVersion: 'admission.k8s.io/v1',
              kind: 'AdmissionReview',
              response: { uid: review['uid'], ...answer },
            }),
          );
      });
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }
}

const patchAnswer = (operations: unknown): JsonObject => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});

describe('admission webhooks', () => {
  let server: ApiServer;
  let api: ApiClient;
  let hook: Hook;
  let port: number;
  let caBundle: string;

  beforeAll(async () => {
    server = await startServer();
    api = new ApiClient(server);
    const authority = await createAuthority(new Date());
    const names = [
      { type: 'ip', value: '127.0.0.1' },
      { type: 'dns', value: 'hook.default.svc' },
    ] as const;
    hook = new Hook();
    port = await hook.start(await issueServingCertificate(authority, names, new Date()));
    caBundle = Buffer.from(authority.certificatePem).toString('base64');
  });
  afterAll(async () => {
    await server.stop();
    hook.stop();
  });
  beforeEach(() => {
    hook.seen.length = 0;
    hook.answer = () => ({ allowed: true });
  });
  afterEach(async () => {
    for (const kind of ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'])
      await api.delete(`${HOOKS}/${kind}/test`);
  });

  const register = async (kind: 'Mutating' | 'Validating', change: JsonObject = {}): Promise<void> => {
    const webhook = {
      name: 'test.example.com',
      clientConfig: { url: `https://127.0.0.1:${port}/admit`, caBundle },
      rules: [
        {
          operations: ['CREATE', 'UPDATE', 'DELETE'],
          apiGroups: [''],
          apiVersions: ['v1'],
          resources: ['configmaps'],
          scope: '*',
        },
      ],
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      timeoutSeconds: 20,
      ...change,
    };
    const { status, body } = await api.post(`${HOOKS}/${kind.toLowerCase()}webhookconfigurations`, {
      metadata: { name: 'test' },
      webhooks: [webhook],
    });
    expect([status, body['message']]).toEqual([201, undefined]);
  };

  it('a mutating webhook changes the object by JSON patch and sees who asks for what', async () => {
    await register('Mutating');
    hook.answer = () => patchAnswer([{ op: 'add', path: '/data/added', value: 'yes' }]);
    const { status, body } = await api.post(MAPS, configMap('mutated', { a: 'b' }));
    expect(status).toBe(201);
    expect(body['data']).toEqual({ a: 'b', added: 'yes' });
    expect(hook.seen[0]).toMatchObject({
      operation: 'CREATE',
      kind: { group: '', version: 'v1', kind: 'ConfigMap' },
      resource: { group: '', version: 'v1', resource: 'configmaps' },
      name: 'mutated',
      namespace: 'default',
      userInfo: { username: 'kubernetes-admin' },
      object: { data: { a: 'b' } },
      oldObject: null,
      dryRun: false,
    });
  });

  it('a validating webhook refuses with its message and code', async () => {
    await register('Validating');
    hook.answer = () => ({
      allowed: false,
      status: { message: 'not today', code: 403, reason: 'Forbidden' },
      warnings: ['think twice'],
    });
    const { body, headers } = await api.post(MAPS, configMap('refused'));
    expect(body).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      message: 'admission webhook "test.example.com" denied the request: not today',
    });
    expect(headers['warning']).toContain('think twice');
    expect((await api.get(`${MAPS}/refused`)).status).toBe(404);
  });

  it('updates and deletions are asked with the old object', async () => {
    await api.post(MAPS, configMap('watched', { v: '1' }));
    await register('Validating');
    await api.patch(`${MAPS}/watched`, 'merge', { data: { v: '2' } });
    await api.delete(`${MAPS}/watched`);
    expect(hook.seen).toMatchObject([
      { operation: 'UPDATE', object: { data: { v: '2' } }, oldObject: { data: { v: '1' } } },
      { operation: 'DELETE', object: null, oldObject: { data: { v: '2' } } },
    ]);
  });

  it('rules, namespaceSelector and objectSelector decide whether it is asked', async () => {
    await register('Validating', {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } },
      objectSelector: { matchExpressions: [{ key: 'skip', operator: 'DoesNotExist' }] },
    });
    await api.post(MAPS, configMap('asked'));
    await api.post(MAPS, configMap('skipped', {}, { labels: { skip: '1' } }));
    await api.post('/api/v1/namespaces/kube-public/configmaps', configMap('elsewhere'));
    await api.post(PODS, pod('other-resource'));
    expect(hook.seen.map(({ name }) => name)).toEqual(['asked']);
  });

  it('subresources are asked only when a rule names them', async () => {
    await api.post(PODS, pod('sub'));
    await register('Validating', {
      rules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['pods/status'] }],
    });
    await api.patch(`${PODS}/sub`, 'merge', { metadata: { labels: { a: 'b' } } });
    await api.patch(`${PODS}/sub/status`, 'merge', { status: { reason: 'x' } });
    expect(hook.seen).toMatchObject([{ subResource: 'status', operation: 'UPDATE' }]);
  });

  it.each([
    ['answers 500', 'crash' as const],
    ['does not answer in time', 'hang' as const],
    ['answers nonsense', { uid: 'other', allowed: true }],
    ['patches nonsense', { allowed: true, patchType: 'JSONPatch', patch: 'bm9uc2Vuc2U=' }],
  ])('a webhook that %s: failurePolicy Fail refuses, Ignore goes on', async (what, answer) => {
    hook.answer = () => answer;
    await register('Mutating', { timeoutSeconds: 1 });
    const { body } = await api.post(MAPS, configMap('failing'));
    expect(body).toMatchObject({
      code: 500,
      reason: 'InternalError',
      message: expect.stringContaining('failed calling webhook "test.example.com"') as unknown,
    });
    await api.delete(`${HOOKS}/mutatingwebhookconfigurations/test`);
    await register('Mutating', { failurePolicy: 'Ignore', timeoutSeconds: 1 });
    const name = `ignored-${what.replace(/ /g, '-')}`;
    expect((await api.post(MAPS, configMap(name))).status).toBe(201);
  });

  it('a certificate of another root is not trusted', async () => {
    await register('Validating', {
      clientConfig: { url: `https://127.0.0.1:${port}/`, caBundle: Buffer.from(server.caPem).toString('base64') },
    });
    expect((await api.post(MAPS, configMap('untrusted'))).status).toBe(500);
    expect(hook.seen).toEqual([]);
  });

  it('a Service reference goes to a ready endpoint, under the name of the Service', async () => {
    const none = { clientConfig: { service: { namespace: 'default', name: 'hook', port: 443, path: '/x' }, caBundle } };
    await register('Validating', none);
    const missing = await api.post(MAPS, configMap('by-service'));
    expect(missing.body['message']).toContain('service "hook" not found');
    await api.post('/api/v1/namespaces/default/services', {
      metadata: { name: 'hook' },
      spec: { ports: [{ name: 'https', port: 443 }] },
    });
    expect((await api.post(MAPS, configMap('by-service'))).body['message']).toContain(
      'no endpoints available for service "hook"',
    );
    await api.post('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
      metadata: { name: 'hook-1', labels: { 'kubernetes.io/service-name': 'hook' } },
      addressType: 'IPv4',
      endpoints: [
        { addresses: ['127.0.0.9'], conditions: { ready: false } },
        { addresses: ['127.0.0.1'], conditions: { ready: true } },
      ],
      ports: [{ name: 'https', port, protocol: 'TCP' }],
    });
    expect((await api.post(MAPS, configMap('by-service'))).status).toBe(201);
    expect(hook.seen).toHaveLength(1);
  });

  it('dry runs are refused when the webhook has side effects, and told otherwise', async () => {
    await register('Validating');
    await api.post(`${MAPS}?dryRun=All`, configMap('dry'));
    expect(hook.seen).toMatchObject([{ dryRun: true }]);
  });

  it('a webhook that asks for it sees the object again when another changed it', async () => {
    hook.answer = (request) => {
      const data = asObject(asObject(request['object'])['data']);
      return patchAnswer([{ op: 'add', path: '/data/count', value: String(Number(data['count'] ?? '0') + 1) }]);
    };
    const webhook = (name: string, reinvocationPolicy: string): JsonObject => ({
      name,
      reinvocationPolicy,
      clientConfig: { url: `https://127.0.0.1:${port}/`, caBundle },
      rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }],
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
    });
    await api.post(`${HOOKS}/mutatingwebhookconfigurations`, {
      metadata: { name: 'test' },
      webhooks: [webhook('a.example.com', 'IfNeeded'), webhook('b.example.com', 'Never')],
    });
    const { body } = await api.post(MAPS, configMap('again', { x: 'y' }));
    expect(body['data']).toEqual({ x: 'y', count: '3' });
  });

  it('the configurations themselves are never sent to webhooks', async () => {
    hook.answer = () => ({ allowed: false });
    await register('Validating', {
      rules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }],
    });
    expect((await api.delete(`${HOOKS}/validatingwebhookconfigurations/test`)).status).toBe(200);
  });
});
