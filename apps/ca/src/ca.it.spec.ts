import { status, type ServiceError } from '@grpc/grpc-js';
import { CONFIG_MAPS, NAMESPACES, PODS, SECRETS, SERVICE_ACCOUNTS, type KubeClient } from '@weft/kube';
import { systemClock } from '@weft/runtime';
import { createCsr, SecretManager, verifyChain } from '@weft/spiffe';
import { until } from '@weft/testing-fixtures';
import { CaClient, MeshEndpoint } from '@weft/xds-grpc';
import { CaRig, SYSTEM, type CaClient as TestClient } from './testing/ca-rig.js';

let rig: CaRig;
beforeEach(async () => {
  rig = await CaRig.start();
});
afterEach(() => rig.close());

describe('the root', () => {
  it('is made once when two replicas start at the same time, and both serve it', async () => {
    const { kube } = rig;
    await Promise.all([rig.startCa(), rig.startCa()]);
    const secret = await kube.get(SECRETS, SYSTEM, 'istio-ca-secret');
    const certificate = Buffer.from(secret?.data?.['ca-cert.pem'] ?? '', 'base64').toString();
    await until(async () => (await rig.root('shop')) !== undefined, 'the root is distributed');
    expect(await rig.root('shop')).toBe(certificate);
  });

  it('reaches a new namespace, and is repaired where it was edited or deleted', async () => {
    const { kube } = rig;
    await rig.startCa();
    await until(async () => (await rig.root('shop')) !== undefined, 'the root is distributed');
    const want = await rig.root('shop');
    await kube.create(NAMESPACES, { metadata: { name: 'late' } });
    await until(async () => (await rig.root('late')) === want, 'the new namespace has it');
    await kube.patch(
      CONFIG_MAPS,
      'shop',
      'istio-ca-root-cert',
      { data: { 'root-cert.pem': 'mine' } },
      { kind: 'merge' },
    );
    await until(async () => (await rig.root('shop')) === want, 'the edit is undone');
    await kube.delete(CONFIG_MAPS, 'shop', 'istio-ca-root-cert');
    await until(async () => (await rig.root('shop')) === want, 'it is back');
  });

  it('that is broken keeps the CA from starting, with the cure, and is left as it is', async () => {
    const { kube } = rig;
    const data = { 'ca-cert.pem': Buffer.from('nonsense').toString('base64'), 'ca-key.pem': '' };
    await kube.create(SECRETS, { metadata: { namespace: SYSTEM, name: 'istio-ca-secret' }, data });
    await expect(rig.startCa()).rejects.toThrow(
      /Secret istio-system\/istio-ca-secret: signing certificate refused: .*delete it to have a new root made/,
    );
    expect((await kube.get(SECRETS, SYSTEM, 'istio-ca-secret'))?.data).toEqual(data);
  });
});

describe('CreateCertificate over TLS', () => {
  const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
  let kube: KubeClient;
  let client: TestClient;
  let rootsPem: string;
  beforeEach(async () => {
    kube = rig.kube;
    const app = await rig.startCa();
    await until(async () => (await rig.root(SYSTEM)) !== undefined, 'the root is distributed');
    rootsPem = (await rig.root(SYSTEM)) ?? '';
    client = rig.client(app.grpc.port, rootsPem);
  });

  it('certifies a workload as its own service account', async () => {
    const token = await rig.startPod({ namespace: 'shop', account: 'web', node: 'node-1', name: 'web' });
    const { certChain } = await client.certify(token, WEB);
    expect(verifyChain(certChain.slice(0, -1), rootsPem, Date.now())).toEqual({ ok: true, value: WEB });
  });

  it('certifies for a node proxy what runs on its own node, until it does not run there any more', async () => {
    const token = await rig.startPod({ namespace: SYSTEM, account: 'ztunnel', node: 'node-1', name: 'ztunnel-1' });
    await rig.startPod({ namespace: 'shop', account: 'web', node: 'node-1', name: 'web' });
    await rig.startPod({ namespace: 'shop', account: 'db', node: 'node-2', name: 'db' });
    const may = (spiffeId: string): Promise<boolean> =>
      client.certify(token, spiffeId, { impersonate: true }).then(
        () => true,
        (failure: unknown) => {
          expect(failure).toMatchObject({ code: status.UNAUTHENTICATED });
          return false;
        },
      );
    await until(() => may(WEB), 'the CA has seen the pod');
    expect(await may('spiffe://cluster.local/ns/shop/sa/db')).toBe(false);
    await kube.delete(PODS, 'shop', 'web', { gracePeriodSeconds: 0 });
    await until(async () => !(await may(WEB)), 'the CA has seen the pod go');
  });

  it('does not trust the token of a pod that was deleted', async () => {
    const token = await rig.startPod({ namespace: 'shop', account: 'web', node: 'node-1', name: 'web' });
    await kube.delete(PODS, 'shop', 'web', { gracePeriodSeconds: 0 });
    await expect(client.certify(token, WEB)).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  });

  it('does not trust a token that was made for somebody else', async () => {
    await kube.create(SERVICE_ACCOUNTS, { metadata: { namespace: 'shop', name: 'web' } });
    const { token } = await kube.createToken('shop', 'web', { audiences: ['vault'], expirationSeconds: 3600 });
    await expect(client.certify(token, WEB)).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: 'authentication failed',
    });
  });

  it('does not give a workload the identity of another', async () => {
    const token = await rig.startPod({ namespace: 'shop', account: 'web', node: 'node-1', name: 'web' });
    await rig.startPod({ namespace: 'shop', account: 'db', node: 'node-1', name: 'db' });
    await expect(
      client.certify(token, 'spiffe://cluster.local/ns/shop/sa/db', { impersonate: true }),
    ).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
    });
    await expect(client.certify(token, 'spiffe://cluster.local/ns/shop/sa/db')).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
  });

  it('refuses a token at once when its pod is deleted, though it was good a moment before', async () => {
    const token = await rig.startPod({ namespace: 'shop', account: 'web', node: 'node-1', name: 'web' });
    await client.certify(token, WEB);
    await client.certify(token, WEB);
    await kube.delete(PODS, 'shop', 'web', { gracePeriodSeconds: 0 });
    const refused = (): Promise<boolean> =>
      client.certify(token, WEB).then(
        () => false,
        (failure: unknown) => (failure as ServiceError).code === status.UNAUTHENTICATED,
      );
    await until(refused, 'the CA has seen the pod go');
  });

  it('answers UNAVAILABLE while the API server is away, and UNAUTHENTICATED to garbage in any case', async () => {
    await expect(client.certify('garbage', WEB)).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: 'authentication failed',
    });
    const token = await rig.startPod({ namespace: 'shop', account: 'web', node: 'node-1', name: 'web' });
    await rig.apiServer.stop();
    await expect(client.certify(token, WEB)).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: 'authentication is not available, try again',
    });
  });
});

