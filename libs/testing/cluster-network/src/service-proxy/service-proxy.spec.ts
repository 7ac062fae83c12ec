import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENDPOINT_SLICES, EVENTS, SERVICES, type KubeClient } from '@weft/kube';
import { InMemoryKube } from '@weft/kube/testing';
import { until } from '@weft/testing-fixtures';
import { ServiceProxy, type CommandOutcome } from './service-proxy.js';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const PREFIX = `wsp${process.pid % 100_000}`;
const NODE = `${PREFIX}n`;
const PODS = ['a', 'b', 'c'] as const;
const addressOf = (pod: string): string => `10.244.9.${PODS.indexOf(pod as 'a') + 2}`;
const netnsOf = (pod: string): string => `${PREFIX}${pod}`;

/** Answers each TCP connection and each datagram with its own name and the address it sees. */
const SERVER = `
const [name] = process.argv.slice(2);
require('net').createServer((s) => { s.on('error', () => {}); s.end(name + ' ' + s.remoteAddress); }).listen(8080, '0.0.0.0', () => console.log('up'));
const u = require('dgram').createSocket('udp4');
u.on('message', (m, from) => u.send(name + ' ' + from.address, from.port, from.address));
u.bind(8080);
`;
/** Connects n times, one after another; prints what each connection said. */
const CLIENT = `
const [host, port, count, protocol] = process.argv.slice(2);
const tcp = () => new Promise((resolve) => {
  let text = '';
  const s = require('net').connect({ host, port: Number(port), timeout: 3000 });
  s.on('data', (d) => (text += d)).on('end', () => resolve(text)).on('error', (e) => resolve(e.code)).on('timeout', () => { s.destroy(); resolve('timeout'); });
});
const udp = () => new Promise((resolve) => {
  const s = require('dgram').createSocket('udp4');
  const timer = setTimeout(() => { s.close(); resolve('timeout'); }, 5000);
  s.on('message', (m) => { clearTimeout(timer); s.close(); resolve(String(m)); }).on('error', (e) => resolve(e.code));
  s.send('hi', Number(port), host);
});
(async () => { for (let i = 0; i < Number(count); i++) console.log(await (protocol === 'udp' ? udp() : tcp())); })();
`;

function run(argv: readonly string[], stdin?: string): Promise<CommandOutcome> {
  return new Promise((resolve) => {
    const child = execFile(argv[0]!, argv.slice(1), { timeout: 30_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 127, stdout, stderr }),
    );
    child.stdin?.on('error', () => undefined).end(stdin);
  });
}

