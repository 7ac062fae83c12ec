import { Action, Scope } from '@weft/xds/gen/mesh/security/authorization.js';
import { memberOf, policy, service, workload } from './testing/mesh-fixtures.js';
import { SlowPathRig } from './testing/slow-path-rig.js';

const CLIENT_ID = 'spiffe://cluster.local/ns/shop/sa/client';
const SERVER_ID = 'spiffe://cluster.local/ns/shop/sa/server';
const denyPrincipal = (name: string, principal: string, scope = Scope.NAMESPACE) =>
  policy(name, {
    scope,
    action: Action.DENY,
    groups: [{ rules: [{ matches: [{ principals: [{ matchType: { $case: 'exact', value: principal } }] }] }] }],
  });
const denyClient = denyPrincipal('no-client', CLIENT_ID.slice('spiffe://'.length));

async function rig(): Promise<SlowPathRig> {
  const it = new SlowPathRig();
  it.push((state) => {
    state.upsertWorkload(workload('client', '10.0.0.1'));
    state.upsertWorkload(workload('server', '10.0.0.2', { services: memberOf('b') }));
    state.upsertService(service('b', '10.96.0.1'));
  });
  await it.addPod('client');
  await it.addPod('server');
  it.dataPlane.sent.length = 0;
  return it;
}

describe('answers', () => {
  it('a plan carries the identity and the baggage of the pod', async () => {
    const { dataPlane, ...it } = await rig();
    it.slowPath.handle(
      {
        type: 'outboundPlanNeeded',
        requestId: 7,
        podUid: 'client',
        source: '10.0.0.1:4000',
        destination: '10.96.0.1:80',
      },
      0,
    );
    expect(dataPlane.of('outboundPlan')[0]).toMatchObject({
      requestId: 7,
      plan: {
        kind: 'hbone',
        sourceIdentity: CLIENT_ID,
        baggage: 'k8s.cluster.name=Kubernetes,k8s.namespace.name=shop,k8s.deployment.name=client,service.name=client',
        targets: [
          {
            dial: '10.0.0.2:15008',
            authority: '10.0.0.2:8080',
            forwardedHost: 'b.shop.svc.cluster.local',
            expectedIdentities: [SERVER_ID],
          },
        ],
      },
    });
  });

  it('a verdict carries the address of the application and the baggage of the destination', async () => {
    const it = await rig();
    it.askVerdict('server', '10.0.0.2:8080', CLIENT_ID);
    expect(it.dataPlane.of('inboundVerdict')[0]?.verdict).toMatchObject({
      kind: 'allow',
      dial: '10.0.0.2:8080',
      preserveSource: true,
    });
  });

  it('wait for the workload of the pod, at most 5 s', async () => {
    const it = await rig();
    await it.addPod('late');
    it.askPlan('late', '1.2.3.4:80', 1);
    expect(it.dataPlane.of('outboundPlan')).toEqual([]);
    it.push((state) => state.upsertWorkload(workload('late', '10.0.0.3')));
    expect(it.dataPlane.of('outboundPlan')[0]?.plan.kind).toBe('plain');
    await it.addPod('never');
    it.askPlan('never', '1.2.3.4:80', 2);
    it.askVerdict('never', '10.0.0.2:80', CLIENT_ID, 3);
    await it.clock.advance(5000);
    expect(it.dataPlane.of('outboundPlan')[1]?.plan).toMatchObject({
      kind: 'reject',
      reason: expect.stringContaining('failed to fetch information about local workload') as string,
    });
    expect(it.dataPlane.of('inboundVerdict')[0]?.verdict).toMatchObject({ kind: 'deny', status: 503 });
  });

  it('go on for a pod whose workload the control plane has removed', async () => {
    const it = await rig();
    it.push((state) => state.removeAddress('Kubernetes//Pod/shop/client'));
    it.askPlan('client', '10.96.0.1:80');
    expect(it.dataPlane.of('outboundPlan')[0]?.plan.kind).toBe('hbone');
  });
});

