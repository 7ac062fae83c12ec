import { memberOf, service, workload } from '../testing/mesh-fixtures.js';
import { SlowPathRig } from '../testing/slow-path-rig.js';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const PARENT_ID = 'b7ad6b7169203331';
const trace = `00-${TRACE_ID}-${PARENT_ID}-01`;
const SERVER_ID = 'spiffe://cluster.local/ns/shop/sa/server';

async function rig(): Promise<SlowPathRig> {
  const it = new SlowPathRig();
  it.push((state) => {
    state.upsertWorkload(workload('client', '10.0.0.1'));
    state.upsertWorkload(workload('server', '10.0.0.2', { services: memberOf('b') }));
    state.upsertService(service('b', '10.96.0.1'));
  });
  await it.addPod('client');
  await it.addPod('server');
  return it;
}

describe('spans of connections', () => {
  it('an outbound connection is the span that its request names as the parent', async () => {
    const it = await rig();
    it.askPlan('client', '10.96.0.1:80');
    const { plan } = it.dataPlane.of('outboundPlan')[0]!;
    const targetId = plan.kind === 'hbone' ? plan.targets[0]!.targetId : 0;
    const peerIdentity = SERVER_ID;
    it.open({ connectionId: 1, podUid: 'client', direction: 'outbound', targetId, peerIdentity, trace });
    it.close(1, { receivedBytes: 10, sentBytes: 20, durationMs: 5, why: 'completed' });
    expect(it.spans).toEqual([
      {
        traceId: TRACE_ID,
        spanId: PARENT_ID,
        parentSpanId: null,
        name: 'outbound',
        kind: 'client',
        startMs: it.clock.now() - 5,
        endMs: it.clock.now(),
        error: null,
        attributes: {
          'istio.source_workload': 'client',
          'istio.source_workload_namespace': 'shop',
          'istio.source_cluster': 'Kubernetes',
          'istio.source_principal': 'spiffe://cluster.local/ns/shop/sa/client',
          'istio.destination_workload': 'server',
          'istio.destination_workload_namespace': 'shop',
          'istio.destination_cluster': 'Kubernetes',
          'istio.destination_principal': SERVER_ID,
          'istio.destination_service': 'b.shop.svc.cluster.local',
          'source.address': '10.0.0.1:4000',
          'destination.address': '10.0.0.2:15008',
          'server.address': '10.0.0.2:8080',
          'weft.bytes_sent': 10,
          'weft.bytes_received': 20,
          'weft.why': 'completed',
        },
      },
    ]);
  });

  it('an inbound connection is a child of it, and says what went wrong', async () => {
    const it = await rig();
    it.open({ connectionId: 1, podUid: 'server', direction: 'inbound', trace });
    it.close(1, { receivedBytes: 10, sentBytes: 20, why: 'policy', error: 'by policy' });
    expect(it.spans).toMatchObject([
      { traceId: TRACE_ID, spanId: '00000000000000bb', parentSpanId: PARENT_ID, kind: 'server', error: 'by policy' },
    ]);
    expect(it.spans[0]!.attributes).toMatchObject({ 'weft.bytes_sent': 20, 'weft.bytes_received': 10 });
  });

  it('a refusal is a span without length', async () => {
    const it = await rig();
    it.say({
      type: 'connectionFailed',
      podUid: 'server',
      direction: 'inbound',
      source: '10.0.0.1:4000',
      destination: '10.0.0.2:15008',
      peerIdentity: null,
      reason: 'by policy',
      flag: 'DENY',
      trace,
    });
    expect(it.spans).toMatchObject([
      {
        startMs: it.clock.now(),
        endMs: it.clock.now(),
        error: 'by policy',
        attributes: { 'istio.response_flags': 'DENY' },
      },
    ]);
  });

  it('without a sampled traceparent there is none', async () => {
    const it = await rig();
    it.open({ connectionId: 1, podUid: 'server', direction: 'inbound' });
    it.close(1);
    expect(it.spans).toEqual([]);
  });
});
