import { status } from '@grpc/grpc-js';
import { PODS } from '@weft/kube';
import type { Clock } from '@weft/result';
import { systemClock } from '@weft/runtime';
import { verifyChain } from '@weft/spiffe';
import { until } from '@weft/testing-fixtures';
import { CaRig, SYSTEM, type CaClient, type PodPlace } from './testing/ca-rig.js';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const ZTUNNEL: PodPlace = { namespace: SYSTEM, account: 'ztunnel', node: 'node-1', name: 'ztunnel-1' };
const POD: PodPlace = { namespace: 'shop', account: 'web', node: 'node-1', name: 'web' };
const REFUSED = { code: status.UNAUTHENTICATED, details: 'request impersonation authentication failure' };

let rig: CaRig;
let client: CaClient;
let rootsPem: string;
/** How far the API server's clock is ahead. */
let aheadMs: number;
beforeEach(async () => {
  aheadMs = 0;
  rig = await CaRig.start(() => new Date(Date.now() + aheadMs));
  await connect();
});
afterEach(() => rig.close());

async function connect(clock?: Clock): Promise<void> {
  const ca = await rig.startCa({}, clock);
  await until(async () => (await rig.root(SYSTEM)) !== undefined, 'the root is distributed');
  rootsPem = (await rig.root(SYSTEM))!;
  client = rig.client(ca.grpc.port, rootsPem);
}

const remove = ({ namespace, name }: PodPlace): Promise<boolean> =>
  rig.kube.delete(PODS, namespace, name, { gracePeriodSeconds: 0 });
const phase = ({ namespace, name }: PodPlace, value: string): Promise<unknown> =>
  rig.kube.patch(PODS, namespace, name, { status: { phase: value } }, { kind: 'merge', subresource: 'status' });
/** Returns once the CA has seen everything that happened to pods before. */
async function caughtUp(): Promise<void> {
  const marker = { namespace: SYSTEM, account: 'ztunnel', node: 'node-9', name: `marker-${Math.random()}` };
  const token = await rig.startPod(marker);
  await rig.startPod({ namespace: 'shop', account: 'marker', node: 'node-9', name: `marker-${Math.random()}` });
  await client.certify(token, 'spiffe://cluster.local/ns/shop/sa/marker', { impersonate: true });
}

describe('a node proxy gets the identity of a pod', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['on its own node', () => rig.startPod(POD)],
    ['on its own node and on others', () => Promise.all([rig.startPod(POD), rig.startPod({ ...POD, node: 'node-2', name: 'web-2' })])],
    ['in the network of its own node, as in Istio', () => rig.startPod({ ...POD, hostNetwork: true })],
    ['one of two of which was deleted', async () => {
      await rig.startPod(POD);
      await rig.startPod({ ...POD, name: 'web-2' });
      await remove(POD);
    }],
  ])('%s', async (_where, set) => {
    const token = await rig.startPod(ZTUNNEL);
    await set();
    const { certChain } = await client.certify(token, WEB, { impersonate: true });
    expect(verifyChain(certChain.slice(0, -1), rootsPem, Date.now())).toEqual({ ok: true, value: WEB });
  }); // prettier-ignore

  it('also if it runs in the network of the node itself: nobody is known by address', async () => {
    const token = await rig.startPod({ ...ZTUNNEL, hostNetwork: true });
    await rig.startPod(POD);
    await client.certify(token, WEB, { impersonate: true });
  });
});

describe('a node proxy gets no identity', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['of a pod on another node', () => rig.startPod({ ...POD, node: 'node-2' })],
    ['of a pod in the network of another node', () => rig.startPod({ ...POD, node: 'node-2', hostNetwork: true })],
    ['of a pod that was deleted', async () => {
      await rig.startPod(POD);
      await remove(POD);
    }],
    ['of a pod that has failed', async () => {
      await rig.startPod(POD);
      await phase(POD, 'Failed');
    }],
    ['of a pod that has finished', async () => {
      await rig.startPod(POD);
      await phase(POD, 'Succeeded');
    }],
    ['of a pod that has no node yet', () => rig.startPod({ ...POD, node: '' })],
    ['of a service account that only another namespace has', () => rig.startPod({ ...POD, namespace: SYSTEM })],
    ['of a service account that does not exist', () => Promise.resolve()],
  ])('%s, and is told the same each time', async (_what, set) => {
    const token = await rig.startPod(ZTUNNEL);
    await set();
    await caughtUp();
    await expect(client.certify(token, WEB, { impersonate: true })).rejects.toMatchObject(REFUSED);
  }); // prettier-ignore

  it.each<[string, () => Promise<string>]>([
    ['with another service account', () => rig.startPod({ ...ZTUNNEL, account: 'other' })],
    ['with the same name in another namespace', () => rig.startPod({ ...ZTUNNEL, namespace: 'shop' })],
    ['with a token that is not bound to a pod', async () => {
      await rig.startPod(ZTUNNEL);
      return (await rig.kube.createToken(SYSTEM, 'ztunnel', { audiences: ['istio-ca'], expirationSeconds: 3600 })).token;
    }],
    ['that runs on no node', () => rig.startPod({ ...ZTUNNEL, node: '' })],
  ])('%s', async (_which, make) => {
    const token = await make();
    await rig.startPod(POD);
    await caughtUp();
    await expect(client.certify(token, WEB, { impersonate: true })).rejects.toMatchObject(REFUSED);
  }); // prettier-ignore
});

describe('time', () => {
  it('a token that has expired is refused', async () => {
    const token = await rig.startPod(POD);
    aheadMs = 2 * 3_600_000;
    await expect(client.certify(token, WEB)).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: 'authentication failed',
    });
  });

  it.each([
    ['ahead', 90_000],
    ['behind', -90_000],
  ])('a CA whose clock is 90 s %s issues certificates that are good now', async (_way, offMs) => {
    await connect({ ...systemClock, now: () => Date.now() + offMs });
    const { certChain } = await client.certify(await rig.startPod(POD), WEB);
    expect(verifyChain(certChain.slice(0, -1), rootsPem, Date.now())).toEqual({ ok: true, value: WEB });
  });

  it('a CA whose clock is hours behind does not start, and says what it sees', async () => {
    await expect(connect({ ...systemClock, now: () => Date.now() - 5 * 3_600_000 })).rejects.toThrow(
      /signing certificate refused: it is not valid before/,
    );
  });
});
