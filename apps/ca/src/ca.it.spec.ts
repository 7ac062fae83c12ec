import { ChannelCredentials, Metadata, status } from '@grpc/grpc-js';
import { CONFIG_MAPS, KubeClient, NAMESPACES, PODS, SECRETS, SERVICE_ACCOUNTS, type Pod } from '@weft/kube';
import { createLogger, startAll, systemClock } from '@weft/runtime';
import { createCsr, verifyChain } from '@weft/spiffe';
import { until } from '@weft/testing-fixtures';
import { ApiServer } from '@weft/testing-kube-apiserver';
import { IstioCertificateServiceClient, type IstioCertificateResponse } from '@weft/xds/gen/mesh/ca/ca.js';
import { createCaApp, type CaApp } from './app.js';
import { parseCaConfig } from './config.js';

const log = createLogger('ca', 'silent');
const SYSTEM = 'istio-system';
const disposers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const dispose of disposers.splice(0).reverse()) await dispose();
});

async function startCluster(): Promise<KubeClient> {
  const server = new ApiServer({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    serviceCidr: '10.96.0.0/16',
    clusterDomain: 'cluster.local',
    log,
  });
  await server.start();
  disposers.push(() => server.stop());
  const kube = KubeClient.fromKubeconfig(server.adminKubeconfig(`https://127.0.0.1:${server.ports[0]!}`));
  disposers.push(() => kube.close());
  for (const name of [SYSTEM, 'shop']) await kube.create(NAMESPACES, { metadata: { name } });
  return kube;
}

async function startCa(kube: KubeClient): Promise<CaApp> {
  const config = parseCaConfig({ GRPC_HOST: '127.0.0.1', GRPC_PORT: '0', ADMIN_PORT: '0' });
  if (!config.ok) throw new Error('the configuration is wrong');
  const app = createCaApp(config.value, { kube, clock: systemClock, log });
  disposers.push(await startAll(app.services, 5000));
  return app;
}

const root = async (kube: KubeClient, namespace: string): Promise<string | undefined> =>
  (await kube.get(CONFIG_MAPS, namespace, 'istio-ca-root-cert'))?.data?.['root-cert.pem'];

/** A pod of a service account on a node, and the token that the kubelet would project into it. */
async function startPod(
  kube: KubeClient,
  where: { namespace: string; account: string; node: string; name: string },
): Promise<string> {
  const { namespace, account, node, name } = where;
  await kube.createOrGet(SERVICE_ACCOUNTS, { metadata: { namespace, name: account } });
  const pod: Pod = {
    metadata: { namespace, name },
    spec: { serviceAccountName: account, nodeName: node, containers: [{ name: 'c', image: 'i' }] },
  };
  const { metadata } = await kube.create(PODS, pod);
  const boundPod = { name, uid: metadata?.uid ?? '' };
  return (await kube.createToken(namespace, account, { audiences: ['istio-ca'], expirationSeconds: 3600, boundPod }))
    .token;
}

class Client {
  readonly #client: IstioCertificateServiceClient;

  constructor(port: number, rootsPem: string) {
    // The name is the one that the workloads of the mesh use.
    const options = {
      'grpc.ssl_target_name_override': `weft-ca.${SYSTEM}.svc`,
      'grpc.default_authority': `weft-ca.${SYSTEM}.svc`,
    };
    this.#client = new IstioCertificateServiceClient(
      `127.0.0.1:${port}`,
      ChannelCredentials.createSsl(Buffer.from(rootsPem)),
      options,
    );
    disposers.push(() => this.#client.close());
  }

  async certify(token: string, spiffeId: string, impersonate = false): Promise<IstioCertificateResponse> {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    const { csrPem: csr } = await createCsr(spiffeId);
    const request = {
      $type: 'istio.v1.auth.IstioCertificateRequest' as const,
      csr,
      validityDuration: 3600n,
      metadata: impersonate ? { ImpersonatedIdentity: spiffeId } : undefined,
    };
    return new Promise((resolve, reject) => {
      this.#client.createCertificate(request, metadata, { deadline: Date.now() + 10_000 }, (failure, answer) =>
        failure ? reject(failure) : resolve(answer),
      );
    });
  }
}