/** Real rules in a real network namespace: a node with three pods on links of their own. */
describe('ServiceProxy in a network namespace', () => {
  const servers: ChildProcess[] = [];
  let folder: string;
  let kube: KubeClient;
  let proxy: ServiceProxy;
  /** Commands of the proxy that have not ended. */
  let busy = 0;

  const sh = async (script: string): Promise<void> => {
    const { code, stderr } = await run(['sh', '-ec', script]);
    if (code !== 0) throw new Error(stderr);
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weft-service-proxy-'));
    writeFileSync(join(folder, 'server.js'), SERVER);
    writeFileSync(join(folder, 'client.js'), CLIENT);
    const n = `ip -n ${NODE}`;
    await sh(`ip netns add ${NODE}; ${n} link set lo up; ip netns exec ${NODE} sysctl -qw net.ipv4.ip_forward=1
      ${n} link add up0 type bridge; ${n} addr add 172.31.9.11/24 dev up0; ${n} link set up0 up; ${n} route add default via 172.31.9.1`);
    for (const pod of PODS) {
      const p = `ip -n ${netnsOf(pod)}`;
      await sh(`ip netns add ${netnsOf(pod)}; ${p} link set lo up
        ${n} link add v${pod} type veth peer name eth0 netns ${netnsOf(pod)}
        ${n} addr add 10.244.9.1/32 dev v${pod}; ${n} link set v${pod} up; ${p} link set eth0 up
        ${p} addr add ${addressOf(pod)}/32 dev eth0; ${p} route add 10.244.9.1 dev eth0; ${p} route add default via 10.244.9.1
        ${n} route add ${addressOf(pod)}/32 dev v${pod}`);
      const server = spawn('ip', ['netns', 'exec', netnsOf(pod), process.execPath, join(folder, 'server.js'), pod]);
      servers.push(server);
      await new Promise((resolve) => server.stdout.once('data', resolve));
    }
  });
  afterAll(async () => {
    for (const server of servers) server.kill('SIGKILL');
    for (const name of [NODE, ...PODS.map(netnsOf)]) await run(['ip', 'netns', 'del', name]);
    rmSync(folder, { recursive: true });
  });

  beforeEach(async () => {
    kube = new InMemoryKube().client();
    await start();
  });
  afterEach(() => proxy.stop());

  async function start(overrides: Partial<ConstructorParameters<typeof ServiceProxy>[0]> = {}): Promise<void> {
    const inNode = (argv: readonly string[], stdin?: string) => {
      busy++;
      return run(['ip', 'netns', 'exec', NODE, ...argv], stdin).finally(() => busy--);
    };
    proxy = new ServiceProxy({ kube, node: 'n1', podCidr: '10.244.0.0/16', log: silent, run: inNode, ...overrides });
    await proxy.start();
    await proxy.settled;
  }
  async function serve(name: string, clusterIP: string, pods: readonly string[], spec: object = {}): Promise<void> {
    const ports = [
      { name: 'tcp', port: 80, protocol: 'TCP' },
      { name: 'udp', port: 80, protocol: 'UDP' },
    ];
    await kube.create(SERVICES, { metadata: { name, namespace: 'shop' }, spec: { clusterIP, ports, ...spec } });
    await kube.create(ENDPOINT_SLICES, {
      metadata: { name, namespace: 'shop', labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: ports.map((port) => ({ name: port.name, port: 8080, protocol: port.protocol })),
      endpoints: pods.map((pod) => ({ addresses: [addressOf(pod)], nodeName: 'n1', conditions: { ready: true } })),
    });
    // The Service may be in the rules before its endpoints.
    for (const text of [clusterIP, ...pods.map((pod) => `--to-destination ${addressOf(pod)}:8080`)])
      await applied(text);
  }
  const rules = async (): Promise<string> => (await run(['ip', 'netns', 'exec', NODE, 'iptables-save'])).stdout;
  const applied = (text: string): Promise<void> =>
    until(async () => (await rules()).includes(text), `rules name ${text}`);
  async function call(from: string, host: string, port: number, count = 1, protocol = 'tcp'): Promise<string[]> {
    const argv = [
      'ip',
      'netns',
      'exec',
      from,
      process.execPath,
      join(folder, 'client.js'),
      host,
      String(port),
      String(count),
      protocol,
    ];
    const { stdout, stderr } = await run(argv);
    if (stderr !== '') throw new Error(stderr);
    return stdout.trim().split('\n');
  }

  it('a pod reaches a pod of its own node by the service address, and the server sees the pod own address', async () => {
    await serve('web', '10.96.0.20', ['b']);
    expect(await call(netnsOf('a'), '10.96.0.20', 80)).toEqual([`b ${addressOf('a')}`]);
    expect(await call(netnsOf('a'), '10.96.0.20', 80, 1, 'udp')).toEqual([`b ${addressOf('a')}`]);
  });

  it('connections are spread over all endpoints', async () => {
    await serve('web', '10.96.0.20', ['b', 'c']);
    const answers = await call(netnsOf('a'), '10.96.0.20', 80, 60);
    const count = (pod: string): number => answers.filter((answer) => answer.startsWith(pod)).length;
    expect(count('b') + count('c')).toBe(60);
    expect(Math.min(count('b'), count('c'))).toBeGreaterThan(10);
  });

  it('the node itself reaches the service address', async () => {
    await serve('web', '10.96.0.20', ['b']);
    expect((await call(NODE, '10.96.0.20', 80))[0]).toMatch(/^b /);
  });

  it('a pod reaches itself through its own Service', async () => {
    await serve('web', '10.96.0.20', ['b']);
    expect(await call(netnsOf('b'), '10.96.0.20', 80)).toEqual(['b 10.244.9.1']);
  });

  it('a Service without endpoints refuses at once, from pods and from the node', async () => {
    await serve('web', '10.96.0.20', []);
    expect(await call(netnsOf('a'), '10.96.0.20', 80)).toEqual(['ECONNREFUSED']);
    expect(await call(NODE, '10.96.0.20', 80)).toEqual(['ECONNREFUSED']);
  });

  it('a node port leads to the endpoints', async () => {
    await serve('web', '10.96.0.20', ['b'], {
      type: 'NodePort',
      ports: [{ name: 'tcp', port: 80, protocol: 'TCP', nodePort: 30080 }],
    });
    await applied('--dport 30080');
    expect((await call(netnsOf('a'), '172.31.9.11', 30080))[0]).toMatch(/^b /);
  });

  it('session affinity keeps a client on one endpoint', async () => {
    await serve('web', '10.96.0.20', ['b', 'c'], { sessionAffinity: 'ClientIP' });
    expect(new Set(await call(netnsOf('a'), '10.96.0.20', 80, 15)).size).toBe(1);
  });

  it('a kernel without the match for session affinity costs the affinity, not the Service', async () => {
    await proxy.stop();
    const inNode = (argv: readonly string[], stdin?: string): Promise<CommandOutcome> =>
      stdin?.includes('-m recent')
        ? Promise.resolve({ code: 2, stdout: '', stderr: "Couldn't load match `recent'" })
        : run(['ip', 'netns', 'exec', NODE, ...argv], stdin);
    await start({ run: inNode });
    await serve('web', '10.96.0.20', ['b'], { sessionAffinity: 'ClientIP' });
    expect(await call(netnsOf('a'), '10.96.0.20', 80)).toEqual([`b ${addressOf('a')}`]);
  });

  it('changing endpoints breaks no connection attempt', async () => {
    await serve('web', '10.96.0.20', ['b']);
    let changing = true;
    const changes = (async (): Promise<void> => {
      for (let i = 0; i < 6; i++) {
        const before = proxy.writes;
        const pods = i % 2 === 0 ? ['b', 'c'] : ['b'];
        const endpoints = pods.map((pod) => ({ addresses: [addressOf(pod)], conditions: { ready: true } }));
        await kube.patch(ENDPOINT_SLICES, 'shop', 'web', { endpoints }, { kind: 'merge' });
        await until(() => proxy.writes > before, 'the rules are written');
      }
    })().finally(() => (changing = false));
    const answers: string[] = [];
    while (changing) answers.push(...(await call(netnsOf('a'), '10.96.0.20', 80, 50)));
    await changes;
    expect(answers.length).toBeGreaterThanOrEqual(50);
    expect(answers.filter((answer) => !/^[bc] /.test(answer))).toEqual([]);
  });

  it('writes nothing when nothing of interest changed, and takes over the rules of an earlier process', async () => {
    await serve('web', '10.96.0.20', ['b']);
    await until(() => busy === 0, 'the rules are written, which others see a little before');
    const before = proxy.writes;
    await kube.patch(SERVICES, 'shop', 'web', { metadata: { labels: { a: 'b' } } }, { kind: 'merge' });
    await kube.create(SERVICES, { metadata: { name: 'headless', namespace: 'shop' }, spec: { clusterIP: 'None' } });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(proxy.writes).toBe(before);
    await proxy.stop();
    await kube.delete(ENDPOINT_SLICES, 'shop', 'web');
    await start();
    await until(async () => !(await rules()).includes('WEFT-SEP-'), 'old chains are gone');
    expect((await rules()).match(/^-A PREROUTING /gm)).toHaveLength(1);
    expect(await call(netnsOf('a'), '10.96.0.20', 80)).toEqual(['ECONNREFUSED']);
  });

  it('the rules of an IPv6 Service are taken by the kernel too', async () => {
    await proxy.stop();
    await start({ family: 6, podCidr: 'fd00:10:244::/56' });
    const ports = [{ name: 'tcp', port: 80, protocol: 'TCP', nodePort: 30080 }];
    const spec = { type: 'NodePort', clusterIPs: ['fd00:10:96::14'], ports, sessionAffinity: 'ClientIP' };
    await kube.create(SERVICES, { metadata: { name: 'six', namespace: 'shop' }, spec });
    await kube.create(ENDPOINT_SLICES, {
      metadata: { name: 'six', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'six' } },
      addressType: 'IPv6',
      ports: [{ name: 'tcp', port: 8080, protocol: 'TCP' }],
      endpoints: [{ addresses: ['fd00:10:244::2'] }],
    });
    await until(
      async () =>
        (await run(['ip', 'netns', 'exec', NODE, 'ip6tables-save'])).stdout.includes(
          '--to-destination [fd00:10:244::2]:8080',
        ),
      'the translation is in place',
    );
  });

  it('of two Services with one address the first keeps it, and an event names both', async () => {
    await serve('first', '10.96.0.20', ['b']);
    await kube.create(SERVICES, {
      metadata: { name: 'second', namespace: 'shop' },
      spec: { clusterIP: '10.96.0.20', ports: [{ name: 'tcp', port: 80, protocol: 'TCP' }] },
    });
    await until(async () => (await kube.list(EVENTS)).length > 0, 'the event');
    expect(await kube.list(EVENTS)).toMatchObject([
      {
        type: 'Warning',
        reason: 'AddressConflict',
        involvedObject: { name: 'second' },
        message: expect.stringMatching(/shop\/first.*shop\/second/) as string,
      },
    ]);
    expect(await call(netnsOf('a'), '10.96.0.20', 80)).toEqual([`b ${addressOf('a')}`]);
  });
});
