import type { Pod } from '@weft/kube';
import { FakeClock } from '@weft/testing-fixtures';
import type { ClaimAnswer } from './claim-call.js';
import { ProxyPool, type PoolCustomer } from './proxy-pool.js';

const GATEWAY = 'gateway.networking.k8s.io/gateway-name';
const SHOP: PoolCustomer = { key: 'shop/wp', uid: 'u1', serviceAccount: 'wp', podLabel: 'wp' };

type Metadata = { labels: Record<string, string>; annotations: Record<string, string> };

/** Warm proxies, and an API server that does at once what it is told. */
class Rig {
  readonly clock = new FakeClock();
  readonly pods = new Map<string, Pod>();
  readonly told: string[] = [];
  readonly events: string[] = [];
  answer: (name: string) => ClaimAnswer = () => 'ready';
  refuse: (name: string) => boolean = () => false;
  readonly pool = this.fresh();

  constructor(names: readonly string[]) {
    for (const name of names) this.set(name, { labels: { 'weft.io/pool': 'warm' }, annotations: {} });
  }

  /** As another process sees it. */
  fresh(): ProxyPool {
    return new ProxyPool({
      kube: {
        patch: (_type, _namespace, name, body) => {
          if (this.refuse(name)) return Promise.reject(new Error('conflict'));
          const { metadata } = body as { metadata: Partial<Metadata> };
          const before = this.metadataOf(name);
          this.set(name, {
            labels: { ...before.labels, ...metadata.labels },
            annotations: { ...before.annotations, ...metadata.annotations },
          });
          this.events.push(`${metadata.annotations === undefined ? 'serves' : 'claimed'} ${name}`);
          return Promise.resolve(this.pods.get(name) as never);
        },
        delete: (_type, _namespace, name) => {
          this.events.push(`deleted ${name}`);
          return Promise.resolve(this.pods.delete(name));
        },
      },
      pods: { list: () => [...this.pods.values()] },
      tell: (ip, { namespace, serviceAccount }) => {
        this.told.push(`${ip} ${namespace}/${serviceAccount}`);
        return Promise.resolve(this.answer(ip));
      },
      clock: this.clock,
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
      onClaimed: () => undefined,
    });
  }

  /** As if the process had ended before it was brought in. */
  unserve(name: string): void {
    this.set(name, { labels: { 'weft.io/pool': 'claimed' }, annotations: this.metadataOf(name).annotations });
  }

  metadataOf(name: string): Metadata {
    return this.pods.get(name)!.metadata as unknown as Metadata;
  }

  /** Lets time pass until it is done. */
  async done(work: Promise<void>): Promise<void> {
    const state = { over: false };
    const end = work.finally(() => (state.over = true));
    for (let i = 0; i < 1000 && !state.over; i++) await this.clock.advance(50);
    await end;
  }

  private set(name: string, metadata: Metadata): void {
    this.pods.set(name, {
      metadata: { name, namespace: 'istio-system', uid: `uid-${name}`, ...metadata },
      status: { podIP: name, conditions: [{ type: 'Ready', status: 'True' }] },
    });
  }
}

describe('the pool of proxies', () => {
  it('a claim is on the pod before the proxy is told, and it joins the Service once it serves', async () => {
    const rig = new Rig(['a', 'b']);
    let asked = 0;
    rig.answer = () => (asked++ < 2 ? 'pending' : 'ready');
    await rig.done(rig.pool.scale(SHOP, 1));
    expect(rig.events).toEqual(['claimed a', 'serves a']);
    expect(rig.told).toEqual(Array(3).fill('a shop/wp'));
    expect(rig.metadataOf('a')).toMatchObject({
      labels: { 'weft.io/pool': 'claimed', [GATEWAY]: 'wp' },
      annotations: { 'weft.io/claimed-by': 'shop/wp', 'weft.io/claimed-account': 'wp', 'weft.io/claimed-uid': 'u1' },
    });
    expect(rig.pool.serving('shop/wp')).toBe(1);
  });

  it('one that somebody else took is left, and the next one taken', async () => {
    const rig = new Rig(['a', 'b']);
    rig.refuse = (name) => name === 'a';
    await rig.done(rig.pool.scale(SHOP, 1));
    expect(rig.events).toEqual(['claimed b', 'serves b']);
  });

  it('two Gateways never get the same one', async () => {
    const rig = new Rig(['a', 'b']);
    const other = { ...SHOP, key: 'prod/wp', uid: 'u2' };
    await rig.done(Promise.all([rig.pool.scale(SHOP, 1), rig.pool.scale(other, 1)]).then(() => undefined));
    expect([rig.pool.serving('shop/wp'), rig.pool.serving('prod/wp')]).toEqual([1, 1]);
  });

  it('an empty pool gives what it has', async () => {
    const rig = new Rig(['a']);
    await rig.done(rig.pool.scale(SHOP, 3));
    expect(rig.pool.serving('shop/wp')).toBe(1);
  });

  it.each<[string, ClaimAnswer]>([
    ['refuses', 'refused'],
    ['never serves', 'pending'],
    ['says nothing', 'silent'],
  ])('a proxy that %s is thrown away', async (_, answer) => {
    const rig = new Rig(['a']);
    rig.answer = () => answer;
    await rig.done(rig.pool.scale(SHOP, 1));
    expect(rig.events).toEqual(['claimed a', 'deleted a']);
  });

  it('what another process claimed and did not finish is brought in by the next one', async () => {
    const rig = new Rig(['a', 'b']);
    await rig.done(rig.pool.scale(SHOP, 1));
    rig.unserve('a');
    rig.events.length = 0;
    await rig.done(rig.fresh().scale(SHOP, 1));
    expect(rig.events).toEqual(['serves a']);
  });

  it('what is let go is deleted, never given to another; those that do not serve yet first', async () => {
    const rig = new Rig(['a', 'b']);
    await rig.done(rig.pool.scale(SHOP, 2));
    rig.unserve('a');
    rig.events.length = 0;
    await rig.done(rig.pool.scale(SHOP, 1));
    expect(rig.events).toEqual(['deleted a']);
    await rig.done(rig.pool.scale(SHOP, 0));
    expect(rig.pods.size).toBe(0);
  });

  it('a Gateway of the same name made anew does not inherit', async () => {
    const rig = new Rig(['a', 'b']);
    await rig.done(rig.pool.scale(SHOP, 1));
    await rig.done(rig.pool.scale({ ...SHOP, uid: 'u2' }, 1));
    expect(rig.events).toEqual(['claimed a', 'serves a', 'deleted a', 'claimed b', 'serves b']);
  });

  it('what a Gateway that is gone has left is swept, and nothing else', async () => {
    const rig = new Rig(['a', 'b', 'c']);
    await rig.done(rig.pool.scale(SHOP, 1));
    await rig.done(rig.pool.scale({ ...SHOP, key: 'prod/wp' }, 1));
    await rig.pool.sweep((key) => key === 'prod/wp');
    expect([...rig.pods.keys()]).toEqual(['b', 'c']);
  });
});
