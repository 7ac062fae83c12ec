import { memberOf, service, workload } from './testing/mesh-fixtures.js';
import { SlowPathRig } from './testing/slow-path-rig.js';
import type { MeshState } from './state/mesh-state.js';

// With XDS_ON_DEMAND, what is not known has to be asked for before anything is decided with it.

const CLIENT_ID = 'spiffe://cluster.local/ns/shop/sa/client';
const waypoint = {
  destination: { $case: 'hostname' as const, value: { namespace: 'shop', hostname: 'w.shop.svc.cluster.local' } },
};

class OnDemandRig extends SlowPathRig {
  /** The control plane answers some keys: with what `change` brings under these names, or with nothing. */
  answer(
    keys: { readonly there?: readonly string[]; readonly nothing?: readonly string[] },
    change?: (state: MeshState) => void,
  ): void {
    this.push(change ?? (() => undefined));
    const upserts = (keys.there ?? []).map((name) => ({
      name,
      version: '1',
      typeUrl: '',
      body: new Uint8Array(),
      aliases: [],
    }));
    this.onDemand!.received({ typeUrl: '', upserts, removals: keys.nothing ?? [] });
  }

  get plan() {
    return this.dataPlane.of('outboundPlan').at(-1)?.plan;
  }
}

async function rig(): Promise<OnDemandRig> {
  const it = new OnDemandRig(undefined, { onDemand: true });
  it.push((state) => {
    state.upsertWorkload(workload('client', '10.0.0.1'));
    state.upsertWorkload(workload('server', '10.0.0.2'));
  });
  await it.addPod('client');
  await it.addPod('server');
  it.dataPlane.sent.length = 0;
  return it;
}

describe('a destination', () => {
  it('is asked for, and the connection waits', async () => {
    const it = await rig();
    it.askPlan('client', '10.96.0.1:80');
    expect([it.subscribed, it.plan]).toEqual([['/10.96.0.1'], undefined]);
    it.answer({ there: ['/10.96.0.1'] }, (state) => {
      state.upsertService(service('b', '10.96.0.1'));
      state.upsertWorkload(workload('server', '10.0.0.2', { services: memberOf('b') }));
    });
    expect(it.plan).toMatchObject({ kind: 'hbone', targets: [{ dial: '10.0.0.2:15008' }] });
  });

  it('that is nobody passes in plaintext once the control plane has said so, and is not asked for again', async () => {
    const it = await rig();
    it.askPlan('client', '192.0.2.1:443', 1);
    it.answer({ nothing: ['/192.0.2.1'] });
    expect(it.plan).toMatchObject({ kind: 'plain' });
    it.askPlan('client', '192.0.2.1:80', 2);
    expect([it.subscribed, it.dataPlane.of('outboundPlan').length]).toEqual([['/192.0.2.1'], 2]);
  });

  it('that the control plane says nothing of is refused: it is not known, which is not the same as unknown', async () => {
    const it = await rig();
    it.askPlan('client', '192.0.2.1:443');
    await it.clock.advance(4000);
    expect(it.plan).toMatchObject({
      kind: 'reject',
      reason: 'the control plane has not said what /192.0.2.1 is',
      flag: 'CONNECT',
    });
  });

  it('that becomes somebody later is planned anew', async () => {
    const it = await rig();
    it.askPlan('client', '10.0.0.9:80');
    it.answer({ nothing: ['/10.0.0.9'] });
    it.answer({ there: ['/10.0.0.9'] }, (state) => state.upsertWorkload(workload('late', '10.0.0.9')));
    expect(it.dataPlane.of('invalidate')).toEqual([{ type: 'invalidate', podUid: 'client' }]);
    it.askPlan('client', '10.0.0.9:80');
    expect(it.plan).toMatchObject({ kind: 'hbone' });
  });

  it('leads to its waypoint, which is asked for in turn: it is never passed by', async () => {
    const it = await rig();
    it.askPlan('client', '10.96.0.1:80');
    it.answer({ there: ['/10.96.0.1'] }, (state) => state.upsertService(service('b', '10.96.0.1', { waypoint })));
    expect([it.subscribed.at(-1), it.plan]).toEqual(['shop/w.shop.svc.cluster.local', undefined]);
    it.answer({ there: ['shop/w.shop.svc.cluster.local'] }, (state) =>
      state.upsertWorkload(workload('w', '10.0.0.8', { hostname: 'w.shop.svc.cluster.local' })),
    );
    expect(it.plan).toMatchObject({ targets: [{ dial: '10.0.0.8:15008', authority: '10.96.0.1:80' }] });
  });

  it('is asked for once however many wait', async () => {
    const it = await rig();
    it.askPlan('client', '10.96.0.1:80', 1);
    it.askPlan('server', '10.96.0.1:80', 2);
    expect(it.subscribed).toEqual(['/10.96.0.1']);
    it.answer({ nothing: ['/10.96.0.1'] });
    expect(it.dataPlane.of('outboundPlan')).toHaveLength(2);
  });
});

describe('an inbound request', () => {
  it('for a hostname asks for the service', async () => {
    const it = await rig();
    it.askVerdict('server', 'b.shop.svc.cluster.local:80', CLIENT_ID);
    expect([it.subscribed, it.dataPlane.of('inboundVerdict')]).toEqual([['shop/b.shop.svc.cluster.local'], []]);
    it.answer({ there: ['shop/b.shop.svc.cluster.local'] }, (state) => {
      state.upsertService(service('b', '10.96.0.1'));
      state.upsertWorkload(workload('server', '10.0.0.2', { services: memberOf('b') }));
    });
    expect(it.dataPlane.of('inboundVerdict')[0]?.verdict).toMatchObject({ kind: 'allow', dial: '10.0.0.2:8080' });
  });

  it('for the address of the pod asks nothing', async () => {
    const it = await rig();
    it.askVerdict('server', '10.0.0.2:80', CLIENT_ID);
    expect([it.subscribed, it.dataPlane.of('inboundVerdict').length]).toEqual([[], 1]);
  });

  it('without an answer is refused', async () => {
    const it = await rig();
    it.askVerdict('server', 'b.shop.svc.cluster.local:80', CLIENT_ID);
    await it.clock.advance(4000);
    expect(it.dataPlane.of('inboundVerdict')[0]?.verdict).toMatchObject({ kind: 'deny', status: 503 });
  });
});

it('addresses that are nobody are followed up to a number, then the oldest are given up and decided anew', async () => {
  const it = await rig();
  it.askPlan('client', '192.0.2.1:80');
  it.answer({ nothing: ['/192.0.2.1'] });
  const many = Array.from({ length: 20_000 }, (_, i) => `/10.${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`);
  it.onDemand!.ask(many, () => undefined);
  it.answer({ nothing: many });
  expect(it.subscribed.filter((key) => key.startsWith('-'))).toHaveLength(2000);
  expect(it.subscribed).toContain('-/192.0.2.1');
  expect(it.dataPlane.of('invalidate')).toEqual([{ type: 'invalidate', podUid: 'client' }]);
});
