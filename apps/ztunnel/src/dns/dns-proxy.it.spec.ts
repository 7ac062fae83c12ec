import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as dnsPacket from 'dns-packet';
import { parseSocketAddress } from '@weft/ip';
import { inNetns, PodRedirection, runCommand, UdpSocket } from '@weft/linux';
import { systemClock } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { Registry } from 'prom-client';
import { MeshState } from '../state/mesh-state.js';
import { LogScopes } from '../telemetry/log-scopes.js';
import { bytes, memberOf, service, workload } from '../testing/mesh-fixtures.js';
import { PodNamespace } from '../testing/pod-namespace.js';
import { createDnsProxy } from './create-dns-proxy.js';
import type { DnsProxy } from './dns-proxy.js';
import { frame, MessageFraming } from './message-framing.js';

const UPSTREAM = ['10.213.0.3', 'fd00:213::3'] as const;
/** Addresses where nobody is: that they answer shows the capture. */
const SERVERS = { 4: '10.213.0.99:53', 6: '[fd00:213::99]:53' } as const;

let pods: readonly [PodNamespace, PodNamespace];
let proxy: DnsProxy;
let resolvConf: string;
const registry = new Registry();
const state = new MeshState();
const client = workload('client', '10.213.0.2');
/** What the upstream was asked, and over what. */
const asked: string[] = [];
const disposers: (() => unknown)[] = [];
/** Moves the clock on: files are looked at once a second. */
let skewMs = 0;

function upstreamAnswer(message: Buffer, transport: string): Buffer {
  const query = dnsPacket.decode(message);
  const { name, type } = query.questions![0]!;
  asked.push(`${transport} ${name} ${type}`);
  const large = name === 'large.example.org';
  const known = name.endsWith('example.org');
  const answers: dnsPacket.Answer[] = !known
    ? []
    : type === 'TXT'
      ? [{ type, name, ttl: 77, data: ['hello'] }]
      : type === 'A'
        ? Array.from({ length: large && transport === 'tcp' ? 200 : 1 }, (_, i) => ({
            type: 'A',
            name,
            ttl: 77,
            data: `192.0.2.${i}`,
          }))
        : [];
  const truncated = large && transport === 'udp' ? dnsPacket.TRUNCATED_RESPONSE : 0;
  return dnsPacket.encode({
    type: 'response',
    id: query.id!,
    flags: dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE | truncated | (known ? 0 : 3),
    questions: query.questions!,
    answers: truncated === 0 ? answers : [],
  });
}

async function serveUpstream(pod: PodNamespace): Promise<void> {
  for (const host of UPSTREAM) {
    const bind = parseSocketAddress(host.includes(':') ? `[${host}]:53` : `${host}:53`)!;
    const udp: UdpSocket = inNetns(pod.fd, () =>
      UdpSocket.open(
        bind.ip.family,
        { bind },
        { message: (message, from) => void udp.send(upstreamAnswer(message, 'udp'), from), failed: () => undefined },
      ),
    );
    disposers.push(() => udp.close());
    const server: Server = await pod.serve(
      53,
      (socket: Socket) => {
        const framing = new MessageFraming();
        socket.on('error', () => undefined);
        socket.on('data', (data: Buffer) => {
          for (const message of framing.push(data)) socket.write(frame(upstreamAnswer(message, 'tcp')));
        });
      },
      host,
    );
    disposers.push(() => server.close());
  }
}

beforeAll(async () => {
  pods = PodNamespace.pair(`wdns${process.pid}`);
  disposers.push(() => pods.forEach((pod) => pod.remove()));
  const redirection = new PodRedirection(runCommand, 'iptables');
  await redirection.install(pods[0].fd, {
    families: [4, 6],
    dnsCapture: true,
    bypassInbound: false,
    virtualInterfaces: [],
  });
  await serveUpstream(pods[1]);
  const directory = mkdtempSync(join(tmpdir(), 'weft-dns-'));
  disposers.push(() => rmSync(directory, { recursive: true }));
  resolvConf = join(directory, 'resolv.conf');
  writeFileSync(resolvConf, `nameserver ${UPSTREAM[0]}\n`);
  state.upsertService(
    service('web', null, { addresses: [{ address: bytes('10.96.0.1') }, { address: bytes('fd00:96::1') }] }),
  );
  state.upsertService(
    service('api', null, {
      hostname: 'api.example.com',
      canonical: false,
      addresses: [{ address: bytes('240.240.0.1') }],
    }),
  );
  proxy = createDnsProxy(
    { clusterDomain: 'cluster.local', preferredServiceNamespace: null, packetMark: 0x539, ipv6: true },
    {
      state,
      clock: { now: () => systemClock.now() + skewMs, after: (ms, run) => systemClock.after(ms, run) },
      registry,
      log: new LogScopes({
        format: 'json',
        filter: { level: 'info', scopes: new Map() },
        write: () => undefined,
      }).scope('dns'),
      workloadOf: (uid) => (uid === 'client' ? client : null),
      onStarted: () => undefined,
      resolvConf,
    },
  );
  await proxy.start();
  disposers.push(() => proxy.stop());
  proxy.addPod('client', pods[0].fd);
});

