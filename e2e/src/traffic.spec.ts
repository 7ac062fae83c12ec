import { until } from '@weft/testing-fixtures';
import type { PacketWatch } from './cluster/packet-watch.js';
import { podAddresses } from './cluster/pod-addresses.js';
import { walkTlsRecords } from './cluster/tls-records.js';
import { useCluster } from './cluster/use-cluster.js';
import { Ztunnels } from './cluster/ztunnels.js';
import { namespace, pod, service } from './workloads/objects.js';
import { HTTP_PORT, nginx, postgres, POSTGRES_PORT, POSTGRES_UID, shell } from './workloads/programs.js';

const CLIENT = { namespace: 'shop', pod: 'client' };
const PSQL = { PGCONNECT_TIMEOUT: '5' };

describe('traffic of enrolled pods', () => {
  const cluster = useCluster({ name: 'traffic' });
  let packets: PacketWatch;
  let address: Readonly<Record<string, string>>;
  const run = async (script: string, timeoutMs = 30_000): Promise<string> => {
    const env = Object.entries(PSQL).map(([key, value]) => `${key}=${value}`);
    const { code, stdout, stderr } = await cluster().exec(CLIENT, ['env', ...env, 'sh', '-c', script], { timeoutMs });
    if (code !== 0) throw new Error(`${script}: ${code} ${stdout} ${stderr}`);
    return stdout;
  };

  beforeAll(async () => {
    await cluster().apply([
      namespace('shop', true),
      ...pod({ namespace: 'shop', name: 'client', node: 'node-1', containers: [shell()] }),
      ...pod({ namespace: 'shop', name: 'db', node: 'node-2', runAsUser: POSTGRES_UID, containers: [postgres()] }),
      service({ namespace: 'shop', name: 'db', selector: { app: 'db' }, ports: { 5432: POSTGRES_PORT } }),
      ...(['web-1', 'web-2', 'web-3'] as const).flatMap((name, i) =>
        pod({
          namespace: 'shop',
          name,
          node: i === 0 ? 'node-1' : 'node-2',
          labels: { group: 'web' },
          containers: [nginx()],
        }),
      ),
      service({ namespace: 'shop', name: 'web', selector: { group: 'web' }, ports: { 80: HTTP_PORT } }),
    ]);
    await cluster().ready('shop', ['client', 'db', 'web-1', 'web-2', 'web-3']);
    address = await podAddresses(cluster(), 'shop');
    packets = await cluster().watchPackets();
  }, 120_000);

  it('one ztunnel runs on each node', async () => {
    expect([...(await new Ztunnels(cluster()).pods()).keys()].sort()).toEqual(cluster().nodes);
  });

  it('the link between nodes carries TLS on port 15008 and nothing else while pgbench runs', async () => {
    await run('pgbench -q -i -s 1 -h db.shop -U postgres postgres', 60_000);
    const capture = await cluster().captureLink('node-2');
    const report = await run('pgbench -n -c 4 -j 1 -T 3 -h db.shop -U postgres postgres', 60_000);
    const segments = await capture.stop();

    expect(report).toMatch(/number of failed transactions: 0 /);
    const transactions = Number(/number of transactions actually processed: (\d+)/.exec(report)?.[1]);
    expect(transactions).toBeGreaterThan(50);
    const pair = [address['client'], address['db']];
    const between = segments.filter(({ source, destination }) => pair.includes(source) && pair.includes(destination));
    const ports = between.map(({ source, sourcePort, destinationPort, protocol }) =>
      protocol !== 6 ? `protocol ${protocol}` : source === address['client'] ? destinationPort : sourcePort,
    );
    expect([...new Set(ports)]).toEqual([15008]);

    const directions = Map.groupBy(
      between.filter(({ payload }) => payload.length > 0),
      ({ connection, source }) => `${connection} ${source}`,
    );
    const verdicts = [...directions.values()].map(walkTlsRecords);
    expect(verdicts.filter(({ tls }) => !tls)).toEqual([]);
    const records = verdicts.reduce((sum, verdict) => sum + (verdict.tls ? verdict.applicationData : 0), 0);
    expect(records).toBeGreaterThan(transactions);
  });

  it('a pod of the mesh reads the metrics of ztunnel over mutual TLS', async () => {
    const ip = (await new Ztunnels(cluster()).pods()).get('node-2')?.address ?? '';
    expect(await run(`curl -s --max-time 10 http://${ip}:15020/metrics`)).toContain('istio_build');
    await until(async () => {
      const text = await run(`curl -s --max-time 10 http://${ip}:15020/metrics`);
      return /opened_total\{reporter="destination".*destination_workload_namespace="istio-system".*mutual_tls/.test(
        text,
      );
    }, 'the connection itself is counted as mutual TLS');
  });

  it('PostgreSQL sees the address of the client pod', async () => {
    expect(await run("psql -At -h db.shop -U postgres -c 'select inet_client_addr()'")).toBe(`${address['client']}\n`);
    const log = await cluster().logs({ namespace: 'shop', pod: 'db' });
    const hosts = [...log.matchAll(/connection received: host=(\S+)/g)].map(([, host]) => host);
    // The readiness probe of the node comes from the probe address; everything else is the client.
    expect(new Set(hosts.filter((host) => host !== '169.254.7.127'))).toEqual(new Set([address['client']]));
  });

  it('the certificate on port 15008 is that of the service account of the pod', async () => {
    const script = `openssl s_client -alpn h2 -connect ${address['db'] ?? ''}:15008 </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName`;
    const { stdout } = await cluster().onNode('node-1', ['sh', '-c', script]);
    expect(stdout).toContain('URI:spiffe://cluster.local/ns/shop/sa/db');
    expect(stdout).toMatch(/critical/);
  });

  it('both ends count connections and bytes, with workloads and identities', async () => {
    const ztunnels = new Ztunnels(cluster());
    await run("psql -At -h db.shop -U postgres -c 'select repeat(md5(i::text), 100) from generate_series(1, 100) i'");
    const total = async (node: string, reporter: string, name: string): Promise<number> =>
      (await ztunnels.metrics(node))
        .filter((sample) => sample.name === name && sample.labels['reporter'] === reporter)
        .filter(({ labels }) => labels['source_workload'] === 'client' && labels['destination_workload'] === 'db')
        .map(({ labels, value }) => {
          expect(labels).toMatchObject({
            source_workload_namespace: 'shop',
            source_principal: 'spiffe://cluster.local/ns/shop/sa/client',
            destination_principal: 'spiffe://cluster.local/ns/shop/sa/db',
            destination_service: 'db.shop.svc.cluster.local',
            connection_security_policy: 'mutual_tls',
          });
          return value;
        })
        .reduce((sum, value) => sum + value, 0);
    const opened = (node: string, reporter: string): Promise<number> =>
      total(node, reporter, 'istio_tcp_connections_opened_total');
    await until(
      async () =>
        (await opened('node-1', 'source')) === (await total('node-1', 'source', 'istio_tcp_connections_closed_total')),
      'all connections are closed',
    );
    await until(
      async () => (await opened('node-2', 'destination')) === (await opened('node-1', 'source')),
      'both ends have counted the same connections',
    );
    expect(await opened('node-1', 'source')).toBeGreaterThanOrEqual(6);
    for (const [node, reporter] of [
      ['node-1', 'source'],
      ['node-2', 'destination'],
    ] as const) {
      // `sent` is what the server sent: at least the 320 kB of the last query.
      expect(await total(node, reporter, 'istio_tcp_sent_bytes_total')).toBeGreaterThan(320_000);
      expect(await total(node, reporter, 'istio_tcp_received_bytes_total')).toBeGreaterThan(1000);
    }
  });

  it('connections to a Service address are spread over its endpoints', async () => {
    const answers = await run('for i in $(seq 60); do curl -sS --max-time 5 http://web.shop/; done');
    const counts = [...Map.groupBy(answers.trim().split('\n'), (line) => line.split(' ')[0]!).entries()];
    expect(counts.map(([name]) => name).sort()).toEqual(['web-1', 'web-2', 'web-3']);
    for (const [, lines] of counts) expect(lines.length).toBeGreaterThan(5);
  });

  it('trafficDistribution keeps connections in the zone of the client', async () => {
    const near = service({ namespace: 'shop', name: 'near', selector: { group: 'web' }, ports: { 80: HTTP_PORT } });
    const spec = { ...(near as { spec: object }).spec, trafficDistribution: 'PreferClose' };
    await cluster().apply([{ ...near, spec } as typeof near]);
    await until(
      async () => (await run('curl -sS --max-time 5 http://near.shop/ || true')).startsWith('web-'),
      'the service is known',
    );
    const answers = await run('for i in $(seq 20); do curl -sS --max-time 5 http://near.shop/; done');
    expect(
      new Set(
        answers
          .trim()
          .split('\n')
          .map((line) => line.split(' ')[0]),
      ),
    ).toEqual(new Set(['web-1']));
  });

  it('a new pod is captured before its first packet', async () => {
    const startMs = Date.now();
    const first = `until curl -sS --max-time 5 http://${address['web-3'] ?? ''}:${HTTP_PORT}/; do :; done; exec sleep 3600`;
    const container = { ...shell(), command: ['sh', '-c', first] };
    await cluster().apply(pod({ namespace: 'shop', name: 'eager', node: 'node-1', containers: [container] }));
    await cluster().ready('shop', ['eager']);
    await until(
      async () => (await cluster().logs({ namespace: 'shop', pod: 'eager' })).includes('web-3 saw'),
      'the first request is answered',
      20_000,
    );
    const own = (await podAddresses(cluster(), 'shop'))['eager'] ?? '';
    expect(await packets.portsBetween(own, address['web-3'] ?? '', startMs)).toEqual([15008]);
  });

  it('a crash of the node agent breaks no running pod, and new pods of the mesh wait for it', async () => {
    const download = cluster().kubectlStart([
      ...[
        'exec',
        '-n',
        'shop',
        'client',
        '--',
        'curl',
        '-sS',
        '--max-time',
        '60',
        '-o',
        '/dev/null',
        '-w',
        'got %{size_download}',
        '-r',
        '0-20000000',
      ],
      'http://web.shop/big',
    ]);
    await cluster().kill('weft-cni-node');
    expect(await run('curl -sS --max-time 5 http://web.shop/')).toMatch(/^web-/);
    await cluster().apply(pod({ namespace: 'shop', name: 'late', node: 'node-2', containers: [nginx()] }));
    await cluster().ready('shop', ['late']);
    await download.says(/got 20000001/, 30_000);
    const startMs = Date.now();
    const late = (await podAddresses(cluster(), 'shop'))['late'] ?? '';
    expect(await run(`curl -sS --max-time 5 http://${late}:${HTTP_PORT}/`)).toContain(
      `late saw ${address['client'] ?? ''}`,
    );
    expect(await packets.portsBetween(address['client'] ?? '', late, startMs)).toEqual([15008]);
  });
});
