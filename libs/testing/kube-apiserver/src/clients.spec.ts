/* eslint-disable @typescript-eslint/no-unsafe-class-instance-assignment, @typescript-eslint/no-misused-spread -- the models are classes, but used as plain objects */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoreV1Api, KubeConfig, makeInformer, type V1ConfigMap, type V1Pod } from '@kubernetes/client-node';
import { buildSync } from 'esbuild';
import { until } from '@weft/testing-fixtures';
import type { ApiServer } from './api-server.js';
import { ApiClient, configMap, startServer } from './testing/test-server.js';

describe('@kubernetes/client-node', () => {
  let server: ApiServer;
  let config: KubeConfig;
  let core: CoreV1Api;

  beforeAll(async () => {
    server = await startServer();
    config = new KubeConfig();
    config.loadFromString(server.adminKubeconfig(`https://127.0.0.1:${server.ports[0]!}`));
    core = config.makeApiClient(CoreV1Api);
  });
  afterAll(() => server.stop());

  it('creates, reads, replaces and deletes', async () => {
    const namespace = 'default';
    const made = await core.createNamespacedConfigMap({
      namespace,
      body: { metadata: { name: 'typed' }, data: { a: 'b' } },
    });
    expect(made.metadata!.uid).toBeDefined();
    await core.replaceNamespacedConfigMap({ namespace, name: 'typed', body: { ...made, data: { a: 'c' } } });
    expect((await core.readNamespacedConfigMap({ namespace, name: 'typed' })).data).toEqual({ a: 'c' });
    await core.deleteNamespacedConfigMap({ namespace, name: 'typed' });
    await expect(core.readNamespacedConfigMap({ namespace, name: 'typed' })).rejects.toMatchObject({ code: 404 });
    const pod: V1Pod = await core.createNamespacedPod({
      namespace,
      body: { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    });
    expect(pod.status!.phase).toBe('Pending');
  });

  it('an informer sees what is there and every change', async () => {
    const seen: string[] = [];
    const note = (what: string) => (map: V1ConfigMap) => void seen.push(`${what} ${map.metadata!.name!}`);
    const selector = 'informed=yes';
    const body = (name: string, data = {}): V1ConfigMap => ({ metadata: { name, labels: { informed: 'yes' } }, data });
    await core.createNamespacedConfigMap({ namespace: 'default', body: body('before') });
    const list = () => core.listNamespacedConfigMap({ namespace: 'default', labelSelector: selector });
    const informer = makeInformer(config, '/api/v1/namespaces/default/configmaps', list, selector);
    informer.on('add', note('add'));
    informer.on('update', note('update'));
    informer.on('delete', note('delete'));
    informer.on('error', () => undefined);
    await informer.start();
    try {
      await core.createNamespacedConfigMap({ namespace: 'default', body: body('after') });
      await until(() => seen.includes('add after'), 'add');
      await core.replaceNamespacedConfigMap({ namespace: 'default', name: 'after', body: body('after', { a: 'b' }) });
      await until(() => seen.includes('update after'), 'update');
      await core.deleteNamespacedConfigMap({ namespace: 'default', name: 'after' });
      await until(() => seen.includes('delete after'), 'delete');
      expect(seen).toEqual(['add before', 'add after', 'update after', 'delete after']);
    } finally {
      await informer.stop();
    }
  });
});

describe('listeners', () => {
  it('several addresses serve the same cluster', async () => {
    const listener = { host: '127.0.0.1', port: 0 };
    const server = await startServer({ listeners: [listener, listener] });
    try {
      expect(new Set(server.ports).size).toBe(2);
      await new ApiClient(server).post('/api/v1/namespaces/default/configmaps', configMap('one'));
      const other = new ApiClient(server, 1);
      expect((await other.get('/api/v1/namespaces/default/configmaps/one')).status).toBe(200);
    } finally {
      await server.stop();
    }
  });

  it('a listening socket that was inherited is served', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weft-listener-'));
    const outfile = join(folder, 'serve.cjs');
    buildSync({
      entryPoints: [join(__dirname, 'testing/serve-inherited.ts')],
      bundle: true,
      platform: 'node',
      format: 'cjs',
      outfile,
      external: ['koffi'],
    });
    const socket = createServer();
    await new Promise<void>((resolve) => socket.listen(0, '127.0.0.1', resolve));
    const { port } = socket.address() as AddressInfo;
    const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
    const child = spawn(process.execPath, [outfile], { stdio: ['ignore', 'ignore', 'inherit', fd, 'ipc'] });
    try {
      const [kubeconfig] = (await once(child, 'message')) as [string];
      socket.close();
      const config = new KubeConfig();
      config.loadFromString(kubeconfig.replace(/server: .*/, `server: https://127.0.0.1:${port}`));
      const { items } = await config.makeApiClient(CoreV1Api).listNamespace();
      expect(items.map(({ metadata }) => metadata!.name)).toContain('default');
    } finally {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true });
    }
  });

  it('a start that fails leaves nothing open', async () => {
    const socket = createServer();
    await new Promise<void>((resolve) => socket.listen(0, '127.0.0.1', resolve));
    const { port } = socket.address() as AddressInfo;
    const listeners = [
      { host: '127.0.0.1', port: 0 },
      { host: '127.0.0.1', port },
    ];
    await expect(startServer({ listeners })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    socket.close();
  });

  it('stop ends watches and idle connections at once', async () => {
    const server = await startServer();
    const watch = await new ApiClient(server).watch('/api/v1/pods?watch=1');
    await server.stop();
    await until(() => watch.ended, 'watch ended');
  });
});
