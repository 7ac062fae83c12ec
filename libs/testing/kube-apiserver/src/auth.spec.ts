import { X509Certificate } from 'node:crypto';
import type { JsonObject } from '@weft/testing-kube-schema';
import { decodeJwt } from 'jose';
import { parse } from 'yaml';
import type { ApiServer } from './api-server.js';
import { ApiClient, metaOf, pod, startServer } from './testing/test-server.js';

const ACCOUNTS = '/api/v1/namespaces/default/serviceaccounts';
const PODS = '/api/v1/namespaces/default/pods';

describe('who may ask', () => {
  let server: ApiServer;
  let api: ApiClient;
  let now = Date.now();

  beforeAll(async () => {
    server = await startServer({ now: () => new Date(now), advertise: { host: '172.30.0.1', port: 6443 } });
    api = new ApiClient(server);
  });
  afterAll(() => server.stop());

  const token = async (spec: JsonObject, account = 'default'): Promise<string> => {
    const { status, body } = await api.post(`${ACCOUNTS}/${account}/token`, { spec });
    expect(status).toBe(201);
    return (body['status'] as { token: string }).token;
  };
  const review = async (text: string, audiences?: string[]): Promise<JsonObject> => {
    const { body } = await api.post('/apis/authentication.k8s.io/v1/tokenreviews', {
      spec: { token: text, ...(audiences === undefined ? {} : { audiences }) },
    });
    return body['status'] as JsonObject;
  };

  it('without a token only health and version answer', async () => {
    for (const path of ['/healthz', '/livez', '/readyz', '/version'])
      expect((await api.call('GET', path, { token: null })).status).toBe(200);
    for (const path of ['/api', '/api/v1/namespaces', '/openapi/v2', '/nonsense']) {
      const { body } = await api.call('GET', path, { token: null });
      expect(body).toMatchObject({ kind: 'Status', code: 401, reason: 'Unauthorized' });
    }
    expect((await api.call('GET', '/api', { token: 'wrong' })).status).toBe(401);
  });

  it('the kubeconfig holds the server, its root and the token', () => {
    const config = parse(server.adminKubeconfig('https://127.0.0.1:1')) as {
      clusters: { cluster: Record<string, string> }[];
      users: { user: { token: string } }[];
    };
    expect(config.clusters[0]!.cluster['server']).toBe('https://127.0.0.1:1');
    expect(Buffer.from(config.clusters[0]!.cluster['certificate-authority-data']!, 'base64').toString()).toBe(
      server.caPem,
    );
    expect(config.users[0]!.user.token).toBe(server.adminToken);
    expect(new X509Certificate(server.caPem).ca).toBe(true);
  });

  it('a token says whose it is, for whom and until when', async () => {
    const text = await token({ audiences: ['istio-ca'], expirationSeconds: 1200 });
    const claims = decodeJwt(text);
    expect(claims.aud).toEqual(['istio-ca']);
    expect(claims.sub).toBe('system:serviceaccount:default:default');
    expect(claims.exp! - claims.iat!).toBe(1200);
  });

  it('TokenReview accepts a token for its audience only', async () => {
    const text = await token({ audiences: ['istio-ca'] });
    expect(await review(text, ['istio-ca', 'other'])).toMatchObject({
      authenticated: true,
      audiences: ['istio-ca'],
      user: {
        username: 'system:serviceaccount:default:default',
        groups: expect.arrayContaining(['system:serviceaccounts:default']) as unknown,
      },
    });
    expect(await review(text, ['other'])).not.toHaveProperty('authenticated');
    expect(await review(text)).not.toHaveProperty('authenticated');
    expect(await review(server.adminToken, ['istio-ca'])).not.toHaveProperty('authenticated');
    expect(await review(server.adminToken)).toMatchObject({
      authenticated: true,
      user: { username: 'kubernetes-admin' },
    });
    expect(await review('rubbish', ['istio-ca'])).toMatchObject({
      error: expect.stringContaining('malformed') as unknown,
    });
  });

  it('a token for another audience does not open the API; one without audience does', async () => {
    expect((await api.call('GET', '/api', { token: await token({ audiences: ['istio-ca'] }) })).status).toBe(401);
    expect((await api.call('GET', '/api', { token: await token({}) })).status).toBe(200);
  });

  it('a token bound to a pod tells pod and node, and dies with the pod', async () => {
    const { body } = await api.post(PODS, pod('holder', {}, { nodeName: 'n1' }));
    await api.post('/api/v1/nodes', { metadata: { name: 'n1' } });
    const reference = { kind: 'Pod', apiVersion: 'v1', name: 'holder', uid: metaOf(body)['uid'] };
    const text = await token({ audiences: ['x'], boundObjectRef: reference });
    const status = await review(text, ['x']);
    expect(status).toMatchObject({
      authenticated: true,
      user: {
        extra: {
          'authentication.kubernetes.io/pod-name': ['holder'],
          'authentication.kubernetes.io/node-name': ['n1'],
        },
      },
    });
    await api.delete(`${PODS}/holder?gracePeriodSeconds=0`);
    expect(await review(text, ['x'])).not.toHaveProperty('authenticated');
    const late = await api.post(`${ACCOUNTS}/default/token`, { spec: { boundObjectRef: reference } });
    expect(late.status).toBe(404);
  });

  it('a token dies with its ServiceAccount, also when one of that name comes back', async () => {
    await api.post(ACCOUNTS, { metadata: { name: 'short' } });
    const text = await token({ audiences: ['x'] }, 'short');
    await api.delete(`${ACCOUNTS}/short`);
    await api.post(ACCOUNTS, { metadata: { name: 'short' } });
    expect(await review(text, ['x'])).not.toHaveProperty('authenticated');
  });

  it('an expired token is refused, and none is given for less than ten minutes', async () => {
    const text = await token({ audiences: ['x'], expirationSeconds: 600 });
    expect(await review(text, ['x'])).toMatchObject({ authenticated: true });
    now += 601_000;
    expect(await review(text, ['x'])).not.toHaveProperty('authenticated');
    const { body } = await api.post(`${ACCOUNTS}/default/token`, { spec: { expirationSeconds: 60 } });
    expect(body).toMatchObject({ code: 422, message: expect.stringContaining('less than 10 minutes') as unknown });
  });

  it('whoami and access reviews answer', async () => {
    const { body } = await api.post('/apis/authentication.k8s.io/v1/selfsubjectreviews', {});
    expect(body).toMatchObject({ status: { userInfo: { username: 'kubernetes-admin' } } });
    const access = await api.post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
      spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
    });
    expect(access.body).toMatchObject({ status: { allowed: true } });
  });

  it('the Service kubernetes has the first address and the advertised endpoint', async () => {
    const { body } = await api.get('/api/v1/namespaces/default/services/kubernetes');
    expect(body).toMatchObject({
      spec: { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443, targetPort: 6443 }] },
    });
    const slices = await api.get('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes');
    expect(slices.body).toMatchObject({ endpoints: [{ addresses: ['172.30.0.1'] }], ports: [{ port: 6443 }] });
  });
});