it('a burst far beyond its limits ends with a certificate for everybody, by being told when to come back', async () => {
  const ca = await rig.startCa({ CA_MAX_CONCURRENT_REQUESTS: '4', CA_MAX_QUEUED_REQUESTS: '16' });
  await until(async () => (await rig.root(SYSTEM)) !== undefined, 'the root is distributed');
  const client = rig.client(ca.grpc.port, (await rig.root(SYSTEM))!);
  const token = await rig.startPod({ namespace: 'shop', account: 'web', node: 'node-1', name: 'web' });
  const { csrPem: csr } = await createCsr('spiffe://cluster.local/ns/shop/sa/web');
  let turnedAway = 0;
  const insist = async (): Promise<void> => {
    for (;;) {
      try {
        await client.certify(token, 'spiffe://cluster.local/ns/shop/sa/web', { csr });
        return;
      } catch (failure) {
        const { code, details, metadata } = failure as ServiceError;
        const retryMs = Number(metadata.get('grpc-retry-pushback-ms')[0]);
        expect({ code, details }).toEqual({
          code: status.RESOURCE_EXHAUSTED,
          details: `the CA is busy, try again in ${retryMs} ms`,
        });
        turnedAway++;
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
  };
  await Promise.all(Array.from({ length: 300 }, insist));
  expect(turnedAway).toBeGreaterThan(0);
  expect(await rig.metric(ca, 'citadel_server_success_cert_issuance_count')).toEqual([
    'citadel_server_success_cert_issuance_count 300',
  ]);
});

it('when all pods start at once, every node proxy gets every certificate, and nobody sees a failure', async () => {
  const ca = await rig.startCa({ CA_MAX_CONCURRENT_REQUESTS: '1', CA_MAX_QUEUED_REQUESTS: '2' });
  await until(async () => (await rig.root(SYSTEM)) !== undefined, 'the root is distributed');
  const root = (await rig.root(SYSTEM))!;
  const failures: string[] = [];
  const managers: SecretManager[] = [];
  const start: (() => Promise<unknown>[])[] = [];
  for (const node of ['a', 'b', 'c', 'd', 'e', 'f']) {
    const token = await rig.startPod({ namespace: SYSTEM, account: 'ztunnel', node, name: `ztunnel-${node}` });
    const names = Array.from({ length: 30 }, (_, i) => `${node}-${i}`);
    for (const name of names) await rig.startPod({ namespace: 'shop', account: name, node, name });
    const serverName = `weft-ca.${SYSTEM}.svc`;
    const address = `https://127.0.0.1:${ca.grpc.port}`;
    const endpoint = MeshEndpoint.parse({ address, root, token, serverName, clusterId: 'Kubernetes' });
    if (!endpoint.ok) throw endpoint.error;
    // All of it, servers and clients, is one thread here: on a busy machine one answer takes what it takes.
    const signer = new CaClient(endpoint.value, 'impersonate', 50_000);
    const onFailure = (_id: string, error: Error): void => void failures.push(error.message);
    const manager = new SecretManager({ signer, clock: systemClock, ttlSeconds: 3600, onFailure });
    managers.push(manager);
    start.push(() => names.map((name) => manager.get(`spiffe://cluster.local/ns/shop/sa/${name}`)));
  }
  await Promise.all(start.flatMap((begin) => begin()));
  for (const manager of managers) manager.close();
  expect(failures).toEqual([]);
  const [refused = ''] = await rig.metric(ca, 'weft_ca_requests_refused_total{code="RESOURCE_EXHAUSTED"}');
  expect(Number(refused.split(' ').at(-1))).toBeGreaterThan(0);
});