afterAll(async () => {
  for (const dispose of disposers.splice(0).reverse()) await Promise.resolve(dispose());
});

type Transport = 'udp' | 'tcp';

async function askUdp(to: string, message: Buffer): Promise<Buffer> {
  const connect = parseSocketAddress(to)!;
  const answers: Buffer[] = [];
  const socket = inNetns(pods[0].fd, () =>
    UdpSocket.open(connect.ip.family, { connect }, { message: (it) => answers.push(it), failed: () => undefined }),
  );
  socket.send(message);
  await until(() => answers.length > 0, 'an answer over UDP').finally(() => socket.close());
  return answers[0]!;
}

async function askTcp(to: string, message: Buffer): Promise<Buffer> {
  const socket = pods[0].connect(to);
  const framing = new MessageFraming();
  try {
    socket.write(frame(message));
    for (;;) {
      const [data] = (await once(socket, 'data')) as [Buffer];
      const [answer] = framing.push(data);
      if (answer !== undefined) return answer;
    }
  } finally {
    socket.destroy();
  }
}

async function ask(family: 4 | 6, transport: Transport, name: string, type: dnsPacket.RecordType = 'A', id = 4711) {
  const message = dnsPacket.encode({
    type: 'query',
    id,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ type, name, class: 'IN' }],
  });
  const answer = await (transport === 'udp' ? askUdp : askTcp)(SERVERS[family], message);
  return { answer: dnsPacket.decode(answer), bytes: answer, direct: upstreamAnswer(message, transport) };
}

async function requestsOverTcp(): Promise<number> {
  const metric = await registry.getSingleMetric('istio_dns_requests_total')!.get();
  const tcp = metric.values.filter(({ labels }) => labels['request_protocol'] === 'tcp');
  return tcp.reduce((sum, { value }) => sum + value, 0);
}

const data = (packet: dnsPacket.DecodedPacket) => packet.answers?.map((it) => ('data' in it ? it.data : null));

describe.each([4, 6] as const)('a captured pod asks a nameserver over IPv%i', (family) => {
  beforeEach(() => (asked.length = 0));

  it.each(['udp', 'tcp'] as const)('%s: names of the mesh are answered here', async (transport) => {
    const { answer } = await ask(family, transport, 'web.shop');
    expect([answer.id, answer.flag_aa, data(answer)]).toEqual([4711, true, ['10.96.0.1']]);
    expect(data((await ask(family, transport, 'web', 'AAAA')).answer)).toEqual(['fd00:96::1']);
    expect(data((await ask(family, transport, 'api.example.com')).answer)).toEqual(['240.240.0.1']);
    expect(data((await ask(family, transport, 'api.example.com', 'AAAA')).answer)).toEqual([]);
    // Once for each, by this test itself.
    expect(asked).toHaveLength(4);
  });

  it.each(['udp', 'tcp'] as const)('%s: everything else byte for byte as the nameserver says', async (transport) => {
    for (const [name, type] of [
      ['www.example.org', 'A'],
      ['www.example.org', 'TXT'],
      ['web.shop.svc.cluster.local', 'SRV'],
      ['nobody.test', 'A'],
    ] as const) {
      asked.length = 0;
      const { bytes: got, direct } = await ask(family, transport, name, type);
      expect(got.toString('hex')).toBe(direct.toString('hex'));
      expect(asked).toEqual([`${transport} ${name} ${type}`, `${transport} ${name} ${type}`]);
    }
  });

  it('what is too large for UDP comes over TCP', async () => {
    expect((await ask(family, 'udp', 'large.example.org')).answer.flag_tc).toBe(true);
    expect((await ask(family, 'tcp', 'large.example.org')).answer.answers).toHaveLength(200);
  });
});