describe('invalidation', () => {
  it('reaches the pods whose answers depend on what changed, no others', async () => {
    const it = await rig();
    it.askPlan('client', '10.96.0.1:80');
    it.push((state) => state.upsertWorkload(workload('stranger', '10.0.0.9')));
    expect(it.dataPlane.of('invalidate')).toEqual([]);
    it.push((state) => state.upsertWorkload(workload('server', '10.0.0.2', { services: memberOf('b'), capacity: 5 })));
    expect(
      it.dataPlane
        .of('invalidate')
        .map(({ podUid }) => podUid)
        .sort(),
    ).toEqual(['client', 'server']);
  });

  it('comes when something appears at an address that was unknown', async () => {
    const it = await rig();
    it.askPlan('client', '10.0.0.9:80');
    it.push((state) => state.upsertWorkload(workload('new', '10.0.0.9')));
    expect(it.dataPlane.of('invalidate')).toEqual([{ type: 'invalidate', podUid: 'client' }]);
  });

  it('comes for the pods under a changed policy', async () => {
    const it = await rig();
    it.askVerdict('server', '10.0.0.2:8080', CLIENT_ID);
    it.push((state) => state.upsertPolicy('legacy/x', policy('x', { namespace: 'legacy', scope: Scope.NAMESPACE })));
    expect(it.dataPlane.of('invalidate')).toEqual([]);
    it.push((state) => state.upsertPolicy('shop/no-client', denyClient));
    expect(it.dataPlane.of('invalidate')).toEqual([{ type: 'invalidate', podUid: 'server' }]);
    it.askVerdict('server', '10.0.0.2:8080', CLIENT_ID);
    expect(it.dataPlane.of('inboundVerdict')[1]?.verdict).toMatchObject({
      status: 401,
      reason: 'connection closed due to policy rejection: explicitly denied by: shop/no-client',
    });
  });

  it('evicts tunnels to an address whose workload went away', async () => {
    const it = await rig();
    it.push((state) => state.removeAddress('Kubernetes//Pod/shop/server'));
    expect(it.dataPlane.of('evictTunnels')).toEqual([{ type: 'evictTunnels', addresses: ['10.0.0.2'] }]);
  });

  it('a reused address never gets the old identity', async () => {
    const it = await rig();
    it.askPlan('client', '10.0.0.2:80');
    it.push((state) => {
      state.removeAddress('Kubernetes//Pod/shop/server');
      state.upsertWorkload(workload('other', '10.0.0.2'));
    });
    expect(it.dataPlane.of('invalidate')).toContainEqual({ type: 'invalidate', podUid: 'client' });
    expect(it.dataPlane.of('evictTunnels')[0]?.addresses).toEqual(['10.0.0.2']);
    it.askPlan('client', '10.0.0.2:80');
    expect(it.dataPlane.of('outboundPlan')[1]?.plan).toMatchObject({
      targets: [{ expectedIdentities: ['spiffe://cluster.local/ns/shop/sa/other'] }],
    });
  });
});

