import { X509Certificate } from 'node:crypto';
import { CONFIG_MAPS, LEASES, PODS, SECRETS, type KubeObject } from '@weft/kube';
import { until } from '@weft/testing-fixtures';
import { SYSTEM_NAMESPACE } from '@weft/testing-mesh-deployment';
import { AccessLog } from './cluster/access-log.js';
import { AT_ONCE_MS } from './cluster/at-once.js';
import { Asker } from './cluster/asker.js';
import { isReady } from './cluster/local-cluster.js';
import { OpensslPki } from './cluster/openssl-pki.js';
import type { RunningCommand } from './cluster/running-command.js';
import { useCluster } from './cluster/use-cluster.js';
import { withSettings } from './cluster/with-settings.js';
import { Ztunnels } from './cluster/ztunnels.js';
import { namespace, pod, service } from './workloads/objects.js';
import { answers, ANSWER_PORT } from './workloads/own-programs.js';
import { redis, REDIS_PORT, shell } from './workloads/programs.js';

const LIFETIME = '10s';
const RATE = 40;
const SETTINGS = {
  'weft-ca': {
    replicas: 2,
    env: { DEFAULT_WORKLOAD_CERT_TTL: LIFETIME, CA_ROOT_REFRESH: '500ms', CA_ROTATION_WAIT: '12s' },
  },
  'weft-control-plane': { env: { CERT_TTL: LIFETIME } },
  // A tunnel carries one connection and is closed soon after: new connections are new handshakes.
  ztunnel: {
    env: { SECRET_TTL: LIFETIME, POOL_MAX_STREAMS_PER_CONNECTION: '1', POOL_UNUSED_RELEASE_TIMEOUT: '10ms' },
  },
};

/**
 * The life of trust, on short lifetimes: certificates of ten seconds, asked for again every second. Every change runs under
 * load, new connections (with handshakes) at a rate and connections that stay, and not one may fail.
 */