describe('the root', () => {
  it('is made once when two replicas start at the same time, and both serve it', async () => {
    const kube = await startCluster();
    await Promise.all([startCa(kube), startCa(kube)]);
    const secret = await kube.get(SECRETS, SYSTEM, 'istio-ca-secret');
    const certificate = Buffer.from(secret?.data?.['ca-cert.pem'] ?? '', 'base64').toString();
    await until(async () => (await root(kube, 'shop')) !== undefined, 'the root is distributed');
    expect(await root(kube, 'shop')).toBe(certificate);
  });

  it('reaches a new namespace, and is repaired where it was edited or deleted', async () => {
    const kube = await startCluster();
    await startCa(kube);
    await until(async () => (await root(kube, 'shop')) !== undefined, 'the root is distributed');
    const want = await root(kube, 'shop');
    await kube.create(NAMESPACES, { metadata: { name: 'late' } });
    await until(async () => (await root(kube, 'late')) === want, 'the new namespace has it');
    await kube.patch(
      CONFIG_MAPS,
      'shop',
      'istio-ca-root-cert',
      { data: { 'root-cert.pem': 'mine' } },
      { kind: 'merge' },
    );
    await until(async () => (await root(kube, 'shop')) === want, 'the edit is undone');
    await kube.delete(CONFIG_MAPS, 'shop', 'istio-ca-root-cert');
    await until(async () => (await root(kube, 'shop')) === want, 'it is back');
  });

  it('that is broken keeps the CA from starting, with the cure, and is left as it is', async () => {
    const kube = await startCluster();
    const data = { 'ca-cert.pem': Buffer.from('nonsense').toString('base64'), 'ca-key.pem': '' };
    await kube.create(SECRETS, { metadata: { namespace: SYSTEM, name: 'istio-ca-secret' }, data });
    await expect(startCa(kube)).rejects.toThrow(
      /Secret istio-system\/istio-ca-secret: signing certificate refused: .*delete it to have a new root made/,
    );
    expect((await kube.get(SECRETS, SYSTEM, 'istio-ca-secret'))?.data).toEqual(data);
  });
});

describe('CreateCertificate over TLS', () => {
  const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
  let kube: KubeClient;
  let client: Client;
  let rootsPem: string;
  beforeEach(async () => {
    kube = await startCluster();
    const app = await startCa(kube);
    await until(async () => (await root(kube, SYSTEM)) !== undefined, 'the root is distributed');
    rootsPem = (await root(kube, SYSTEM)) ?? '';
    client = new Client(app.grpc.port, rootsPem);
  });

  it('certifies a workload as its own service account', async () => {
    const token = await startPod(kube, { namespace: 'shop', account: 'web', node: 'node-1', name: 'web' });
    const { certChain } = await client.certify(token, WEB);
    expect(verifyChain(certChain.slice(0, -1), rootsPem, Date.now())).toEqual({ ok: true, value: WEB });
  });

  it('certifies for a node proxy what runs on its own node, until it does not run there any more', async () => {
    const token = await startPod(kube, { namespace: SYSTEM, account: 'ztunnel', node: 'node-1', name: 'ztunnel-1' });
    await startPod(kube, { namespace: 'shop', account: 'web', node: 'node-1', name: 'web' });
    await startPod(kube, { namespace: 'shop', account: 'db', node: 'node-2', name: 'db' });
    const may = (spiffeId: string): Promise<boolean> =>
      client.certify(token, spiffeId, true).then(
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
    const token = await startPod(kube, { namespace: 'shop', account: 'web', node: 'node-1', name: 'web' });
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
    const token = await startPod(kube, { namespace: 'shop', account: 'web', node: 'node-1', name: 'web' });
    await startPod(kube, { namespace: 'shop', account: 'db', node: 'node-1', name: 'db' });
    await expect(client.certify(token, 'spiffe://cluster.local/ns/shop/sa/db', true)).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
    });
    await expect(client.certify(token, 'spiffe://cluster.local/ns/shop/sa/db')).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
  });
});
