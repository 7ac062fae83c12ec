import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { until } from '@weft/testing-fixtures';
import { cleanupStale } from './host/clean-up-stale.js';
import { ClusterHandle } from './host/cluster-handle.js';
import { spawnCluster, type SpawnOptions } from './host/spawn-cluster.js';
import { listProcesses } from './process/process-table.js';
import { bundleClusterEntry, type ClusterBundle } from './testing/bundle-cluster-entry.js';
import { Kubectl } from './testing/kubectl.js';
import { IDLE, pod, WHO_ARE_YOU } from './testing/pods.js';

let bundle: ClusterBundle;
let directory: string;
let options: SpawnOptions;

beforeAll(async () => {
  bundle = await bundleClusterEntry();
});
afterAll(() => bundle.remove());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'weft-cluster-'));
  options = {
    name: 'it',
    stateDir: join(directory, 'state'),
    entry: bundle.entry,
    sharedPaths: [dirname(process.execPath)],
    nodes: [{ name: 'node-1' }],
  };
});
afterEach(async () => {
  await cleanupStale(options.stateDir);
  await rm(directory, { recursive: true, force: true });
});

/** Processes of this machine that descend from `root`, itself included. */
function descendants(root: number): readonly number[] {
  const found = new Set([root]);
  const all = listProcesses();
  for (let size = 0; size !== found.size;) {
    size = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}
const alive = (pids: readonly number[]): readonly number[] =>
  listProcesses()
    .filter(({ pid, state }) => pids.includes(pid) && state !== 'Z')
    .map(({ pid }) => pid);

async function withPod(cluster: ClusterHandle): Promise<Kubectl> {
  const kubectl = new Kubectl(cluster.kubeconfigPath);
  await kubectl.apply(pod('idle', IDLE));
  await until(async () => (await kubectl.jsonPath('pod', 'idle', '.status.phase')) === 'Running', 'the pod runs');
  return kubectl;
}

describe('the end of a cluster', () => {
  it('stop removes every process and every file', async () => {
    const steps: string[] = [];
    const cluster = await spawnCluster({ ...options, onProgress: (step) => steps.push(step) });
    await withPod(cluster);
    expect(steps.at(-1)).toBe('starting controllers and kubelets');
    expect(await ClusterHandle.attach(options.stateDir)).toMatchObject({ pid: cluster.pid });
    const processes = descendants(cluster.pid);
    expect(processes.length).toBeGreaterThan(5);
    await cluster.stop();
    expect(alive(processes)).toEqual([]);
    expect(existsSync(options.stateDir)).toBe(false);
    await cluster.stop();
  });

  it('SIGKILL of its outer process takes everything along, and cleanupStale removes the files', async () => {
    const cluster = await spawnCluster(options);
    await withPod(cluster);
    const processes = descendants(cluster.pid);
    process.kill(cluster.pid, 'SIGKILL');
    expect(await cleanupStale(options.stateDir)).toBe(true);
    expect(alive(processes)).toEqual([]);
    expect(await ClusterHandle.attach(options.stateDir)).toBeNull();
    expect(existsSync(options.stateDir)).toBe(false);
    expect(await cleanupStale(options.stateDir)).toBe(false);
  });

  it('a bound cluster ends with the process that started it, however that ends', async () => {
    const parent = spawn(process.execPath, [bundle.boundParent, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = await new Promise<number>((resolve) =>
      parent.stdout.once('data', (line: Buffer) => resolve(Number(line.toString()))),
    );
    const processes = descendants(pid);
    expect(alive(processes).length).toBeGreaterThan(3);
    parent.kill('SIGKILL');
    await until(() => alive(processes).length === 0, 'all processes are gone');
  });

  it('a new cluster replaces one that was left in its state directory', async () => {
    const first = await spawnCluster(options);
    const second = await spawnCluster(options);
    expect(alive(descendants(first.pid))).toEqual([]);
    expect(await second.status()).toMatchObject({ phase: 'ready' });
  });

  it('objects persist when asked for, and their pods run again', async () => {
    const persistFile = join(directory, 'objects.json');
    const first = await spawnCluster({ ...options, persistFile });
    await withPod(first);
    await first.stop();
    const kubectl = new Kubectl((await spawnCluster({ ...options, persistFile })).kubeconfigPath);
    await until(async () => (await kubectl.run(['exec', 'idle', '--', 'true'])).code === 0, 'the pod runs again');
  });
});

describe('what keeps a cluster from starting', () => {
  it('a bad option is named', async () => {
    await expect(spawnCluster({ ...options, nodes: [] })).rejects.toThrow('nodes: want 1 to');
    await expect(spawnCluster({ ...options, nodes: [{ name: 'Node_1' }] })).rejects.toThrow(
      'is not a lower-case DNS label',
    );
    await expect(spawnCluster({ ...options, stateDir: '/run/x' })).rejects.toThrow('must not be below /run');
  });

  it('a cluster process that ends early gives its last words, and leaves no state', async () => {
    const entry = join(directory, 'broken.cjs');
    await expect(spawnCluster({ ...options, entry })).rejects.toThrow(/did not start: .*Cannot find module/s);
    expect(await ClusterHandle.attach(options.stateDir)).toBeNull();
  });
});

describe('without root', () => {
  it('pods have a network, a service name and users of their own in a user namespace', async () => {
    const cluster = await spawnCluster({ ...options, userNamespace: true });
    const kubectl = new Kubectl(cluster.kubeconfigPath);
    await kubectl.apply(
      pod('server', WHO_ARE_YOU, { labels: { app: 'server' } }),
      pod('client', IDLE, { spec: { securityContext: { runAsUser: 65_534 } } }),
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'who', namespace: 'default' },
        spec: { selector: { app: 'server' }, ports: [{ port: 80 }] },
      },
    );
    const ask = (): Promise<string> => kubectl.exec('client', 'curl', '-s', '-m2', 'http://who/').catch(() => '');
    await until(async () => (await ask()).startsWith('server 10.244.1.'), 'the service answers');
    expect((await kubectl.exec('client', 'id', '-u')).trim()).toBe('65534');
  });
});
