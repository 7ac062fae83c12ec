import { spawn } from 'node:child_process';
import { chmod, mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { KubeClient } from '@weft/kube';
import { until } from '@weft/testing-fixtures';
import type { ClusterHandle } from './host/cluster-handle.js';
import { spawnCluster } from './host/spawn-cluster.js';
import { bundleClusterEntry, type ClusterBundle } from './testing/bundle-cluster-entry.js';
import { Kubectl } from './testing/kubectl.js';
import { IDLE, pod, WHO_ARE_YOU } from './testing/pods.js';

let bundle: ClusterBundle;
let directory: string;
let cluster: ClusterHandle;
let kubectl: Kubectl;

beforeAll(async () => {
  bundle = await bundleClusterEntry();
  directory = await mkdtemp(join(tmpdir(), 'weft-cluster-'));
  const stateDir = join(directory, 'state');
  // A file where the logs of node-3 should go: whatever is written there fails.
  await mkdir(join(stateDir, 'logs'), { recursive: true });
  await writeFile(join(stateDir, 'logs/node-3'), '');
  const programs = join(directory, 'programs');
  await mkdir(programs);
  await writeFile(join(programs, 'say'), '#!/bin/sh\necho "$0 $*"\nexec sleep 100000\n');
  await chmod(join(programs, 'say'), 0o755);
  cluster = await spawnCluster({
    name: 'it',
    stateDir,
    entry: bundle.entry,
    sharedPaths: [dirname(process.execPath), programs],
    images: { 'example.org/say': { entrypoint: ['/opt/say', 'who'], files: { '/opt/say': join(programs, 'say') } } },
    nodes: [
      { name: 'node-1', region: 'r', zone: 'a' },
      { name: 'node-2', region: 'r', zone: 'b' },
      { name: 'node-3', region: 'r', zone: 'c' },
    ],
  });
  kubectl = new Kubectl(cluster.kubeconfigPath);
});

afterAll(async () => {
  await cluster.stop();
  await bundle.remove();
  await rm(directory, { recursive: true, force: true });
});

const running = (name: string): Promise<void> =>
  until(
    async () => (await kubectl.jsonPath('pod', name, '.status.containerStatuses[0].ready')) === 'true',
    `pod ${name} is ready`,
  );
const start = async (...pods: readonly ReturnType<typeof pod>[]): Promise<void> => {
  await kubectl.apply(...pods);
  await Promise.all(pods.map(({ metadata }) => running(metadata.name)));
};

describe('nodes', () => {
  it('are Ready, with addresses, a pod range and topology labels, and renew a Lease', async () => {
    const path = '.items[*].metadata.labels.topology\\.kubernetes\\.io/zone';
    expect(await kubectl.text('get', 'nodes', '-o', `jsonpath={${path}}`)).toBe('a b c');
    expect(await kubectl.jsonPath('node', 'node-2', '.spec.podCIDR')).toBe('10.244.2.0/24');
    expect(await kubectl.jsonPath('node', 'node-2', '.status.addresses[0].address')).toBe('172.30.0.12');
    expect(await kubectl.text('get', 'lease', '-n', 'kube-node-lease', 'node-1', '-o', 'name')).toContain('node-1');
  });

  it('run commands from outside, with input, in their own network and root', async () => {
    const ran = await cluster.nodeExec('node-1', ['sh', '-c', 'cat; ip -br addr show eth0; touch /etc/only-here'], {
      stdin: 'in\n',
    });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toMatch(/^in\n.*172\.30\.0\.11\/24/s);
    expect((await cluster.nodeExec('node-2', ['ls', '/etc/only-here'])).code).not.toBe(0);
    await expect(cluster.nodeExec('node-9', ['true'])).rejects.toThrow('no node node-9');
  });
});

describe('network', () => {
  beforeAll(async () => {
    await start(
      pod('server', WHO_ARE_YOU, { node: 'node-1', labels: { app: 'server' } }),
      pod('near', IDLE, { node: 'node-1' }),
      pod('far', IDLE, { node: 'node-2' }),
    );
    await kubectl.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'who', namespace: 'default' },
      spec: { selector: { app: 'server' }, ports: [{ port: 8080, targetPort: 80 }] },
    });
  });

  it.each(['near', 'far'])('the server sees the own address of a pod that is %s', async (client) => {
    const ip = await kubectl.jsonPath('pod', client, '.status.podIP');
    const server = await kubectl.jsonPath('pod', 'server', '.status.podIP');
    expect(
      await kubectl.exec(
        client,
        'curl',
        '-s',
        '-m5',
        '--retry',
        '9',
        '--retry-connrefused',
        '--retry-delay',
        '1',
        `http://${server}/`,
      ),
    ).toBe(`server ${ip}`);
    const byName = (): Promise<string> =>
      kubectl.exec(client, 'curl', '-s', '-m5', 'http://who.default.svc:8080/').catch(() => '');
    await until(async () => (await byName()) === `server ${ip}`, 'the service name answers');
  });

  it('port-forward ends at the loopback of the pod', async () => {
    const env = { ...process.env, KUBECONFIG: cluster.kubeconfigPath };
    const forward = spawn('kubectl', ['port-forward', 'pod/server', ':80'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [forward.stdout, forward.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    forward.on('error', (error) => (output += error.message));
    try {
      const port = (): string | undefined => /127\.0\.0\.1:(\d+)/.exec(output)?.[1];
      await until(() => port() !== undefined, 'kubectl listens');
      const answer = await fetch(`http://127.0.0.1:${port()!}/`, { signal: AbortSignal.timeout(10_000) });
      expect(await answer.text()).toBe('server 127.0.0.1');
    } finally {
      forward.kill('SIGKILL');
    }
  });

  it('a pod has its own host name, hosts file and resolver', async () => {
    expect(await kubectl.exec('far', 'hostname')).toBe('far\n');
    expect(await kubectl.exec('far', 'cat', '/etc/resolv.conf')).toContain(
      'nameserver 10.96.0.10\nsearch default.svc.cluster.local',
    );
    expect(await kubectl.exec('far', 'cat', '/etc/hosts')).toMatch(/10\.244\.2\.\d+\tfar/);
  });

  it("a pod in its node's network sees the namespaces of later pods through a hostPath with HostToContainer", async () => {
    await start(
      pod('agent', IDLE, {
        node: 'node-2',
        spec: { hostNetwork: true, volumes: [{ name: 'netns', hostPath: { path: '/var/run/netns' } }] },
        container: {
          securityContext: { privileged: true },
          volumeMounts: [{ name: 'netns', mountPath: '/host/var/run/netns', mountPropagation: 'HostToContainer' }],
        },
      }),
    );
    expect(await kubectl.jsonPath('pod', 'agent', '.status.podIP')).toBe('172.30.0.12');
    await start(pod('later', IDLE, { node: 'node-2' }));
    const ip = await kubectl.jsonPath('pod', 'later', '.status.podIP');
    const script = 'for n in /host/var/run/netns/*; do nsenter --net=$n ip -br addr show eth0; done';
    expect(await kubectl.exec('agent', 'sh', '-c', script)).toContain(ip);
  });
});

describe('containers', () => {
  it('their output is logged; exec gives exit code, input and a terminal', async () => {
    await start(pod('talker', ['sh', '-c', 'echo one; echo two >&2; echo three; exec sleep 100000']));
    // Two pipes, of which either may be read first.
    const logged = async (): Promise<readonly string[]> => (await kubectl.text('logs', 'talker')).split('\n').sort();
    await until(async () => (await logged()).length >= 4, 'three lines are logged');
    expect(await logged()).toEqual(['', 'one', 'three', 'two']);
    expect((await kubectl.text('logs', 'talker', '--tail=1', '--timestamps')).trim()).toMatch(
      /^\d{4}-\S+Z (two|three)$/,
    );
    expect((await kubectl.run(['exec', 'talker', '--', 'sh', '-c', 'exit 7'])).code).toBe(7);
    expect((await kubectl.run(['exec', '-i', 'talker', '--', 'cat'], 'hello')).stdout).toBe('hello');
    // `script` gives kubectl a terminal, which it wants before it asks for one.
    const { stdout } = await kubectlOnTerminal('exec', '-it', 'talker', '--', 'sh', '-c', 'tty; exit 0');
    expect(stdout).toContain('/dev/pts/');
  });

  it('a container without a command runs the program that stands in for its image, whose files it cannot change', async () => {
    await start(pod('imaged', [], { container: { image: 'example.org/say:v1', command: undefined, args: ['hello'] } }));
    await until(async () => (await kubectl.text('logs', 'imaged')) === '/opt/say who hello\n', 'its words', 15_000);
    expect(await kubectl.exec('imaged', 'sh', '-c', 'echo >> /opt/say || echo refused')).toContain('refused');
  });

  it('logs -f follows a container to its end', async () => {
    await kubectl.apply(
      pod('counter', ['sh', '-c', 'for i in 1 2 3 4 5; do echo line $i; sleep 0.1; done'], {
        spec: { restartPolicy: 'Never' },
      }),
    );
    await until(
      async () => /Running|Succeeded/.test(await kubectl.jsonPath('pod', 'counter', '.status.phase')),
      'it runs',
    );
    expect(await kubectl.text('logs', '-f', 'counter')).toBe('line 1\nline 2\nline 3\nline 4\nline 5\n');
    await until(
      async () => (await kubectl.jsonPath('pod', 'counter', '.status.phase')) === 'Succeeded',
      'it succeeded',
    );
  });

  it('a container that ends is started again, then with a delay, and its earlier log is kept', async () => {
    await kubectl.apply(pod('crasher', ['sh', '-c', 'echo again; exit 3']));
    const of = '{.status.containerStatuses[0]';
    const path = `jsonpath=${of}.state.waiting.reason} ${of}.restartCount} ${of}.lastState.terminated.exitCode}`;
    // In one look: it starts again while the next one is taken.
    const status = (): Promise<string> => kubectl.text('get', 'pod', 'crasher', '-o', path);
    await until(async () => (await status()) === 'CrashLoopBackOff 1 3', 'it backs off after the first restart');
    expect(await kubectl.text('logs', 'crasher', '--previous')).toBe('again\n');
  });

  it('init containers run one after the other before the others start; a sidecar stays', async () => {
    const volumeMounts = [{ name: 'shared', mountPath: '/shared' }];
    const init = (name: string, script: string, more = {}) => ({
      name,
      image: 'none',
      command: ['sh', '-c', script],
      volumeMounts,
      ...more,
    });
    await start(
      pod('initiated', ['sh', '-c', 'cat /shared/*; exec sleep 100000'], {
        container: { volumeMounts },
        spec: {
          volumes: [{ name: 'shared', emptyDir: {} }],
          initContainers: [
            init('first', 'echo first > /shared/1'),
            init('side', 'exec sleep 100000', { restartPolicy: 'Always' }),
            init('second', 'cp /shared/1 /shared/2'),
          ],
        },
      }),
    );
    expect(await kubectl.text('logs', 'initiated', '-c', 'main')).toBe('first\nfirst\n');
    expect(await kubectl.jsonPath('pod', 'initiated', '.status.initContainerStatuses[*].ready')).toBe('true true true');
    expect(
      await kubectl.jsonPath('pod', 'initiated', '.status.initContainerStatuses[1].state.running.startedAt'),
    ).not.toBe('');
  });

  it('readiness follows its probe, and a failed liveness probe restarts the container', async () => {
    const often = { periodSeconds: 1, timeoutSeconds: 15, failureThreshold: 1 };
    const exec = (file: string) => ({ exec: { command: ['test', '-e', file] }, ...often });
    await start(
      pod('probed', ['sh', '-c', 'touch /tmp/ready /tmp/alive; exec sleep 100000'], {
        container: {
          readinessProbe: exec('/tmp/ready'),
          livenessProbe: { ...exec('/tmp/alive'), initialDelaySeconds: 5 },
        },
      }),
    );
    await kubectl.exec('probed', 'rm', '/tmp/ready');
    await until(
      async () => (await kubectl.jsonPath('pod', 'probed', '.status.containerStatuses[0].ready')) === 'false',
      'it is not ready',
    );
    await kubectl.exec('probed', 'rm', '/tmp/alive');
    await until(
      async () => (await kubectl.jsonPath('pod', 'probed', '.status.containerStatuses[0].restartCount')) === '1',
      'it was restarted',
    );
    await running('probed');
    expect(await kubectl.events('probed')).toContain(
      'Killing: Container main failed liveness probe, will be restarted',
    );
  });

  it('a deleted container gets its preStop hook, then SIGTERM, then SIGKILL when its grace is over', async () => {
    await start(
      pod('stubborn', ['sh', '-c', 'trap "echo term" TERM; while :; do sleep 0.1; done'], {
        // Time for the hook, and for the shell to notice the signal.
        spec: { terminationGracePeriodSeconds: 5 },
        container: { lifecycle: { preStop: { exec: { command: ['sh', '-c', 'echo hook > /proc/1/fd/1'] } } } },
      }),
    );
    const follower = kubectl.text('logs', '-f', 'stubborn');
    await until(async () => (await kubectl.exec('stubborn', 'true')) === '', 'exec works');
    await kubectl.text('delete', 'pod', 'stubborn');
    expect(await follower).toBe('hook\nterm\n');
  });

  it('orphans are reaped', async () => {
    await start(pod('orphans', ['sh', '-c', '(sh -c "sleep 0.1 & exit" &); sleep 0.3; exec sleep 100000']));
    await until(
      async () => (await kubectl.exec('orphans', 'sh', '-c', 'pgrep -c sleep')).trim() === '1',
      'one sleep is left',
    );
    expect(await kubectl.exec('orphans', 'ps', '-eo', 'stat=')).not.toContain('Z');
  });

  it('a log that cannot be written hurts neither the pod nor those who follow it', async () => {
    await start(
      pod('unlogged', ['sh', '-c', 'for i in 1 2 3; do echo tick; sleep 0.2; done; exec sleep 100000'], {
        node: 'node-3',
      }),
    );
    expect(await kubectl.jsonPath('pod', 'unlogged', '.status.containerStatuses[0].restartCount')).toBe('0');
    await kubectl.text('logs', 'unlogged');
  });
});

describe('volumes', () => {
  it('a missing ConfigMap is an event; the pod starts when it comes, and sees its changes', async () => {
    const config = (text: string) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: 'default' },
      data: { key: text },
    });
    await kubectl.apply(
      pod('configured', IDLE, {
        spec: { volumes: [{ name: 'settings', configMap: { name: 'settings' } }] },
        container: { volumeMounts: [{ name: 'settings', mountPath: '/settings' }] },
      }),
    );
    await until(
      async () =>
        (await kubectl.events('configured')).includes(
          'FailedMount: MountVolume.SetUp failed for volume "settings" : configmap "settings" not found',
        ),
      'the event',
    );
    await kubectl.apply(config('old'));
    await running('configured');
    expect(await kubectl.exec('configured', 'cat', '/settings/key')).toBe('old');
    await kubectl.apply(config('new'));
    await until(async () => (await kubectl.exec('configured', 'cat', '/settings/key')) === 'new', 'the change arrives');
  });

  it('the service account token is mounted, and a projected one has its audience', async () => {
    await start(
      pod('identified', IDLE, {
        spec: {
          volumes: [
            {
              name: 'tokens',
              projected: {
                sources: [
                  { serviceAccountToken: { audience: 'istio-ca', expirationSeconds: 43200, path: 'istio-token' } },
                ],
              },
            },
          ],
        },
        container: { volumeMounts: [{ name: 'tokens', mountPath: '/var/run/secrets/tokens' }] },
      }),
    );
    const token = await kubectl.exec('identified', 'cat', '/var/run/secrets/tokens/istio-token');
    const kube = KubeClient.fromKubeconfig(await kubectl.text('config', 'view', '--raw', '--flatten'));
    const verdict = await kube.reviewToken(token, ['istio-ca']);
    kube.close();
    expect(verdict).toMatchObject({ authenticated: true, username: 'system:serviceaccount:default:default' });
    const script =
      'd=/var/run/secrets/kubernetes.io/serviceaccount; curl -s --cacert $d/ca.crt -H "Authorization: Bearer $(cat $d/token)" https://kubernetes.default.svc/version';
    expect(await kubectl.exec('identified', 'sh', '-c', script)).toContain('gitVersion');
  });

  it("a hostPath is the node's, and its type is checked", async () => {
    const volume = (path: string, type: string) => ({
      spec: { volumes: [{ name: 'host', hostPath: { path, type } }] },
      container: { volumeMounts: [{ name: 'host', mountPath: '/on-host' }] },
      node: 'node-1',
    });
    await start(
      pod(
        'writer',
        ['sh', '-c', 'echo there > /on-host/file; exec sleep 100000'],
        volume('/var/run/weft-it', 'DirectoryOrCreate'),
      ),
    );
    await until(
      async () => (await cluster.nodeExec('node-1', ['cat', '/run/weft-it/file'])).stdout === 'there\n',
      'the file is on the node',
    );
    expect((await cluster.nodeExec('node-2', ['ls', '/run/weft-it'])).code).not.toBe(0);
    await kubectl.apply(pod('picky', IDLE, volume('/no/such/socket', 'Socket')));
    await until(
      async () =>
        (await kubectl.events('picky')).includes('hostPath type check failed: /no/such/socket is not a socket'),
      'the event',
    );
  });
});

