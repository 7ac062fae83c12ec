import { PODS } from '@weft/kube';
import { AccessLog } from './cluster/access-log.js';
import type { PacketWatch } from './cluster/packet-watch.js';
import { useCluster } from './cluster/use-cluster.js';
import { namespace, pod, service } from './workloads/objects.js';
import { HTTP_PORT, nginx, redis, REDIS_PORT, shell } from './workloads/programs.js';

interface Cell {
  readonly client: 'plain' | 'enrolled';
  readonly server: 'plain' | 'enrolled';
  readonly place: 'near' | 'far';
  readonly protocol: 'HTTP' | 'TCP';
  readonly address: 'service VIP' | 'headless service' | 'pod IP';
}

const CELLS: readonly Cell[] = (['plain', 'enrolled'] as const).flatMap((client) =>
  (['plain', 'enrolled'] as const).flatMap((server) =>
    (['near', 'far'] as const).flatMap((place) =>
      (['HTTP', 'TCP'] as const).flatMap((protocol) =>
        (['service VIP', 'headless service', 'pod IP'] as const).map((address) => ({
          client,
          server,
          place,
          protocol,
          address,
        })),
      ),
    ),
  ),
);
const NODE = { near: 'node-1', far: 'node-2' };
/** Service ports differ from target ports, so that a mix-up shows. */
const SERVICE_PORT = { HTTP: 80, TCP: 7000 };
const TARGET_PORT = { HTTP: HTTP_PORT, TCP: REDIS_PORT };

describe('who talks to whom, and how', () => {
  const cluster = useCluster({ name: 'matrix' });
  let packets: PacketWatch;
  let log: AccessLog;
  const addresses = new Map<string, string>();
  const addressOf = (ns: string, name: string): string => addresses.get(`${ns}/${name}`) ?? '';

  beforeAll(async () => {
    const objects = (['plain', 'enrolled'] as const).flatMap((ns) => [
      namespace(ns, ns === 'enrolled'),
      ...pod({ namespace: ns, name: 'client', node: NODE.near, containers: [shell()] }),
      ...(['near', 'far'] as const).flatMap((place) => {
        const where = { namespace: ns, selector: { app: place } };
        return [
          ...pod({ namespace: ns, name: place, node: NODE[place], containers: [nginx(), redis()] }),
          service({ ...where, name: place, ports: { 80: HTTP_PORT, 7000: REDIS_PORT } }),
          service({
            ...where,
            name: `${place}-headless`,
            ports: { [HTTP_PORT]: HTTP_PORT, [REDIS_PORT]: REDIS_PORT },
            headless: true,
          }),
        ];
      }),
    ]);
    await cluster().apply(objects);
    for (const ns of ['plain', 'enrolled']) await cluster().ready(ns, ['client', 'near', 'far']);
    for (const { metadata, status } of await cluster().kube.list(PODS))
      addresses.set(`${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`, status?.podIP ?? '');
    packets = await cluster().watchPackets();
    log = await AccessLog.start(cluster());
  }, 120_000);

  /** Host and port of a cell's destination. */
  const destination = ({ server, place, protocol, address }: Cell): readonly [string, number] => {
    if (address === 'pod IP') return [addressOf(server, place), TARGET_PORT[protocol]];
    if (address === 'headless service') return [`${place}-headless.${server}`, TARGET_PORT[protocol]];
    return [`${place}.${server}`, SERVICE_PORT[protocol]];
  };

  it.each(CELLS.map((cell) => [Object.values(cell).join(', '), cell] as const))('%s', async (_, cell) => {
    const { client, server, place, protocol } = cell;
    const [host, port] = destination(cell);
    const from = addressOf(client, 'client');
    const to = addressOf(server, place);
    const startMs = Date.now();
    const argv =
      protocol === 'HTTP'
        ? ['curl', '-sS', '--max-time', '5', `http://${host}:${port}/`]
        : ['redis-cli', '-h', host, '-p', String(port), 'client', 'info'];
    const { stdout, stderr } = await cluster().exec({ namespace: client, pod: 'client' }, argv);

    // Reached, and the server sees the address of the client, encrypted or not.
    expect(stdout + stderr).toMatch(protocol === 'HTTP' ? `${place} saw ${from}\n` : `addr=${from}:`);

    const mutual = client === 'enrolled' && server === 'enrolled';
    expect(await packets.portsBetween(from, to, startMs)).toEqual([mutual ? 15008 : TARGET_PORT[protocol]]);

    if (server === 'enrolled') {
      const line = await log.line(
        {
          message: 'connection complete',
          direction: 'inbound',
          'src.addr': new RegExp(`^${from}:`),
          'dst.workload': place,
        },
        startMs,
      );
      expect(line['src.identity']).toBe(mutual ? 'spiffe://cluster.local/ns/enrolled/sa/client' : undefined);
      expect(line).toMatchObject({
        'dst.namespace': 'enrolled',
        ...(mutual ? { 'dst.identity': `spiffe://cluster.local/ns/enrolled/sa/${place}` } : {}),
      });
      expect(line['error']).toBeUndefined();
    }
    if (client === 'enrolled') {
      const line = await log.line(
        {
          message: 'connection complete',
          direction: 'outbound',
          'src.workload': 'client',
          'dst.addr': new RegExp(`^${to}:`),
        },
        startMs,
      );
      expect(line['error']).toBeUndefined();
    }
  });
});
