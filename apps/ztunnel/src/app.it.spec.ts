import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import * as dnsPacket from 'dns-packet';
import { parseSocketAddress } from '@weft/ip';
import { closeDescriptor, duplicateDescriptor, inNetns, SeqPacketServer, UdpSocket } from '@weft/linux';
import { startAll } from '@weft/runtime';
import { FakeClock, until } from '@weft/testing-fixtures';
import { ADDRESS_TYPE_URL as ADDRESS, AUTHORIZATION_TYPE_URL as POLICY } from '@weft/xds';
import { FakeAdsServer, type FakeResource } from '@weft/testing-xds-server';
import { Authorization, Action, Scope } from '@weft/xds/gen/mesh/security/authorization.js';
import { Address, TunnelProtocol } from '@weft/xds/gen/mesh/workload/workload.js';
import { createZtunnel, type Ztunnel } from './app.js';
import { parseConfig } from './config.js';
import { LogScopes } from './telemetry/log-scopes.js';
import { FakeAgent, zdsRequest } from './testing/fake-agent.js';
import { FakeCa } from './testing/fake-ca.js';
import { FakeDataPlane } from './testing/fake-data-plane.js';
import { memberOf, serviceMessage, workloadMessage, type WorkloadFields } from './testing/mesh-fixtures.js';
import { PodNamespace } from './testing/pod-namespace.js';

const HOUR = 3_600_000;
const disposers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const dispose of disposers.splice(0).reverse()) await dispose();
});

const pod = (name: string, address: string, fields: WorkloadFields = {}, version = '1'): FakeResource => ({
  name: `Kubernetes//Pod/shop/${name}`,
  version,
  body: Address.encode({
    $type: 'istio.workload.Address',
    type: { $case: 'workload', value: workloadMessage(name, address, fields) },
  }).finish(),
});
const serviceB: FakeResource = {
  name: 'shop/b.shop.svc.cluster.local',
  version: '1',
  body: Address.encode({
    $type: 'istio.workload.Address',
    type: { $case: 'service', value: serviceMessage('b', '10.96.0.1') },
  }).finish(),
};
const denyAll: FakeResource = {
  name: 'shop/deny-all',
  version: '1',
  body: Authorization.encode(
    Authorization.fromPartial({
      name: 'deny-all',
      namespace: 'shop',
      scope: Scope.NAMESPACE,
      action: Action.DENY,
      groups: [{ rules: [] }],
    }),
  ).finish(),
};

interface Rig {
  readonly ads: FakeAdsServer;
  readonly ca: FakeCa;
  readonly clock: FakeClock;
  readonly dataPlane: FakeDataPlane;
  readonly ztunnel: Ztunnel;
  readonly lines: string[];
  readonly agents: FakeAgent[];
  readonly stop: () => Promise<void>;
  readonly get: (
    server: 'admin' | 'metrics' | 'readinessServer',
    path: string,
    method?: string,
  ) => Promise<{ status: number; text: string }>;
}