describe('live connections', () => {
  const open = (it: SlowPathRig, connectionId: number, identity: string | null = CLIENT_ID) =>
    it.open({
      connectionId,
      podUid: 'server',
      direction: 'inbound',
      peerIdentity: identity,
      transport: identity === null ? 'plaintext' : 'hbone',
    });

  it('that a new policy denies are closed at once, the others are kept', async () => {
    const it = await rig();
    open(it, 1);
    open(it, 2, 'spiffe://cluster.local/ns/shop/sa/friend');
    open(it, 3, null);
    it.push((state) => state.upsertPolicy('shop/no-client', denyClient));
    expect(it.dataPlane.of('closeConnections')).toEqual([
      {
        type: 'closeConnections',
        connections: [{ connectionId: 1, counterSlot: 1 }],
        reason: 'connection closed due to policy change: explicitly denied by: shop/no-client',
        flag: 'DENY',
      },
    ]);
  });

  it('are closed once, and forgotten when closed', async () => {
    const it = await rig();
    open(it, 1);
    it.push((state) => state.upsertPolicy('shop/no-client', denyClient));
    it.push((state) => state.upsertPolicy('shop/no-client', denyClient));
    expect(it.dataPlane.of('closeConnections')).toHaveLength(1);
    it.close(1);
    expect(it.connections.size).toBe(0);
  });

  it('are closed when an ALLOW appears that does not cover them', async () => {
    const it = await rig();
    open(it, 1);
    const allowOther = {
      scope: Scope.NAMESPACE,
      action: Action.ALLOW,
      groups: [{ rules: [{ matches: [{ destinationPorts: [1] }] }] }],
    };
    it.push((state) => state.upsertPolicy('shop/allow', policy('allow', allowOther)));
    expect(it.dataPlane.of('closeConnections')[0]?.reason).toBe(
      'connection closed due to policy change: allow policies exist, but none allowed (shop/allow)',
    );
  });

  it('are looked at again when the workload is selected by a policy only now', async () => {
    const it = await rig();
    it.push((state) =>
      state.upsertPolicy('shop/no-client', denyPrincipal('no-client', CLIENT_ID.slice(9), Scope.WORKLOAD_SELECTOR)),
    );
    open(it, 1);
    expect(it.dataPlane.of('closeConnections')).toEqual([]);
    it.push((state) =>
      state.upsertWorkload(workload('server', '10.0.0.2', { authorizationPolicies: ['shop/no-client'] })),
    );
    expect(it.dataPlane.of('closeConnections')[0]?.connections).toEqual([{ connectionId: 1, counterSlot: 1 }]);
  });

  it('opened by a verdict older than a policy are closed as they open', async () => {
    const it = await rig();
    it.askVerdict('server', '10.0.0.2:8080', CLIENT_ID);
    it.push((state) => state.upsertPolicy('shop/no-client', denyClient));
    open(it, 1);
    expect(it.dataPlane.of('closeConnections')[0]?.connections).toEqual([{ connectionId: 1, counterSlot: 1 }]);
  });

  it('that go out are not for this end to judge', async () => {
    const it = await rig();
    it.open({ connectionId: 1, podUid: 'client', direction: 'outbound', peerIdentity: SERVER_ID });
    it.push((state) => state.upsertPolicy('shop/no-client', denyClient));
    expect(it.dataPlane.of('closeConnections')).toEqual([]);
  });
});

