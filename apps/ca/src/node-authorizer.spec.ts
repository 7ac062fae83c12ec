import type { Informer, InformerHandler, Pod } from '@weft/kube';
import { parseSpiffeId, type SpiffeId } from '@weft/spiffe';
import { FakeClock } from '@weft/testing-fixtures';
import { NodeAuthorizer } from './node-authorizer.js';

/** The part of an informer that the authorizer uses, driven by hand. */
class FakePods {
  readonly #pods = new Map<string, Pod>();
  #handler: InformerHandler<Pod> = {};

  on(handler: InformerHandler<Pod>): () => void {
    this.#handler = handler;
    return () => undefined;
  }
  get(namespace: string | undefined, name: string): Pod | undefined {
    return this.#pods.get(`${namespace ?? ''}/${name}`);
  }
  set(
    name: string,
    account: string,
    node: string,
    phase = 'Running',
    uid = `uid-of-${name}`,
    metadata: object = {},
  ): void {
    const [namespace = '', serviceAccountName = ''] = account.split('/');
    const pod = {
      metadata: { namespace, name, uid, ...metadata },
      spec: { serviceAccountName, nodeName: node },
      status: { phase },
    } as Pod;
    const old = this.#pods.get(`${namespace}/${name}`);
    this.#pods.set(`${namespace}/${name}`, pod);
    if (old) this.#handler.updated?.(pod, old);
    else this.#handler.added?.(pod);
  }
  delete(namespace: string, name: string): void {
    const key = `${namespace}/${name}`;
    const pod = this.#pods.get(key)!;
    this.#pods.delete(key);
    this.#handler.deleted?.(pod);
  }
}

function id(account: string): SpiffeId {
  const parsed = parseSpiffeId(`spiffe://cluster.local/ns/${account.replace('/', '/sa/')}`);
  if (!parsed.ok) throw parsed.error;
  return parsed.value;
}

describe('a node proxy asks for the identity of a pod', () => {
  const ztunnel = {
    namespace: 'istio-system',
    serviceAccount: 'ztunnel',
    by: 'kubernetes' as const,
    pod: { name: 'ztunnel-1', uid: 'uid-of-ztunnel-1' },
  };
  let pods: FakePods;
  let authorizer: NodeAuthorizer;
  let clock: FakeClock;
  beforeEach(() => {
    pods = new FakePods();
    clock = new FakeClock();
    authorizer = new NodeAuthorizer(
      pods as unknown as Informer<Pod>,
      {
        namespace: 'istio-system',
        trustedNodeAccounts: new Set(['istio-system/ztunnel']),
        registrationAccounts: new Set(['mesh/ca']),
      },
      clock,
    );
    pods.set('ztunnel-1', 'istio-system/ztunnel', 'node-1');
    pods.set('web', 'shop/web', 'node-1');
    pods.set('db', 'shop/db', 'node-2');
  });

  it('may, for a service account that runs on its own node', () => {
    expect(authorizer.refusal(ztunnel, id('shop/web'))).toBeNull();
  });
  it('may not, for a service account that runs on another node only', () => {
    expect(authorizer.refusal(ztunnel, id('shop/db'))).toBe('no pod of shop/db runs on node node-1');
  });
  it('may not any more once the last such pod is gone', () => {
    pods.set('web-2', 'shop/web', 'node-1');
    pods.delete('shop', 'web');
    expect(authorizer.refusal(ztunnel, id('shop/web'))).toBeNull();
    pods.delete('shop', 'web-2');
    expect(authorizer.refusal(ztunnel, id('shop/web'))).not.toBeNull();
  });
  it('may not, for a pod that has failed', () => {
    pods.set('web', 'shop/web', 'node-1', 'Failed');
    expect(authorizer.refusal(ztunnel, id('shop/web'))).not.toBeNull();
  });
  it('may not, when its account is not a trusted node account', () => {
    expect(authorizer.refusal({ ...ztunnel, namespace: 'shop', serviceAccount: 'web' }, id('shop/web'))).toContain(
      'may not ask for other identities',
    );
  });
  it('may not, with a token that is not bound to a pod', () => {
    const unbound = { namespace: ztunnel.namespace, serviceAccount: ztunnel.serviceAccount, by: 'kubernetes' as const };
    expect(authorizer.refusal(unbound, id('shop/web'))).toContain('not bound to a pod');
  });
  it('may not, with the token of a pod that was deleted and made again', () => {
    pods.set('ztunnel-1', 'istio-system/ztunnel', 'node-1', 'Running', 'another-uid');
    expect(authorizer.refusal(ztunnel, id('shop/web'))).toContain('not the one the token was made for');
  });
  it('may, for any identity, if it is another CA that is named, but not by a certificate', () => {
    const ca = { namespace: 'mesh', serviceAccount: 'ca' };
    expect(authorizer.refusal({ ...ca, by: 'oidc' }, id('shop/nobody'))).toBeNull();
    expect(authorizer.refusal({ ...ca, by: 'certificate' }, id('shop/web'))).toContain('may not ask');
  });
  it('knows which service accounts have a live pod, wherever it runs', () => {
    expect([authorizer.lives('shop', 'db'), authorizer.lives('shop', 'nobody')]).toEqual([true, false]);
    pods.set('db', 'shop/db', 'node-2', 'Failed');
    expect(authorizer.lives('shop', 'db')).toBe(false);
  });
  it('waits a moment for a pod that the watch has not brought yet', async () => {
    const refusal = authorizer.settledRefusal(ztunnel, id('shop/new'));
    pods.set('other', 'shop/other', 'node-1');
    pods.set('new', 'shop/new', 'node-1');
    expect(await refusal).toBeNull();
    expect(clock.pendingTimers).toBe(0);
  });
  it('waits no longer than that moment', async () => {
    const refusal = authorizer.settledRefusal(ztunnel, id('shop/db'));
    await clock.advance(1000);
    expect(await refusal).toBe('no pod of shop/db runs on node node-1');
  });
  it('is refused at once where waiting cannot help', async () => {
    const web = { ...ztunnel, namespace: 'shop', serviceAccount: 'web' };
    expect(await authorizer.settledRefusal(web, id('shop/db'))).toContain('may not ask for other identities');
    expect(clock.pendingTimers).toBe(0);
  });
  it('does not let more than 32 requests wait', async () => {
    const waiting = Array.from({ length: 32 }, () => authorizer.settledRefusal(ztunnel, id('shop/db')));
    expect(await authorizer.settledRefusal(ztunnel, id('shop/db'))).toContain('no pod of shop/db');
    await clock.advance(1000);
    await Promise.all(waiting);
  });
});

