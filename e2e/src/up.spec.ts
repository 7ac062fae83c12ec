import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandOutput } from './cluster/cluster.js';
import { WORKSPACE } from './cluster/local-cluster.js';
import { runProgram } from './cluster/run-program.js';

const NAME = `${process.env['WEFT_E2E_PREFIX'] ?? 'e2e'}-up`;

interface Shown {
  readonly nodes: readonly { readonly ready: boolean; readonly ztunnelReady: boolean }[];
  readonly pods: readonly { readonly namespace: string; readonly mesh: string; readonly status: string }[];
  readonly connections: readonly Readonly<Record<string, unknown>>[];
  readonly requests: readonly Readonly<Record<string, unknown>>[];
  readonly denials: readonly Readonly<Record<string, unknown>>[];
}

/** Processes whose command line names the folder of this cluster. */
function processesOf(home: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(home);
      } catch {
        return false;
      }
    });
}

/** Processes of the same pid namespace as `pid`: everything that lives in a cluster. */
function namespaceOf(pid: string): string {
  return readlinkSync(`/proc/${pid}/ns/pid`);
}
function processesIn(namespaces: ReadonlySet<string>): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      // A zombie has ended; whoever adopted it has yet to collect it.
      return (
        /^\d+$/.test(pid) &&
        namespaces.has(namespaceOf(pid)) &&
        !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
      );
    } catch {
      return false;
    }
  });
}

describe('the launcher', () => {
  const home = mkdtempSync(join(tmpdir(), 'weft-e2e-home-'));
  const weft = (...args: string[]): Promise<CommandOutput> =>
    runProgram(
      [join(WORKSPACE, 'weft'), ...args, '--name', NAME],
      { timeoutMs: 120_000 },
      { ...process.env, HOME: home },
    );
  const state = join(home, '.weft', NAME);
  /** Lines about the network and mounts of this machine that a cluster could have left. */
  const hostNetwork = (): readonly string[] =>
    ['ip -o link', 'ip netns list', 'ip rule', 'ip route', 'iptables-save -t nat | grep -v "^#\\|^:"', 'mount']
      .map((command) =>
        execFileSync('sh', ['-c', `${command} || true`], { encoding: 'utf8' }).replace(/(qlen|group) \S+/g, ''),
      )
      .flatMap((text) => text.split('\n'))
      .filter((line) => /weft0|cni0|node-?\d|10\.244\.|10\.96\.|172\.30\.|weft-e2e/.test(line));
  let before: readonly string[];

  beforeAll(() => {
    before = hostNetwork();
  });
  afterAll(async () => {
    await weft('down');
    rmSync(home, { recursive: true, force: true });
  }, 60_000);

  const expectNothingLeft = (namespaces: ReadonlySet<string>): void => {
    expect(processesOf(home)).toEqual([]);
    expect(processesIn(namespaces)).toEqual([]);
    expect(existsSync(state)).toBe(false);
    expect(hostNetwork().filter((line) => !before.includes(line))).toEqual([]);
  };
  /** Every pid namespace below the cluster's first process, its own included. */
  const clusterNamespaces = (): ReadonlySet<string> => {
    const own = namespaceOf('self');
    const outer = (JSON.parse(readFileSync(join(state, 'cluster.json'), 'utf8')) as { pid: number }).pid;
    const inner = execFileSync('sh', ['-c', `cat /proc/${outer}/task/${outer}/children`], { encoding: 'utf8' }).trim();
    const found = new Set<string>();
    const walk = (pid: string): void => {
      try {
        const namespace = namespaceOf(pid);
        if (namespace !== own) found.add(namespace);
        readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).forEach(walk);
      } catch {
        // it has ended
      }
    };
    walk(inner.split(' ')[0] ?? '');
    return found;
  };

  it('up --once --json shows mutual TLS between the nodes, plaintext from outside, and who was refused by what', async () => {
    const { code, stdout, stderr } = await weft('up', '--once', '--json');
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    const shown = JSON.parse(stdout) as Shown;
    expect(shown.nodes).toHaveLength(2);
    expect(shown.nodes.every(({ ready, ztunnelReady }) => ready && ztunnelReady)).toBe(true);
    const shop = shown.pods.filter(({ namespace }) => namespace === 'shop');
    expect(shop.length).toBeGreaterThanOrEqual(5);
    expect(new Set(shop.map(({ mesh, status }) => `${mesh} ${status}`))).toEqual(
      new Set(['enrolled Ready', 'waypoint Ready']),
    );
    expect(shown.requests).toContainEqual(expect.objectContaining({ service: 'shop/web', status: 200 }));
    expect(shown.connections).toContainEqual(
      expect.objectContaining({
        source: 'shop/orders',
        destination: 'shop/db',
        security: 'mTLS',
        sourceIdentity: 'spiffe://cluster.local/ns/shop/sa/orders',
        destinationIdentity: 'spiffe://cluster.local/ns/shop/sa/db',
      }),
    );
    expect(shown.connections).toContainEqual(expect.objectContaining({ source: 'legacy/kiosk', security: 'plain' }));
    expect(shown.denials).toContainEqual(
      expect.objectContaining({
        sourceIdentity: 'spiffe://cluster.local/ns/shop/sa/visitor',
        policy: 'shop/db-orders-only',
      }),
    );
  }, 130_000);

  it('a second up finds the cluster and takes less than 5 s', async () => {
    const startMs = performance.now();
    const { code, stdout, stderr } = await weft('up', '--once', '--json');
    expect(code).toBe(0);
    expect(stderr).not.toContain('building'); // nothing changed between the two
    expect((JSON.parse(stdout) as Shown).nodes).toHaveLength(2);
    expect(performance.now() - startMs).toBeLessThan(5000);
  });

  it('status tells what runs, and the commands that up names work', async () => {
    const { code, stdout } = await weft('status', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ running: true, kubeconfig: join(state, 'kubeconfig') });
    const told = (await weft('up', '--once')).stdout;
    const commands = told.split('\n').filter((line) => line.startsWith('kubectl '));
    expect(commands).toHaveLength(3);
    expect(told).toContain(`export KUBECONFIG=${join(state, 'kubeconfig')}`);
    for (const command of commands) {
      const env = { ...process.env, KUBECONFIG: join(state, 'kubeconfig') };
      const result = await runProgram(['sh', '-c', command], {}, env);
      expect(`${command}: ${result.code} ${result.code === 0 ? '' : result.stderr}`).toBe(`${command}: 0 `);
    }
  }, 60_000);

  it('down leaves no process, no namespace, no rule and no file', async () => {
    const namespaces = clusterNamespaces();
    expect(namespaces.size).toBeGreaterThan(5);
    expect((await weft('down')).code).toBe(0);
    expectNothingLeft(namespaces);
    expect((await weft('down')).code).toBe(0);
    expect((await weft('status')).code).toBe(3);
  }, 60_000);

  it('after kill -9 of its first process nothing of the cluster runs, and down removes the files', async () => {
    expect((await weft('up', '--once', '--json', '--no-demo')).code).toBe(0);
    const namespaces = clusterNamespaces();
    const { pid } = JSON.parse(readFileSync(join(state, 'cluster.json'), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
    expect((await weft('down')).code).toBe(0);
    expectNothingLeft(namespaces);
  }, 120_000);
});