describe('trouble with the network of pods', () => {
  const install = (script: string): Promise<unknown> =>
    cluster.nodeExec(
      'node-2',
      [
        'sh',
        '-c',
        `cat > /opt/cni/bin/trouble && chmod +x /opt/cni/bin/trouble && echo '${JSON.stringify({ cniVersion: '1.0.0', name: 'trouble', plugins: [{ type: 'trouble' }] })}' > /etc/cni/net.d/00-trouble.conflist`,
      ],
      { stdin: script },
    );
  afterEach(() => cluster.nodeExec('node-2', ['rm', '-f', '/etc/cni/net.d/00-trouble.conflist']));

  it('a failing plugin is an event that names pod and plugin; the pod starts once it works again', async () => {
    await install('#!/bin/sh\necho \'{"code": 11, "msg": "agent is away"}\'; exit 1\n');
    await kubectl.apply(pod('unplugged', IDLE, { node: 'node-2' }));
    const words =
      'FailedCreatePodSandBox: Failed to create pod sandbox for pod default/unplugged: plugin type="trouble" name="trouble" failed (add): agent is away (code 11)';
    await until(async () => (await kubectl.events('unplugged')).includes(words), 'the event');
    await start(pod('elsewhere', IDLE, { node: 'node-1' }));
    await cluster.nodeExec('node-2', ['rm', '/etc/cni/net.d/00-trouble.conflist']);
    await running('unplugged');
  });

  it('a pod that is deleted while its network is set up goes at once and leaves nothing', async () => {
    const before = (await cluster.nodeExec('node-2', ['ls', '/run/netns'])).stdout;
    await install('#!/bin/sh\n[ "$CNI_COMMAND" = DEL ] || exec sleep 1000\n');
    await kubectl.apply(pod('doomed', IDLE, { node: 'node-2' }));
    await until(
      async () => (await cluster.nodeExec('node-2', ['pgrep', '-f', 'sleep 1000$'])).code === 0,
      'the plugin runs',
    );
    await kubectl.text('delete', 'pod', 'doomed');
    expect((await cluster.nodeExec('node-2', ['ls', '/run/netns'])).stdout).toBe(before);
  });
});

/** kubectl with a terminal of its own as standard input. */
function kubectlOnTerminal(...args: readonly string[]): Promise<{ stdout: string }> {
  const line = ['kubectl', ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', line, '/dev/null'], {
    env: { ...process.env, KUBECONFIG: cluster.kubeconfigPath },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
  child.stdin.on('error', () => undefined);
  return new Promise((resolve) => child.once('close', () => resolve({ stdout })));
}