describe('trust', () => {
  const cluster = useCluster({ name: 'trust', change: withSettings(SETTINGS) });
  let ztunnels: Ztunnels;
  let log: AccessLog;

  beforeAll(async () => {
    ztunnels = new Ztunnels(cluster());
    const servers = { far: 'node-2', near: 'node-1', mallory: 'node-2' };
    await cluster().apply([
      namespace('shop', true),
      ...pod({ namespace: 'shop', name: 'client', node: 'node-1', containers: [shell()] }),
      ...Object.entries(servers).flatMap(([name, node]) => [
        ...pod({ namespace: 'shop', name, node, containers: [answers(name), redis()] }),
        service({
          namespace: 'shop',
          name,
          selector: { app: name },
          ports: { [ANSWER_PORT]: ANSWER_PORT, [REDIS_PORT]: REDIS_PORT },
        }),
      ]),
      // Only the client, by the name that it has at the start.
      {
        apiVersion: 'security.istio.io/v1',
        kind: 'AuthorizationPolicy',
        metadata: { name: 'by-name', namespace: 'shop' },
        spec: {
          selector: { matchLabels: { app: 'far' } },
          rules: [
            {
              from: [
                { source: { principals: ['cluster.local/ns/shop/sa/client', 'cluster.local/ns/shop/sa/mallory'] } },
              ],
            },
          ],
        },
      } as KubeObject,
    ]);
    await cluster().ready('shop', ['client', ...Object.keys(servers)]);
    log = await AccessLog.start(cluster());
  }, 120_000);

  const startLoad = (): Promise<Asker> =>
    Asker.start(cluster(), { namespace: 'shop', pod: 'client' }, RATE, {
      [`far:${ANSWER_PORT}`]: 'far',
      [`near:${ANSWER_PORT}`]: 'near',
    });
  const openRedis = async (from: string, to: string): Promise<RunningCommand> => {
    const argv = ['exec', '-i', '-n', 'shop', from, '--', 'redis-cli', '-h', to];
    const session = cluster().kubectlStart(argv);
    session.write('client id\n');
    await session.says(/^\d+\n$/);
    return session;
  };
  /** What the proxies logged about the connection of which `failure` tells. */
  const told = (failure: string): readonly string[] => {
    const source = /\d+\.\d+\.\d+\.\d+:\d+/.exec(failure)?.[0];
    const lines = log.lines().filter((line) => line['src.addr'] === source);
    return lines.map((line) => JSON.stringify(line));
  };
  /** `change` under load: nothing fails, and the connections from before answer as before. */
  const underLoad = async (change: () => Promise<void>): Promise<void> => {
    const sessions = [await openRedis('client', 'far'), await openRedis('client', 'near')];
    const ids = sessions.map(({ stdout }) => stdout);
    const load = await startLoad();
    await change();
    for (const session of sessions) session.write('client id\n');
    const broken = (): readonly string[] =>
      sessions.flatMap(({ stdout, stderr }, i) => (stdout === ids[i]! + ids[i]! ? [] : [`${i}: ${stdout}${stderr}`]));
    await until(() => broken().length === 0, 'old connections answer', 20_000).catch((thrown: unknown) => {
      const closed = log
        .lines()
        .filter(({ error }) => typeof error === 'string')
        .slice(-8);
      throw new Error([String(thrown), ...broken(), ...closed.map((line) => JSON.stringify(line))].join('\n'));
    });
    const { asked, answered, wrong, failed, failures: seen } = await load.end();
    const failures = seen.flatMap((failure) => [failure, ...told(failure)]);
    expect({ wrong, failed, failures }).toEqual({ wrong: 0, failed: 0, failures: [] });
    expect(answered).toBe(asked);
    expect(asked).toBeGreaterThan(0);
    for (const session of sessions) await session.stop();
  };
  const apply = (kind: string, name: string, data: Record<string, string>): Promise<void> =>
    cluster().apply([{ apiVersion: 'v1', kind, metadata: { name, namespace: SYSTEM_NAMESPACE }, data } as KubeObject]);
  const base64 = (texts: Record<string, string>): Record<string, string> =>
    Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')]));
  const rootSecret = async (key: string): Promise<string> => {
    const secret = await cluster().kube.get(SECRETS, SYSTEM_NAMESPACE, 'istio-ca-secret');
    return Buffer.from(secret?.data?.[key] ?? '', 'base64').toString();
  };
  const stage = async (): Promise<string | undefined> =>
    (await cluster().kube.get(SECRETS, SYSTEM_NAMESPACE, 'istio-ca-secret'))?.metadata?.annotations?.[
      'ca.weft.io/rotation-state'
    ];
  const rotate = (how: string): Promise<string> =>
    cluster().kubectlOk([
      ...['annotate', '--overwrite', '-n', SYSTEM_NAMESPACE, 'secret', 'istio-ca-secret'],
      `ca.weft.io/rotate-root=${how}`,
    ]);
  /** Of every certificate on every node: subjects of its issuers, and of the roots that came with it. */
  const certificates = async () => {
    const dumps = await Promise.all(cluster().nodes.map((node) => ztunnels.configDump(node)));
    const named = ({ pem }: { readonly pem: string }) => new X509Certificate(Buffer.from(pem, 'base64'));
    return dumps.flatMap((dump) =>
      dump.certificates.map(({ identity, certChain, rootCerts }) => ({
        identity,
        issuers: certChain.slice(1).map((each) => named(each).subject.replace('\n', ',')),
        roots: rootCerts.map((each) => named(each).fingerprint256),
      })),
    );
  };
  const untilCertificates = (what: string, fit: (each: Awaited<ReturnType<typeof certificates>>[number]) => boolean) =>
    until(
      async () => {
        // Each look is a program on every node.
        await new Promise((resolve) => setTimeout(resolve, 250));
        return (await certificates()).every(fit);
      },
      what,
      60_000,
    );

  it('a revoked identity: its live connections end within 1 s, as source and as destination; others notice nothing', async () => {
    await underLoad(async () => {
      const [asSource, asDestination] = [await openRedis('mallory', 'near'), await openRedis('client', 'mallory')];
      let publishedMs = 0;
      const published = cluster().kube.informer(CONFIG_MAPS, {
        namespace: SYSTEM_NAMESPACE,
        fieldSelector: 'metadata.name=istio-ca-crl',
      });
      published.on({ added: () => (publishedMs = Date.now()) });
      await published.start();
      await published.synced;
      const startMs = Date.now();
      await apply('ConfigMap', 'ca-revocations', { identities: 'spiffe://cluster.local/ns/shop/sa/mallory' });
      const ends = await Promise.all(
        [
          { direction: 'inbound', 'src.identity': /mallory/, error: /revoked/ },
          { direction: 'outbound', 'dst.identity': /mallory/, error: /revoked/ },
        ].map((wanted) => log.line(wanted, startMs)),
      );
      await published.stop();
      const endedMs = Math.max(...ends.map(({ time }) => Date.parse(String(time))));
      const [after, whole] = [endedMs - publishedMs, endedMs - startMs];
      process.stdout.write(
        `revoked connections ended ${after} ms after the publication, ${whole} ms after the command\n`,
      );
      expect(publishedMs).toBeGreaterThan(startMs);
      expect(after).toBeLessThan(AT_ONCE_MS);
      await asSource.stop();
      await asDestination.stop();
      const ask = ['redis-cli', '-h', 'mallory', 'ping'];
      expect((await cluster().exec({ namespace: 'shop', pod: 'client' }, ask)).stdout).not.toContain('PONG');
      const counted = async (): Promise<number> =>
        (await ztunnels.metrics('node-1'))
          .filter(({ name }) => name === 'istio_crl_policy_rejections_total')
          .reduce((sum, { value }) => sum + value, 0);
      await until(async () => (await counted()) > 1, 'both are counted');
    });
    await apply('ConfigMap', 'ca-revocations', { identities: '' });
    const again = ['redis-cli', '-h', 'mallory', 'ping'];
    await until(
      async () => (await cluster().exec({ namespace: 'shop', pod: 'client' }, again)).stdout === 'PONG\n',
      'it is welcome again when the revocation is lifted',
      20_000,
    );
  });

  it('the self-signed root is rotated step by step', async () => {
    const before = await rootSecret('ca-cert.pem');
    await underLoad(async () => {
      await rotate('now');
      await until(async () => (await stage()) === 'distributing', 'it begins', 10_000);
      await until(async () => (await stage()) === 'stable', 'it ends', 90_000);
    });
    expect(await rootSecret('ca-cert.pem')).not.toBe(before);
  });

  it('plugged-in material takes over from the self-signed root, gets another intermediate, and loses the old root', async () => {
    using pki = new OpensslPki();
    pki.authority('root');
    pki.authority('first', 'root');
    pki.authority('second', 'root');
    const old = await rootSecret('root-cert.pem');
    const plugIn = (signing: string, roots: string): Promise<void> =>
      apply(
        'Secret',
        'cacerts',
        base64({
          'root-cert.pem': roots,
          'ca-cert.pem': pki.pem(signing),
          'ca-key.pem': pki.key(signing),
          'cert-chain.pem': pki.pem(signing),
        }),
      );
    await underLoad(async () => {
      const both = base64({ 'root-cert.pem': old + pki.pem('root') });
      await cluster().kube.patch(SECRETS, SYSTEM_NAMESPACE, 'istio-ca-secret', { data: both }, { kind: 'merge' });
      await untilCertificates('every workload knows both roots', ({ roots }) => roots.length === 2);
      await plugIn('first', old + pki.pem('root'));
      await untilCertificates('the first signs', ({ issuers }) => issuers.join() === 'O=Acme,CN=first');
      await plugIn('second', old + pki.pem('root'));
      await untilCertificates('the second signs', ({ issuers }) => issuers.join() === 'O=Acme,CN=second');
      await plugIn('second', pki.pem('root'));
      await untilCertificates('the old root is gone', ({ roots }) => roots.length === 1);
    });
  });

  it('the trust domain is changed by way of aliases', async () => {
    const mesh = (trustDomain: string, ...aliases: readonly string[]): Promise<void> =>
      apply('ConfigMap', 'istio', { mesh: JSON.stringify({ trustDomain, trustDomainAliases: aliases }) });
    const heard = (since: number): Promise<unknown> =>
      Promise.all(
        cluster().nodes.map((node) =>
          until(
            () =>
              log
                .lines()
                .some(
                  (line) =>
                    line.node === node &&
                    line['message'] === 'trust domains of this mesh' &&
                    Date.parse(String(line['time'])) >= since,
                ),
            `the ztunnel of ${node} knows the names`,
            20_000,
          ),
        ),
      );
    await underLoad(async () => {
      const since = Date.now();
      await mesh('cluster.local', 'new.example');
      await heard(since);
      await mesh('new.example', 'cluster.local');
      await untilCertificates('every workload has its new name', ({ identity }) =>
        identity.startsWith('spiffe://new.example/'),
      );
    });
    // What was opened under the old name is let go by policy when that name means nothing any more; the rest stays.
    await underLoad(async () => {
      const since = Date.now();
      await mesh('new.example');
      await heard(since);
    });
  });

  it('the CA that leads is killed: the other one goes on, and no certificate expires', async () => {
    const leader = async (): Promise<string> =>
      (await cluster().kube.get(LEASES, SYSTEM_NAMESPACE, 'weft-ca-leader'))?.spec?.holderIdentity?.split('_')[0] ?? '';
    const killed = await leader();
    await underLoad(async () => {
      await cluster().kubectlOk(['delete', 'pod', '-n', SYSTEM_NAMESPACE, killed, '--grace-period=0', '--force']);
      await until(async () => ![killed, ''].includes(await leader()), 'another one leads', 60_000);
      await until(
        async () => {
          const pods = await cluster().kube.list(PODS, { namespace: SYSTEM_NAMESPACE, labelSelector: 'app=weft-ca' });
          return pods.filter(isReady).length === 2;
        },
        'there are two again',
        30_000,
      );
    });
    const dumps = await Promise.all(cluster().nodes.map((node) => ztunnels.configDump(node)));
    expect(dumps.flatMap((dump) => dump.certificates).filter(({ state }) => state !== 'Available')).toEqual([]);
  });

  it('in an emergency the old root is distrusted at once; what breaks heals by itself', async () => {
    using pki = new OpensslPki();
    pki.authority('fresh');
    const compromised = await cluster().kube.get(CONFIG_MAPS, SYSTEM_NAMESPACE, 'istio-ca-root-cert');
    const live = await openRedis('client', 'far');
    const startMs = Date.now();
    await apply(
      'Secret',
      'cacerts',
      base64({
        'root-cert.pem': pki.pem('fresh'),
        'ca-cert.pem': pki.pem('fresh'),
        'ca-key.pem': pki.key('fresh'),
        'cert-chain.pem': pki.pem('fresh'),
        'distrusted-roots.pem': compromised?.data?.['root-cert.pem'] ?? '',
      }),
    );
    // Either end may be the first to know.
    const ended = { 'src.workload': 'client', 'dst.workload': 'far', error: /root of its chain is not trusted/ };
    await log.line(ended, startMs, 20_000);
    const fresh = new X509Certificate(pki.pem('fresh')).fingerprint256;
    await untilCertificates('every workload has a certificate of the new root', ({ roots }) => roots.join() === fresh);
    const ask = ['redis-cli', '-h', 'far', 'ping'];
    await until(
      async () => (await cluster().exec({ namespace: 'shop', pod: 'client' }, ask)).stdout === 'PONG\n',
      'connections are made again',
      20_000,
    );
    process.stdout.write(`the mesh was whole again ${Date.now() - startMs} ms after the emergency began\n`);
    await live.stop();
    await underLoad(async () => {
      for (let i = 0; i < 20; i++) await cluster().exec({ namespace: 'shop', pod: 'client' }, ask);
    });
    const published = await cluster().kube.get(CONFIG_MAPS, 'shop', 'istio-ca-crl');
    expect(published?.data?.['distrusted-roots.pem']).toContain('BEGIN CERTIFICATE');
  });
});
