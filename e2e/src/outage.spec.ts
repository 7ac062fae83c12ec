import { DEPLOYMENTS, PODS, type KubeObject } from '@weft/kube';
import { until } from '@weft/testing-fixtures';
import { SYSTEM_NAMESPACE } from '@weft/testing-mesh-deployment';
import { AT_ONCE_MS } from './cluster/at-once.js';
import { isReady } from './cluster/local-cluster.js';
import { useCluster } from './cluster/use-cluster.js';
import { Ztunnels } from './cluster/ztunnels.js';
import { namespace, pod, service } from './workloads/objects.js';
import { HTTP_PORT, nginx, redis, REDIS_PORT, shell } from './workloads/programs.js';

/**
 * Both control processes away. Ten minutes of it, and certificates that expire meanwhile, are played on a simulated clock in
 * the component tests of ztunnel; here the real processes go and return.
 */
describe('without control plane and CA', () => {
  const cluster = useCluster({ name: 'outage' });
  const clients = ['talker', 'quiet'];

  beforeAll(async () => {
    await cluster().apply([
      namespace('shop', true),
      ...clients.flatMap((name) => pod({ namespace: 'shop', name, node: 'node-1', containers: [shell()] })),
      ...pod({ namespace: 'shop', name: 'web', node: 'node-2', containers: [nginx(), redis()] }),
      ...pod({ namespace: 'shop', name: 'cache', node: 'node-1', containers: [redis()] }),
      ...['web', 'cache'].map((name) =>
        service({ namespace: 'shop', name, selector: { app: name }, ports: { 80: HTTP_PORT, 7000: REDIS_PORT } }),
      ),
    ]);
    await cluster().ready('shop', [...clients, 'web', 'cache']);
  }, 120_000);

  const fetch = async (client: string): Promise<string> =>
    (await cluster().exec({ namespace: 'shop', pod: client }, ['curl', '-sS', '--max-time', '3', 'http://web/']))
      .stdout;
  const deny = (name: string, client: string): KubeObject =>
    ({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name, namespace: 'shop' },
      spec: { action: 'DENY', rules: [{ from: [{ source: { principals: [`cluster.local/ns/shop/sa/${client}`] } }] }] },
    }) as KubeObject;

  it('connections of known workloads go on and new ones are made; a change waits and arrives within 1 s of the return', async () => {
    const ztunnels = new Ztunnels(cluster());
    // Certificates are fetched when a workload appears, not when it first talks.
    for (const node of cluster().nodes) {
      await until(
        async () => (await ztunnels.configDump(node)).certificates.every(({ state }) => state === 'Available'),
        `certificates of ${node} are there`,
      );
    }
    const open = cluster().kubectlStart([
      'exec',
      '-i',
      '-n',
      'shop',
      'talker',
      '--',
      'redis-cli',
      '-h',
      'web',
      '-p',
      '7000',
    ]);
    open.write('client id\n');
    await open.says(/^\d+\n$/);
    const id = open.stdout;

    await Promise.all([cluster().scale('weft-control-plane', 0), cluster().scale('weft-ca', 0)]);
    await cluster().apply([deny('no-quiet', 'quiet')]);

    const startMs = performance.now();
    for (let rounds = 0; rounds < 4 || performance.now() - startMs < 5000; rounds++) {
      // The second client and the pair on one node have not spoken to each other before.
      expect(await fetch('talker')).toMatch(/^web saw/);
      expect(await fetch('quiet')).toMatch(/^web saw/);
      const near = ['redis-cli', '-h', 'cache', '-p', '7000', 'ping'];
      expect((await cluster().exec({ namespace: 'shop', pod: 'quiet' }, near)).stdout).toBe('PONG\n');
    }
    open.write('client id\n');
    await until(() => open.stdout.length > id.length, 'the open connection answers');
    expect(open.stdout).toBe(id + id);

    // Asks without a pause, and says when it is refused.
    const ask = 'while curl -s --max-time 3 -o /dev/null http://web/; do :; done; echo refused $(date +%s%3N)';
    const asking = cluster().kubectlStart(['exec', '-n', 'shop', 'quiet', '--', 'sh', '-c', ask]);
    const scaled = (name: string): Promise<unknown> =>
      cluster().kube.patch(DEPLOYMENTS, SYSTEM_NAMESPACE, name, { spec: { replicas: 1 } }, { kind: 'merge' });
    await Promise.all([scaled('weft-ca'), scaled('weft-control-plane')]);
    const back = async (): Promise<boolean> => {
      const selector = { namespace: SYSTEM_NAMESPACE, labelSelector: 'app=weft-control-plane' };
      return (await cluster().kube.list(PODS, selector)).some(isReady);
    };
    await until(back, 'the control plane is back', 30_000);
    const backMs = Date.now();
    await asking.says(/refused \d+\n/);
    const refusedMs = Number(/refused (\d+)\n/.exec(asking.stdout)?.[1]);
    expect(refusedMs - backMs).toBeLessThan(AT_ONCE_MS);
    await asking.stop();
    expect(await fetch('talker')).toMatch(/^web saw/);

    // And the next change takes its normal way.
    const changeMs = performance.now();
    await cluster().apply([deny('no-talker', 'talker')]);
    await until(async () => (await fetch('talker')) === '', 'the next policy holds');
    expect(performance.now() - changeMs).toBeLessThan(AT_ONCE_MS);
    await open.stop();
  });
});