describe('a captured pod', () => {
  it("a resolver of its own that knows nothing of the mesh: node's", async () => {
    const script = `
      const { Resolver } = require('node:dns/promises');
      const resolver = new Resolver({ timeout: 2000, tries: 2 });
      resolver.setServers(['10.213.0.99']);
      const code = (p) => p.catch((e) => e.code);
      Promise.all([
        code(resolver.resolve4('web.shop.svc.cluster.local')), code(resolver.resolve6('web.shop.svc.cluster.local')),
        code(resolver.resolve4('api.example.com')), code(resolver.resolve6('api.example.com')),
        code(resolver.resolve4('www.example.org')), code(resolver.resolve4('nobody.test')),
        resolver.resolve4('large.example.org').then((all) => all.length),
      ]).then((all) => console.log(JSON.stringify(all)));`;
    const { stdout } = await promisify(execFile)('ip', ['netns', 'exec', pods[0].name, process.execPath, '-e', script]);
    expect(JSON.parse(stdout)).toEqual([
      ['10.96.0.1'],
      ['fd00:96::1'],
      ['240.240.0.1'],
      'ENODATA',
      ['192.0.2.0'],
      'ENOTFOUND',
      200,
    ]);
  });

  it('many queries on one TCP connection, each with its answer', async () => {
    const socket = pods[0].connect(SERVERS[4]);
    const framing = new MessageFraming();
    const answers: dnsPacket.DecodedPacket[] = [];
    socket.on('data', (it: Buffer) => answers.push(...framing.push(it).map((one) => dnsPacket.decode(one))));
    const names = ['web.shop', 'a.example.org', 'b.example.org', 'api.example.com'];
    const queries = names.map((name, id) =>
      frame(dnsPacket.encode({ type: 'query', id, questions: [{ type: 'A', name, class: 'IN' }] })),
    );
    socket.end(Buffer.concat(queries));
    await once(socket, 'close');
    expect(answers.map(({ id, questions }) => `${id} ${questions![0]!.name}`).sort()).toEqual(
      names.map((name, id) => `${id} ${name}`),
    );
  });

  it('a client that asks for more than it reads is cut off', async () => {
    state.upsertService(service('big', null));
    for (let i = 0; i < 3000; i++)
      state.upsertWorkload(workload(`big-${i}`, `10.1.${i >> 8}.${i & 255}`, { services: memberOf('big') }));
    const socket = pods[0].connect(SERVERS[4]);
    socket.on('error', () => undefined);
    socket.on('end', () => socket.destroy());
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const query = frame(dnsPacket.encode({ type: 'query', id: 1, questions: [{ type: 'A', name: 'big.shop' }] }));
    const count = 1000;
    const before = await requestsOverTcp();
    socket.write(Buffer.concat(new Array<Buffer>(count).fill(query)));
    await until(async () => (await requestsOverTcp()) > before, 'the queries arrive');
    let received = 0;
    socket.on('data', (it: Buffer) => (received += it.length));
    await closed;
    expect(received).toBeLessThan((count * 3000 * 16) / 2);
    expect((await requestsOverTcp()) - before).toBeLessThan(count / 2);
  });

  it('two hundred queries at once', async () => {
    const all = await Promise.all(Array.from({ length: 200 }, (_, i) => ask(4, 'udp', `n${i}.example.org`, 'A', i)));
    expect(all.every(({ bytes: got, direct }) => got.equals(direct))).toBe(true);
  });

  it('a resolv.conf that changes is read again: the next nameserver is reached over IPv6', async () => {
    writeFileSync(resolvConf, `# moved\nnameserver 10.213.0.3%bad\nnameserver ${UPSTREAM[1]}\noptions ndots:5\n`);
    skewMs += 1000;
    const { bytes: got, direct } = await ask(4, 'udp', 'www.example.org');
    expect(got.equals(direct)).toBe(true);
  });

  it('nobody at the nameserver: the refusal is SERVFAIL at once; the second one is asked when there is one', async () => {
    writeFileSync(resolvConf, 'nameserver 127.0.0.7\n');
    skewMs += 1000;
    expect((await ask(4, 'udp', 'www.example.org')).bytes[3]! & 15).toBe(2);
    expect((await ask(4, 'tcp', 'www.example.org')).bytes[3]! & 15).toBe(2);
    writeFileSync(resolvConf, `nameserver 127.0.0.7\nnameserver ${UPSTREAM[0]}\n`);
    skewMs += 1000;
    expect(data((await ask(4, 'udp', 'www.example.org')).answer)).toEqual(['192.0.2.0']);
    expect(data((await ask(4, 'tcp', 'www.example.org')).answer)).toEqual(['192.0.2.0']);
  });

  it('metrics tell who asked what, and what became of it', async () => {
    const text = await registry.metrics();
    const labels = 'request_query_type="A",request_protocol="tcp",source_canonical_service="client"';
    expect(text).toMatch(new RegExp(`istio_dns_requests_total\\{${labels},.*\\} \\d+`));
    expect(text).toMatch(new RegExp(`istio_dns_upstream_requests_total\\{${labels},.*\\} \\d+`));
    expect(text).toMatch(new RegExp(`istio_dns_upstream_failures_total\\{${labels},.*\\} 1\\n`));
    expect(text).toMatch(/istio_dns_upstream_request_duration_seconds_bucket\{le="0.0005",/);
  });

  it('without a workload: SERVFAIL; without the proxy: nothing; enrolled again: as before', async () => {
    proxy.removePod('client');
    proxy.addPod('stranger', pods[0].fd);
    expect((await ask(4, 'udp', 'web.shop')).bytes[3]! & 15).toBe(2);
    proxy.removePod('stranger');
    await expect(ask(4, 'tcp', 'web.shop')).rejects.toThrow(/ECONNREFUSED/);
    proxy.addPod('client', pods[0].fd);
    expect(data((await ask(4, 'udp', 'web.shop')).answer)).toEqual(['10.96.0.1']);
  });

  it('a pod without IPv6 is served over IPv4', async () => {
    pods[0].run('sysctl', ['-q', '-w', 'net.ipv6.conf.lo.disable_ipv6=1']);
    proxy.removePod('client');
    proxy.addPod('client', pods[0].fd);
    expect(data((await ask(4, 'tcp', 'web.shop')).answer)).toEqual(['10.96.0.1']);
  });
});