async function start(env: Record<string, string> = {}): Promise<Rig> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-app-'));
  disposers.push(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'token'), 'secret-token');
  const clock = new FakeClock(Date.now());
  const ads = new FakeAdsServer();
  const ca = new FakeCa(() => clock.now());
  await Promise.all([ads.listen(), ca.listen()]);
  disposers.push(
    () => ads.close(),
    () => ca.close(),
  );
  const agents: FakeAgent[] = [];
  const zdsPath = join(directory, 'ztunnel.sock');
  const agentServer = SeqPacketServer.listen(zdsPath);
  agentServer.on('connection', (connection) => agents.push(new FakeAgent(connection)));
  disposers.push(() => {
    agentServer.close();
    for (const { connection } of agents) connection.close();
  });
  const config = parseConfig(
    {
      XDS_ADDRESS: `http://127.0.0.1:${ads.port}`,
      CA_ADDRESS: `http://127.0.0.1:${ca.port}`,
      AUTH_TOKEN: join(directory, 'token'),
      NODE_NAME: 'n1',
      INPOD_UDS: zdsPath,
      // The agent of this rig sends no network namespaces.
      ISTIO_META_DNS_CAPTURE: 'false',
      WEFT_ADMIN_PORT: '0',
      WEFT_METRICS_PORT: '0',
      WEFT_READINESS_PORT: '0',
      ...env,
    },
    2,
  );
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  const lines: string[] = [];
  const dataPlane = new FakeDataPlane();
  const ztunnel = createZtunnel(config.value, {
    clock,
    logs: new LogScopes({ format: 'text', filter: config.value.logFilter, write: (line) => lines.push(line) }),
    dataPlane: (onMessage) => {
      dataPlane.say = (message, worker = 0) => onMessage(message, worker);
      return dataPlane;
    },
    shutdown: () => undefined,
  });
  let running: (() => Promise<void>) | null = await startAll(ztunnel.services, 2000);
  const stop = async () => {
    await running?.();
    running = null;
  };
  disposers.push(stop);
  const get: Rig['get'] = async (server, path, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${ztunnel[server].port}${path}`, { method });
    return { status: response.status, text: await response.text() };
  };
  return { ads, ca, clock, dataPlane, ztunnel, lines, agents, stop, get };
}

/** The control plane has sent everything, the agent has sent one pod, the certificate is there. */
async function running(): Promise<Rig> {
  const rig = await start();
  const { ads, agents, dataPlane } = rig;
  await ads.until(() => ads.streams[0]?.requests.length === 2);
  ads.streams[0]!.send(ADDRESS, [
    pod('a', '10.0.0.1'),
    pod('server', '10.0.0.2', { services: memberOf('b') }),
    serviceB,
  ]);
  ads.streams[0]!.send(POLICY, []);
  await until(() => (agents[0]?.received.length ?? 0) > 0, 'ztunnel connects to the agent');
  expect(await agents[0]!.ask(zdsRequest.add('u1'))).toBe('');
  expect(await agents[0]!.ask(zdsRequest.snapshotSent)).toBe('');
  await until(() => dataPlane.of('setIdentity').length >= 2, 'certificates arrive');
  return rig;
}

const plansOf = ({ dataPlane }: Rig, destination: string) => {
  dataPlane.say({ type: 'outboundPlanNeeded', requestId: 1, podUid: 'u1', source: '10.0.0.1:1', destination });
  return dataPlane.of('outboundPlan').at(-1)?.plan;
};

describe('a ztunnel', () => {
  it('becomes ready when the control plane and the agent have said everything, in this order', async () => {
    const { ads, agents, get } = await start();
    await ads.until(() => ads.streams[0]?.requests.length === 2);
    expect(await get('readinessServer', '/healthz/ready')).toEqual({
      status: 500,
      text: 'not ready, pending: state manager, workload proxy manager\n',
    });
    expect(agents).toEqual([]);
    ads.streams[0]!.send(ADDRESS, []);
    ads.streams[0]!.send(POLICY, []);
    await until(() => (agents[0]?.received.length ?? 0) > 0, 'ztunnel connects to the agent');
    expect((await get('readinessServer', '/healthz/ready')).text).toBe('not ready, pending: workload proxy manager\n');
    await agents[0]!.ask(zdsRequest.snapshotSent);
    expect(await get('readinessServer', '/healthz/ready')).toEqual({ status: 200, text: 'ready\n' });
    expect((await get('readinessServer', '/healthz/ready', 'POST')).status).toBe(405);
    agents[0]!.connection.close();
    await until(async () => (await get('readinessServer', '/healthz/ready')).status === 500, 'a lost agent shows');
  });

  it('on demand asks for its pods and what they call, one by one, and needs only policies to be ready', async () => {
    const rig = await start({ XDS_ON_DEMAND: 'true' });
    const { ads, agents, dataPlane } = rig;
    await ads.until(() => ads.streams[0]?.requests.length === 2);
    const [stream] = ads.streams;
    expect(stream!.requests[0]).toMatchObject({
      typeUrl: ADDRESS,
      resourceNamesSubscribe: ['*'],
      resourceNamesUnsubscribe: ['*'],
    });
    stream!.send(POLICY, []);
    await until(() => (agents[0]?.received.length ?? 0) > 0, 'ztunnel connects to the agent');
    expect(await agents[0]!.ask(zdsRequest.add('u1'))).toBe('');
    const asked = (): string[] =>
      stream!.requests.slice(2).flatMap(({ resourceNamesSubscribe }) => resourceNamesSubscribe);
    await ads.until(() => asked().includes('Kubernetes//Pod/shop/a'));
    stream!.send(ADDRESS, [pod('a', '10.0.0.1')]);
    await until(
      () => dataPlane.of('updatePod').length > 0 || rig.ztunnel.state.workload('Kubernetes//Pod/shop/a') !== null,
      'the pod is known',
    );
    expect(plansOf(rig, '192.0.2.1:80')).toBeUndefined();
    await ads.until(() => asked().includes('/192.0.2.1'));
    stream!.send(ADDRESS, [], ['/192.0.2.1']);
    await until(() => dataPlane.of('outboundPlan').length > 0, 'there is a plan');
    expect(dataPlane.of('outboundPlan')[0]?.plan.kind).toBe('plain');
  });

  it('with DNS capture serves only pods whose DNS it can serve, from what the control plane sends', async () => {
    const { ads, agents, get } = await start({ ISTIO_META_DNS_CAPTURE: 'true' });
    const pods = PodNamespace.pair(`wda${process.pid}`);
    disposers.push(() => pods.forEach((it) => it.remove()));
    await ads.until(() => ads.streams[0]?.requests.length === 2);
    ads.streams[0]!.send(ADDRESS, [serviceB]);
    ads.streams[0]!.send(POLICY, []);
    await until(() => (agents[0]?.received.length ?? 0) > 0, 'ztunnel connects to the agent');
    expect(await agents[0]!.ask(zdsRequest.add('no-namespace'))).toMatch(/cannot serve pod shop\/a: DNS: setns/);
    const fd = duplicateDescriptor(pods[0].fd);
    expect(await agents[0]!.addPod('u1', 'a', fd)).toBe('');
    closeDescriptor(fd);
    const answers: dnsPacket.DecodedPacket[] = [];
    const socket = inNetns(pods[0].fd, () =>
      UdpSocket.open(
        4,
        { connect: parseSocketAddress('127.0.0.1:15053')! },
        { message: (bytes) => answers.push(dnsPacket.decode(bytes)), failed: () => undefined },
      ),
    );
    disposers.push(() => socket.close());
    socket.send(dnsPacket.encode({ type: 'query', id: 1, questions: [{ type: 'A', name: 'b' }] }));
    // Who asks is known only now.
    ads.streams[0]!.send(ADDRESS, [pod('a', pods[0].address)]);
    await until(() => answers.length === 1, 'the pod is answered');
    expect(answers[0]?.answers).toMatchObject([{ name: 'b', data: '10.96.0.1' }]);
    expect((await get('metrics', '/metrics')).text).toContain(
      'istio_dns_requests_total{request_query_type="A",request_protocol="udp",source_canonical_service="a",',
    );
    expect((await get('readinessServer', '/healthz/ready')).text).not.toContain('DNS');
  });

  it('asks the CA in the name of the pods of its node, with the token of its file', async () => {
    const { ca, dataPlane } = await running();
    expect(ca.requests.map(({ spiffeId }) => spiffeId).sort()).toEqual([
      'spiffe://cluster.local/ns/shop/sa/a',
      'spiffe://cluster.local/ns/shop/sa/server',
    ]);
    expect(ca.requests[0]).toMatchObject({ ttlSeconds: 86_400 });
    expect(ca.requests[0]?.metadata.get('authorization')).toEqual(['Bearer secret-token']);
    expect(dataPlane.of('setIdentity')[0]?.identity.certificateChainPem).toContain('BEGIN CERTIFICATE');
  });

  it('shows what it knows, without keys', async () => {
    const { get } = await running();
    const { text } = await get('admin', '/config_dump');
    const dump = JSON.parse(text) as Record<string, Record<string, unknown>[]>;
    expect(Object.keys(dump)).toEqual([
      'workloads',
      'services',
      'policies',
      'stagedServices',
      'certificates',
      'workloadState',
      'staticConfig',
      'version',
      'config',
    ]);
    expect(dump['workloads']?.[0]).toMatchObject({
      uid: 'Kubernetes//Pod/shop/a',
      protocol: 'HBONE',
      workloadIps: ['10.0.0.1'],
      status: 'Healthy',
    });
    expect(dump['services']?.[0]).toMatchObject({
      vips: ['/10.96.0.1'],
      ports: { 80: 8080 },
      endpoints: { 'Kubernetes//Pod/shop/server': { port: { 80: 8080 } } },
    });
    expect(dump['certificates']?.[0]).toMatchObject({
      identity: 'spiffe://cluster.local/ns/shop/sa/a',
      state: 'Available',
      certChain: [{ expirationTime: expect.stringMatching(/Z$/) as string }],
    });
    expect(dump['workloadState']).toMatchObject({ u1: { state: 'Up', info: { name: 'a' } } });
    expect(text).not.toContain('PRIVATE KEY');
    expect(text).not.toContain('secret-token');
  });

  it('changes log levels while it runs', async () => {
    const { get } = await running();
    expect((await get('admin', '/logging', 'POST')).text).toBe('current log level is info\n');
    expect((await get('admin', '/logging?level=access=debug', 'POST')).text).toBe(
      'current log level is info,access=debug\n',
    );
    expect((await get('admin', '/logging?reset', 'POST')).text).toBe('current log level is info\n');
    expect((await get('admin', '/logging?level=loud', 'POST')).status).toBe(400);
    expect((await get('admin', '/logging')).status).toBe(405);
    expect((await get('admin', '/quitquitquit', 'POST')).text).toBe('shutdown now\n');
    expect((await get('admin', '/nothing')).status).toBe(404);
  });

  it('takes profiles of a worker, and says which are there', async () => {
    const { get } = await running();
    expect(await get('admin', '/debug/pprof/profile?seconds=1&worker=0')).toMatchObject({
      status: 200,
      text: '{"kind":"cpu"}',
    });
    expect(await get('admin', '/debug/pprof/heap?seconds=1&worker=0')).toMatchObject({ text: '{"kind":"heap"}' });
    expect((await get('admin', '/debug/pprof/profile?worker=7')).status).toBe(404);
    expect((await get('admin', '/debug/pprof/profile?worker=x')).status).toBe(400);
  });

  it('is drained on demand: not ready, no new connections, and it stays', async () => {
    const { get, dataPlane, ztunnel } = await running();
    expect((await get('admin', '/drain')).status).toBe(405);
    const answers = [await get('admin', '/drain', 'POST'), await get('admin', '/drain', 'POST')];
    expect(answers.map(({ text }) => JSON.parse(text) as unknown)).toEqual([
      { draining: true, connections: 0 },
      { draining: true, connections: 0 },
    ]);
    expect(dataPlane.of('drain')).toHaveLength(1);
    expect(ztunnel.readiness.pending()).toContain('draining');
    expect((await get('admin', '/config_dump')).status).toBe(200);
  });

  it('takes profiles of itself', async () => {
    const { get } = await running();
    const profile = get('admin', '/debug/pprof/profile?seconds=1&frequency=1000');
    await until(
      async () => (await get('admin', '/debug/pprof/heap?seconds=1')).status === 409,
      'a second one is refused meanwhile',
    );
    const { status: code, text } = await profile;
    expect(code).toBe(200);
    expect(Object.keys(JSON.parse(text) as object)).toEqual(
      expect.arrayContaining(['nodes', 'samples', 'startTime', 'endTime', 'timeDeltas']),
    );
    expect(
      (JSON.parse((await get('admin', '/debug/pprof/heap?seconds=1')).text) as { head: unknown }).head,
    ).toBeDefined();
    for (const bad of ['seconds=0', 'seconds=301', 'seconds=x', 'frequency=1001'])
      expect((await get('admin', `/debug/pprof/profile?${bad}`)).status).toBe(400);
  });

  it('counts what it does', async () => {
    const { get } = await running();
    const { text } = await get('metrics', '/stats/prometheus');
    expect(text).toContain('workload_manager_active_proxy_count 1');
    expect(text).toContain(`istio_xds_message_total{url="${ADDRESS}"} 1`);
    expect(text).toMatch(/istio_build\{component="ztunnel",tag="[^"]+"\} 1/);
  });

  it('rejects one resource by name while the others of the push work', async () => {
    const rig = await running();
    const { ads, get } = rig;
    ads.streams[0]!.send(ADDRESS, [
      pod('bad', '10.0.0.8', { tunnelProtocol: TunnelProtocol.LEGACY_ISTIO_MTLS }),
      pod('good', '10.0.0.9'),
    ]);
    await ads.until(() => ads.streams[0]?.requests.length === 5);
    expect(ads.streams[0]?.requests[4]?.errorDetail?.message).toBe(
      'Kubernetes//Pod/shop/bad: unknown tunnel_protocol 2',
    );
    expect(plansOf(rig, '10.0.0.9:80')).toMatchObject({ kind: 'hbone' });
    expect((await get('metrics', '/metrics')).text).toContain(`weft_xds_rejected_resources_total{url="${ADDRESS}"} 1`);
  });

  it('closes forbidden connections as soon as the policy arrives', async () => {
    const { ads, dataPlane } = await running();
    dataPlane.say({
      type: 'connectionOpened',
      connectionId: 5,
      podUid: 'u1',
      direction: 'inbound',
      transport: 'plaintext',
      source: '10.0.0.9:1',
      destination: '10.0.0.1:80',
      actualDestination: '10.0.0.1:80',
      peerIdentity: null,
      counterSlot: 0,
    });
    const pushed = performance.now();
    ads.streams[0]!.send(POLICY, [denyAll]);
    await until(() => dataPlane.of('closeConnections').length > 0, 'the connection is closed');
    expect(performance.now() - pushed).toBeLessThan(1000);
    expect(dataPlane.of('closeConnections')[0]).toMatchObject({
      connections: [{ connectionId: 5, counterSlot: 0 }],
      flag: 'DENY',
    });
  });

  it('serves known workloads for 10 minutes without control plane and CA, and takes up changes within a second', async () => {
    const rig = await running();
    const { ads, ca, clock, dataPlane, agents } = rig;
    ads.close();
    ca.close();
    await clock.advance(600_000);
    expect(plansOf(rig, '10.96.0.1:80')).toMatchObject({ kind: 'hbone', targets: [{ dial: '10.0.0.2:15008' }] });
    expect(await agents[0]!.ask(zdsRequest.add('u2'))).toBe('');
    expect(dataPlane.of('dropIdentity')).toEqual([]);
    await ads.listen(undefined, ads.port);
    const back = clock.now();
    while (ads.streams.length < 2 && clock.now() - back < 20_000) await clock.advance(100);
    await ads.until(() => ads.streams[1]?.requests.length === 2);
    expect(clock.now() - back).toBeLessThanOrEqual(1000);
    expect(Object.keys(ads.streams[1]!.requests[0]!.initialResourceVersions)).toHaveLength(3);
    ads.streams[1]!.send(ADDRESS, [pod('server', '10.0.0.7', { services: memberOf('b') }, '2')]);
    await until(() => dataPlane.of('evictTunnels').length > 0, 'the change is applied');
    expect(plansOf(rig, '10.96.0.1:80')).toMatchObject({ targets: [{ dial: '10.0.0.7:15008' }] });
  });

  it('renews certificates at half of their life, and keeps the old ones while the CA refuses', async () => {
    const { ca, clock, dataPlane, lines } = await running();
    const before = ca.requests.length;
    ca.refuse = { code: status.UNAVAILABLE, details: 'maintenance' };
    const refused = () => ca.requests.length - before;
    for (let hour = 0; hour < 14 && refused() === 0; hour++) await clock.advance(HOUR);
    await until(() => refused() > 0, 'a renewal is tried');
    expect(dataPlane.of('dropIdentity')).toEqual([]);
    await until(
      () => lines.some((line) => line.includes('no new certificate') && line.includes('maintenance')),
      'it is logged',
    );
    ca.refuse = null;
    const issued = dataPlane.of('setIdentity').length;
    await until(async () => {
      await clock.advance(5000);
      return dataPlane.of('setIdentity').length >= issued + 2;
    }, 'both are renewed');
  });

  it('drops the key of an identity that has left the node', async () => {
    const { ads, agents, dataPlane } = await running();
    await agents[0]!.ask(zdsRequest.del('u1'));
    expect(dataPlane.of('dropIdentity')).toEqual([]);
    ads.streams[0]!.send(ADDRESS, [], ['Kubernetes//Pod/shop/a']);
    await until(() => dataPlane.of('dropIdentity').length > 0, 'the identity is dropped');
    expect(dataPlane.of('dropIdentity')[0]?.spiffeId).toBe('spiffe://cluster.local/ns/shop/sa/a');
  });

  it('drains: not ready, no new pods, then the data plane ends', async () => {
    const { ztunnel, stop, dataPlane } = await running();
    await stop();
    expect(ztunnel.readiness.pending()).toContain('draining');
    expect(dataPlane.of('drain')).toHaveLength(1);
  });
});