describe('a proxy of the pool asks for the identity of a waypoint', () => {
  const CLAIM = { annotations: { 'weft.io/claimed-by': 'shop/wp', 'weft.io/claimed-account': 'wp' } };
  const caller = {
    namespace: 'istio-system',
    serviceAccount: 'weft-waypoint-pool',
    by: 'kubernetes' as const,
    pod: { name: 'pool-1', uid: 'uid-of-pool-1' },
  };
  const setUp = (metadata: object = CLAIM, account = 'istio-system/weft-waypoint-pool') => {
    const pods = new FakePods();
    const authorizer = new NodeAuthorizer(
      pods as unknown as Informer<Pod>,
      { namespace: 'istio-system', trustedNodeAccounts: new Set(), registrationAccounts: new Set() },
      new FakeClock(),
    );
    const [namespace = ''] = account.split('/');
    pods.set('pool-1', account, 'n1', 'Running', 'uid-of-pool-1', metadata);
    // The account runs on the same node, which is not what counts here.
    pods.set('other', 'shop/other', 'n1');
    return { pods, authorizer, namespace };
  };

  it('and gets that of the Gateway that has claimed this very pod', () => {
    expect(setUp().authorizer.refusal(caller, id('shop/wp'))).toBeNull();
  });

  it.each([
    ['another account of the namespace', 'shop/other', 'pod istio-system/pool-1 is claimed in the name of shop/wp'],
    ['the same account elsewhere', 'prod/wp', 'pod istio-system/pool-1 is claimed in the name of shop/wp'],
    ['the CA', 'istio-system/weft-ca', 'pod istio-system/pool-1 is claimed in the name of shop/wp'],
  ])('and not that of %s', (_, wanted, reason) => {
    expect(setUp().authorizer.refusal(caller, id(wanted))).toBe(reason);
  });

  it.each([
    ['nobody has claimed it', {}, 'pod istio-system/pool-1 is claimed by no Gateway'],
    [
      'it is being deleted',
      { ...CLAIM, deletionTimestamp: '2026-01-01T00:00:00Z' },
      'pod istio-system/pool-1 is being deleted',
    ],
    [
      'it is claimed for an account of the mesh',
      { annotations: { ...CLAIM.annotations, 'weft.io/claimed-by': 'istio-system/wp' } },
      'pod istio-system/pool-1 is claimed by no Gateway',
    ],
  ])('and none when %s', (_, metadata, reason) => {
    expect(setUp(metadata).authorizer.refusal(caller, id('shop/wp'))).toBe(reason);
  });

  it('and none when its pod was replaced by another one of the same name', () => {
    const { authorizer } = setUp({ ...CLAIM, uid: 'another' });
    expect(authorizer.refusal(caller, id('shop/wp'))).toContain('is not the one the token was made for');
  });

  it('and no longer when the claim is gone', () => {
    const { pods, authorizer } = setUp();
    pods.set('pool-1', 'istio-system/weft-waypoint-pool', 'n1');
    expect(authorizer.refusal(caller, id('shop/wp'))).toBe('pod istio-system/pool-1 is claimed by no Gateway');
  });
});