describe('telemetry', () => {
  async function targetOf(it: SlowPathRig): Promise<number> {
    it.askPlan('client', '10.96.0.1:80');
    const plan = it.dataPlane.of('outboundPlan').at(-1)?.plan;
    return Promise.resolve(plan?.kind === 'hbone' ? plan.targets[0]!.targetId : -1);
  }

  it('logs one line per connection with both identities, bytes, service and why', async () => {
    const it = await rig();
    it.open({
      connectionId: 1,
      podUid: 'client',
      direction: 'outbound',
      targetId: await targetOf(it),
      peerIdentity: SERVER_ID,
    });
    it.close(1, { receivedBytes: 100, sentBytes: 2000, durationMs: 12.4 });
    it.open({
      connectionId: 2,
      podUid: 'server',
      direction: 'inbound',
      peerIdentity: CLIENT_ID,
      inbound: {
        podUid: 'server',
        transport: 'hbone',
        source: '10.0.0.1:4000',
        destination: '10.0.0.2:15008',
        peerIdentity: CLIENT_ID,
        authority: '10.0.0.2:8080',
        forwarded: 'for="10.0.0.1:4000";host=b.shop.svc.cluster.local',
      },
    });
    it.close(2, {
      receivedBytes: 100,
      sentBytes: 2000,
      error: 'connection failed: ECONNRESET',
      why: 'application reset',
      flag: 'CONNECT',
    });
    expect(it.access()).toEqual([
      {
        level: 'info',
        scope: 'access',
        message: 'connection complete',
        'src.addr': '10.0.0.1:4000',
        'src.workload': 'client',
        'src.namespace': 'shop',
        'src.cluster': 'Kubernetes',
        'src.identity': CLIENT_ID,
        'dst.addr': '10.0.0.2:15008',
        'dst.hbone_addr': '10.0.0.2:8080',
        'dst.service': 'b.shop.svc.cluster.local',
        'dst.workload': 'server',
        'dst.namespace': 'shop',
        'dst.cluster': 'Kubernetes',
        'dst.identity': SERVER_ID,
        direction: 'outbound',
        bytes_sent: 100,
        bytes_recv: 2000,
        duration: '12ms',
        why: 'client closed',
      },
      {
        level: 'error',
        scope: 'access',
        message: 'connection complete',
        'src.addr': '10.0.0.1:4000',
        'src.workload': 'client',
        'src.namespace': 'shop',
        'src.cluster': 'Kubernetes',
        'src.identity': CLIENT_ID,
        'dst.addr': '10.0.0.2:15008',
        'dst.hbone_addr': '10.0.0.2:8080',
        'dst.service': 'b.shop.svc.cluster.local',
        'dst.workload': 'server',
        'dst.namespace': 'shop',
        'dst.cluster': 'Kubernetes',
        'dst.identity': SERVER_ID,
        direction: 'inbound',
        bytes_sent: 2000,
        bytes_recv: 100,
        duration: '1ms',
        error: 'connection failed: ECONNRESET',
        why: 'application reset',
      },
    ]);
  });

  it('logs a denial with the policy and both identities', async () => {
    const it = await rig();
    it.say({
      type: 'connectionFailed',
      podUid: 'server',
      direction: 'inbound',
      source: '10.0.0.1:4000',
      destination: '10.0.0.2:15008',
      peerIdentity: CLIENT_ID,
      reason: 'connection closed due to policy rejection: explicitly denied by: shop/no-client',
      flag: 'DENY',
    });
    expect(it.access()).toEqual([
      {
        level: 'warn',
        scope: 'access',
        message: 'connection failed',
        'src.addr': '10.0.0.1:4000',
        'src.workload': 'client',
        'src.namespace': 'shop',
        'src.cluster': 'Kubernetes',
        'src.identity': CLIENT_ID,
        'dst.addr': '10.0.0.2:15008',
        'dst.workload': 'server',
        'dst.namespace': 'shop',
        'dst.cluster': 'Kubernetes',
        'dst.identity': SERVER_ID,
        direction: 'inbound',
        error: 'connection closed due to policy rejection: explicitly denied by: shop/no-client',
        why: 'policy',
      },
    ]);
  });

  it('logs an outbound refusal with the identities at stake and counts it as failed', async () => {
    const it = await rig();
    it.say({
      type: 'connectionFailed',
      podUid: 'client',
      direction: 'outbound',
      source: '10.0.0.1:4000',
      destination: '10.96.0.1:80',
      peerIdentity: null,
      reason: 'http status: 401',
      flag: 'DENY',
      targetId: await targetOf(it),
    });
    expect(it.access()[0]).toMatchObject({
      'src.identity': CLIENT_ID,
      'dst.workload': 'server',
      'dst.identity': SERVER_ID,
      'dst.service': 'b.shop.svc.cluster.local',
      error: 'http status: 401',
    });
    expect(await it.registry.metrics()).toMatch(
      /istio_tcp_connections_failed_total\{.*response_flags="DENY",connection_security_policy="mutual_tls".*\} 1/,
    );
  });

  it('calls an outbound denial mutual_tls also when its target is long forgotten: the peer was verified', async () => {
    const it = await rig();
    it.say({
      type: 'connectionFailed',
      podUid: 'client',
      direction: 'outbound',
      source: '10.0.0.1:4000',
      destination: '10.96.0.1:80',
      peerIdentity: SERVER_ID,
      reason: 'http status: 401',
      flag: 'DENY',
      targetId: 99_999,
    });
    expect(it.access()[0]).toMatchObject({ 'src.identity': CLIENT_ID, 'dst.identity': SERVER_ID, why: 'policy' });
    const text = await it.registry.metrics();
    expect(text).not.toContain('connection_security_policy="unknown"');
    expect(text).toMatch(
      /connections_failed_total\{.*response_flags="DENY",connection_security_policy="mutual_tls".*\} 1/,
    );
  });

  it('counts connections that a stop or a dead worker broke', async () => {
    const it = await rig();
    it.open({ connectionId: 1, podUid: 'client', direction: 'outbound', targetId: await targetOf(it) });
    it.open({ connectionId: 2, podUid: 'client', direction: 'outbound', targetId: await targetOf(it) });
    it.close(1, { why: 'connection closed due to connection drain' });
    it.close(2);
    const text = await it.registry.metrics();
    expect(text).toContain('weft_connections_broken_total{reason="drain"} 1');
    expect(text).toContain('weft_connections_broken_total{reason="worker"} 0');
  });

  it('counts bytes of open connections at the scrape, and the rest at the end, each once', async () => {
    const it = await rig();
    it.open({
      connectionId: 1,
      podUid: 'client',
      direction: 'outbound',
      targetId: await targetOf(it),
      peerIdentity: SERVER_ID,
      counterSlot: 3,
    });
    it.dataPlane.counters[0]![6] = 10;
    it.dataPlane.counters[0]![7] = 20;
    expect(await valueOf(it, 'istio_tcp_received_bytes_total')).toBe(10);
    it.dataPlane.counters[0]![6] = 15;
    expect(await valueOf(it, 'istio_tcp_received_bytes_total')).toBe(15);
    expect(await valueOf(it, 'istio_tcp_sent_bytes_total')).toBe(20);
    it.close(1, { counterSlot: 3, receivedBytes: 40, sentBytes: 50 });
    expect(await valueOf(it, 'istio_tcp_received_bytes_total')).toBe(40);
    expect(await valueOf(it, 'istio_tcp_sent_bytes_total')).toBe(50);
  });

  it('names and labels the metrics as Istio does', async () => {
    const it = await rig();
    it.open({
      connectionId: 1,
      podUid: 'client',
      direction: 'outbound',
      targetId: await targetOf(it),
      peerIdentity: SERVER_ID,
    });
    it.close(1, { flag: 'NETWORK_POLICY', error: 'connection timed out' });
    const text = await it.registry.metrics();
    expect(text).toContain(
      'istio_tcp_connections_opened_total{reporter="source",source_workload="client",source_canonical_service="client",source_canonical_revision="unknown",' +
        `source_workload_namespace="shop",source_principal="${CLIENT_ID}",source_app="client",source_version="unknown",source_cluster="Kubernetes",` +
        'destination_service="b.shop.svc.cluster.local",destination_service_namespace="shop",destination_service_name="b",destination_workload="server",' +
        'destination_canonical_service="server",destination_canonical_revision="unknown",destination_workload_namespace="shop",' +
        `destination_principal="${SERVER_ID}",destination_app="server",destination_version="unknown",destination_cluster="Kubernetes",` +
        'request_protocol="tcp",response_flags="-",connection_security_policy="mutual_tls",source_region="unknown",source_zone="unknown",destination_region="unknown",destination_zone="unknown"} 1',
    );
    expect(text).toMatch(/istio_tcp_connections_failed_total\{.*response_flags="NETWORK_POLICY".*\} 1/);
    expect(text).toMatch(/istio_tcp_connections_closed_total\{.*response_flags="NETWORK_POLICY".*\} 1/);
  });

  it('knows an unknown source by its baggage, but never takes a principal from it', async () => {
    const it = await rig();
    const inbound = {
      podUid: 'server',
      transport: 'hbone',
      source: '10.9.9.9:1',
      destination: '10.0.0.2:15008',
      peerIdentity: CLIENT_ID,
      authority: '10.0.0.2:8080',
      baggage: 'k8s.cluster.name=far,k8s.namespace.name=elsewhere,k8s.pod.name=p,service.name=s,service.version=v2',
    } as const;
    it.open({
      connectionId: 1,
      podUid: 'server',
      direction: 'inbound',
      source: '10.9.9.9:1',
      peerIdentity: CLIENT_ID,
      inbound,
    });
    const text = await it.registry.metrics();
    expect(text).toContain(
      'source_workload="p",source_canonical_service="s",source_canonical_revision="v2",source_workload_namespace="elsewhere"',
    );
    it.open({ connectionId: 2, podUid: 'server', direction: 'inbound', transport: 'plaintext', source: '10.0.0.1:1' });
    expect(await it.registry.metrics()).toMatch(
      /source_workload="client".*source_principal="unknown".*connection_security_policy="unknown"/,
    );
  });
});

async function valueOf(it: SlowPathRig, name: string): Promise<number> {
  const { values } = (await it.registry.getSingleMetric(name)!.get()) as { values: { value: number }[] };
  await it.registry.metrics();
  const again = (await it.registry.getSingleMetric(name)!.get()) as { values: { value: number }[] };
  return (again.values[0] ?? values[0])?.value ?? 0;
}
