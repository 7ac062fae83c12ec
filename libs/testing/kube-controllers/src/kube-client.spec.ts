import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CONFIG_MAPS,
  KubeClient,
  LeaderElector,
  NAMESPACES,
  PODS,
  SERVICE_ACCOUNTS,
  StatusWriter,
  type ConfigMap,
  type Informer,
} from '@weft/kube';
import { createLogger } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { ApiServer } from '@weft/testing-kube-apiserver';

/** `@weft/kube` may not import the embedded API server, so its component specs live with the first user of both. */
describe('KubeClient on the embedded API server', () => {
  let folder: string;
  let api: ApiServer;
  let kube: KubeClient;
  const disposers: (() => Promise<void>)[] = [];

  async function serve(port: number): Promise<ApiServer> {
    const server = new ApiServer({
      listeners: [{ host: '127.0.0.1', port }],
      serviceCidr: '10.96.0.0/16',
      clusterDomain: 'cluster.local',
      persistFile: join(folder, 'cluster.json'),
      watchHistory: 50,
      log: createLogger('test', 'silent'),
    });
    await server.start();
    return server;
  }
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weft-kube-client-'));
    api = await serve(0);
    kube = KubeClient.fromKubeconfig(api.adminKubeconfig(`https://127.0.0.1:${api.ports[0]!}`), {
      component: 'tester',
    });
    await kube.create(NAMESPACES, { metadata: { name: 'shop' } });
  });
  afterEach(async () => {
    for (const dispose of disposers.splice(0).reverse()) await dispose();
    kube.close();
    await api.stop();
    rmSync(folder, { recursive: true });
  });
  const configMap = (name: string, value: string): ConfigMap => ({
    metadata: { name, namespace: 'shop', labels: { test: 'yes' } },
    data: { value },
  });
  async function watched(): Promise<{ informer: Informer<ConfigMap>; story: string[] }> {
    const informer = kube.informer(CONFIG_MAPS, { namespace: 'shop', labelSelector: 'test=yes' });
    disposers.push(() => informer.stop());
    const story: string[] = [];
    informer.on({
      added: ({ metadata }) => story.push(`+${metadata!.name!}`),
      updated: ({ metadata }) => story.push(`~${metadata!.name!}`),
      deleted: ({ metadata }) => story.push(`-${metadata!.name!}`),
    });
    await informer.start();
    await informer.synced;
    return { informer, story };
  }

  it('an informer survives a restart of the server: it hears what changed meanwhile and no false deletes', async () => {
    await kube.create(CONFIG_MAPS, configMap('a', '1'));
    await kube.create(CONFIG_MAPS, configMap('b', '1'));
    const { informer, story } = await watched();
    const [port] = api.ports;
    await api.stop();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(informer.list()).toHaveLength(2);
    api = await serve(port!);
    await until(() => kube.delete(CONFIG_MAPS, 'shop', 'a').catch(() => false), 'the server is back');
    await kube.create(CONFIG_MAPS, configMap('c', '1'));
    await until(() => story.includes('+c'), 'the informer follows again');
    expect(story).toEqual(['+a', '+b', '-a', '+c']);
  });

  it('changes that a restarted server does not remember are caught up by a list', async () => {
    const { informer, story } = await watched();
    const [port] = api.ports;
    await api.stop();
    api = await serve(port!);
    await until(
      () =>
        kube.create(CONFIG_MAPS, configMap('first', '0')).then(
          () => true,
          () => false,
        ),
      'the server is back',
    );
    for (let i = 0; i < 120; i++)
      await kube.apply(CONFIG_MAPS, configMap('busy', String(i)), { fieldManager: 'tester' });
    await until(() => informer.get('shop', 'busy')?.data?.['value'] === '119', 'the last value');
    expect(story.filter((line) => line.startsWith('-'))).toEqual([]);
  });

  it('list pages through more objects than one page holds', async () => {
    const names = Array.from({ length: 620 }, (_, i) => `cm-${i}`);
    for (let at = 0; at < names.length; at += 40) {
      await Promise.all(names.slice(at, at + 40).map((name) => kube.create(CONFIG_MAPS, configMap(name, 'x'))));
    }
    const listed = await kube.list(CONFIG_MAPS, { labelSelector: 'test=yes' });
    expect(new Set(listed.map(({ metadata }) => metadata?.name)).size).toBe(620);
  });

  it('server-side apply: a field of another manager is a conflict, force takes it', async () => {
    await kube.apply(CONFIG_MAPS, configMap('a', 'one'), { fieldManager: 'one' });
    await expect(kube.apply(CONFIG_MAPS, configMap('a', 'two'), { fieldManager: 'two' })).rejects.toMatchObject({
      status: 409,
      reason: 'Conflict',
    });
    const taken = await kube.apply(CONFIG_MAPS, configMap('a', 'two'), { fieldManager: 'two', force: true });
    expect(taken.data).toEqual({ value: 'two' });
  });

  it('the status writer owns its own fields of the status only', async () => {
    const pod = await kube.create(PODS, {
      metadata: { name: 'a', namespace: 'shop' },
      spec: { containers: [{ name: 'main', image: 'none' }] },
    });
    const writer = new StatusWriter({ kube, type: PODS, fieldManager: 'writer' });
    await writer.start();
    disposers.push(() => writer.stop(AbortSignal.timeout(1000)));
    await kube.patch(PODS, 'shop', 'a', { status: { phase: 'Running' } }, { kind: 'merge', subresource: 'status' });
    writer.set(pod, { message: 'hello' });
    await writer.idle();
    expect((await kube.get(PODS, 'shop', 'a'))?.status).toMatchObject({ phase: 'Running', message: 'hello' });
  });

  it('a token of a service account authenticates for its audience, with the identity of its pod, and for no other', async () => {
    await kube.createOrGet(SERVICE_ACCOUNTS, { metadata: { name: 'web', namespace: 'shop' } });
    const pod = await kube.create(PODS, {
      metadata: { name: 'a', namespace: 'shop' },
      spec: { serviceAccountName: 'web', containers: [{ name: 'main', image: 'none' }] },
    });
    const boundPod = { name: 'a', uid: pod.metadata!.uid! };
    const { token, expiresAt } = await kube.createToken('shop', 'web', {
      audiences: ['istio-ca'],
      expirationSeconds: 3600,
      boundPod,
    });
    expect(expiresAt.getTime()).toBeGreaterThan(Date.now());
    expect(await kube.reviewToken(token, ['istio-ca'])).toMatchObject({
      authenticated: true,
      username: 'system:serviceaccount:shop:web',
      extra: { 'authentication.kubernetes.io/pod-name': ['a'] },
    });
    expect(await kube.reviewToken(token, ['other'])).toMatchObject({ authenticated: false });
    expect(await kube.reviewToken('nonsense', ['istio-ca'])).toMatchObject({ authenticated: false });
  });

  it('leader election works on real Leases', async () => {
    await kube.createOrGet(NAMESPACES, { metadata: { name: 'istio-system' } });
    const elector = new LeaderElector({
      kube,
      namespace: 'istio-system',
      name: 'l',
      identity: 'me',
      retryPeriodMs: 20,
      lead: () => undefined,
    });
    await elector.start();
    await until(() => elector.isLeader, 'it leads');
    await elector.stop();
  });
});
