import * as fc from 'fast-check';
import { DeltaClient, type DeltaUpdate, type RejectedResource } from './delta-client.js';
import { encodeFirstRequest, type FirstRequest } from './first-request.js';
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import { Node } from './gen/envoy/config/core/v3/base.js';
import { ADDRESS_TYPE_URL as ADDRESS, AUTHORIZATION_TYPE_URL as POLICY } from './type-urls.js';

/** As the server sees it. */
function decoded(first: FirstRequest): DeltaDiscoveryRequest {
  const steps = encodeFirstRequest(first);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return DeltaDiscoveryRequest.decode(step.value);
  }
}

interface Rig {
  readonly client: DeltaClient;
  readonly updates: DeltaUpdate[];
  readonly synced: { count: number };
}

function rig(options: { onDemand?: boolean; divisible?: boolean; reject?: (name: string) => string | null } = {}): Rig {
  const updates: DeltaUpdate[] = [];
  const synced = { count: 0 };
  const apply = (update: DeltaUpdate): readonly RejectedResource[] => {
    updates.push(update);
    return update.upserts.flatMap(({ name }) => {
      const reason = options.reject?.(name) ?? null;
      return reason === null ? [] : [{ name, reason }];
    });
  };
  const client = new DeltaClient({
    node: Node.fromPartial({ id: 'ztunnel~1.1.1.1~a.b~b.svc.cluster.local' }),
    subscriptions: [
      {
        typeUrl: ADDRESS,
        mode: options.onDemand === true ? 'on-demand' : 'wildcard',
        divisible: options.divisible === true,
        apply,
      },
      { typeUrl: POLICY, mode: 'wildcard', apply },
    ],
    onSynced: () => synced.count++,
  });
  return { client, updates, synced };
}

function push(
  typeUrl: string,
  resources: Record<string, string>,
  removed: string[] = [],
  nonce = 'n1',
): DeltaDiscoveryResponse {
  return DeltaDiscoveryResponse.fromPartial({
    typeUrl,
    nonce,
    resources: Object.entries(resources).map(([name, version]) => ({
      name,
      version,
      resource: { typeUrl, value: Buffer.from(name) },
    })),
    removedResources: removed,
  });
}

describe('DeltaClient', () => {
  it('asks for every type on a new stream, with the node in the first request only', () => {
    const [first, second, ...rest] = rig().client.connected().map(decoded);
    expect(first).toMatchObject({ typeUrl: ADDRESS, initialResourceVersions: {}, resourceNamesSubscribe: [] });
    expect(first?.node?.id).toBe('ztunnel~1.1.1.1~a.b~b.svc.cluster.local');
    expect(second).toMatchObject({ typeUrl: POLICY });
    expect(second?.node).toBeUndefined();
    expect(rest).toEqual([]);
  });

  it('acknowledges with type and nonce, and hands upserts and removals on', () => {
    const { client, updates } = rig();
    client.connected();
    const ack = client.receive(push(ADDRESS, { a: '1' }, ['b'], 'n7'));
    expect(ack).toMatchObject({ typeUrl: ADDRESS, responseNonce: 'n7' });
    expect(ack.errorDetail).toBeUndefined();
    expect(updates[0]).toMatchObject({
      removals: ['b'],
      upserts: [{ name: 'a', version: '1', body: Buffer.from('a') }],
    });
  });

  it('a large push is applied in parts, removals last, and acknowledged once', () => {
    const { client, updates } = rig({ reject: (name) => (name === 'w7' ? 'is bad' : null) });
    client.connected();
    const names = Array.from({ length: 2500 }, (_, i) => `w${i}`);
    const answer = client.receive(push(ADDRESS, Object.fromEntries(names.map((name) => [name, '1'])), ['old']));
    expect(updates.flatMap(({ upserts }) => upserts.map(({ name }) => name))).toEqual(names);
    expect(updates.length).toBeGreaterThan(1);
    expect(updates.at(-1)!.removals).toEqual(['old']);
    expect(updates.slice(0, -1).flatMap(({ removals }) => removals)).toEqual([]);
    expect(answer).toMatchObject({ responseNonce: 'n1', errorDetail: { message: 'w7: is bad' } });
    expect(client.versions(ADDRESS).size).toBe(2499);
  });

  it('a large push of a divisible type is applied in steps; given up half way, what was applied is held', () => {
    const { client, updates } = rig({ divisible: true });
    client.connected();
    const names = Array.from({ length: 250 }, (_, i) => `w${i}`);
    const all = push(ADDRESS, Object.fromEntries(names.map((name) => [name, '1'])), ['old']);
    const givenUp = client.receiveInSteps(all);
    expect(givenUp.next().done).toBe(false);
    client.disconnected();
    const held = decoded(client.connected()[0]!).initialResourceVersions;
    expect(Object.keys(held)).toEqual(updates[0]!.upserts.map(({ name }) => name));
    expect(client.synced).toBe(false);
    let steps = 0;
    const again = client.receiveInSteps(all);
    while (again.next().done !== true) steps++;
    expect(steps).toBeGreaterThan(1);
    expect(client.versions(ADDRESS).size).toBe(250);
  });

  it('a push of a type that is not divisible is applied in one step, however large', () => {
    const { client } = rig();
    client.connected();
    const names = Array.from({ length: 250 }, (_, i) => `w${i}`);
    const steps = client.receiveInSteps(push(ADDRESS, Object.fromEntries(names.map((name) => [name, '1']))));
    expect(steps.next().done).toBe(true);
  });

  it('tells of thousands of versions in steps, which are one message', () => {
    const { client } = rig();
    client.connected();
    const versions = Object.fromEntries(Array.from({ length: 2500 }, (_, i) => [`w${i}`, String(i)]));
    client.receive(push(ADDRESS, versions));
    client.disconnected();
    const [first] = client.connected();
    expect(encodeFirstRequest(first!).next().done).toBe(false);
    expect(decoded(first!)).toMatchObject({ typeUrl: ADDRESS, initialResourceVersions: versions });
  });

  it('rejects one resource by name and reason while the valid ones of the same push stay applied', () => {
    const { client } = rig({ reject: (name) => (name === 'bad' ? 'unknown enum' : null) });
    client.connected();
    const nack = client.receive(push(ADDRESS, { good: '1', bad: '2' }));
    expect(nack.errorDetail).toMatchObject({ code: 0, message: 'bad: unknown enum' });
    expect([...client.versions(ADDRESS)]).toEqual([['good', '1']]);
  });

  it('rejects a resource without content or of another type', () => {
    const { client, updates } = rig();
    client.connected();
    const nack = client.receive(
      DeltaDiscoveryResponse.fromPartial({
        typeUrl: ADDRESS,
        nonce: 'n',
        resources: [{ name: 'empty' }, { name: 'alien', resource: { typeUrl: POLICY } }],
      }),
    );
    expect(nack.errorDetail?.message).toBe(`empty: has no content; alien: is a ${POLICY}`);
    expect(updates[0]?.upserts).toEqual([]);
  });

  it('reports what it holds after a reconnect, without what it rejected or what was removed', () => {
    const { client } = rig({ reject: (name) => (name === 'bad' ? 'no' : null) });
    client.connected();
    client.receive(push(ADDRESS, { a: '1', b: '2', bad: '3' }));
    client.receive(push(ADDRESS, { b: '4' }, ['a']));
    client.disconnected();
    expect(decoded(client.connected()[0]!).initialResourceVersions).toEqual({ b: '4' });
  });

  it('forgets the version of a resource whose update is rejected, so that a reconnect gets it again', () => {
    let broken = false;
    const { client } = rig({ reject: () => (broken ? 'no' : null) });
    client.connected();
    client.receive(push(ADDRESS, { a: '1' }));
    broken = true;
    client.receive(push(ADDRESS, { a: '2' }));
    expect(decoded(client.connected()[0]!).initialResourceVersions).toEqual({});
  });

  it('is synced once every wildcard type had a response, the first time only', () => {
    const { client, synced } = rig();
    client.connected();
    client.receive(push(ADDRESS, {}));
    expect(synced.count).toBe(0);
    client.receive(push(POLICY, {}));
    client.receive(push(POLICY, {}));
    client.disconnected();
    client.connected();
    client.receive(push(POLICY, {}));
    expect(synced.count).toBe(1);
    expect(client.synced).toBe(true);
  });

  it('acknowledges a type that it never asked for', () => {
    const { client, updates } = rig();
    expect(client.receive(push('type.googleapis.com/other', { a: '1' }, [], 'x'))).toMatchObject({
      responseNonce: 'x',
    });
    expect(updates).toEqual([]);
  });

  it('on demand subscribes to the wildcard and takes it back, so that nothing comes unasked', () => {
    const { client, synced } = rig({ onDemand: true });
    expect(decoded(client.connected()[0]!)).toMatchObject({
      resourceNamesSubscribe: ['*'],
      resourceNamesUnsubscribe: ['*'],
    });
    client.receive(push(POLICY, {}));
    expect(synced.count).toBe(1);
  });

  it('asks for a name once, and again after a reconnect with an empty version while it is pending', () => {
    const { client } = rig({ onDemand: true });
    expect(client.subscribe(ADDRESS, ['/10.0.0.1'])).toBeNull();
    expect(decoded(client.connected()[0]!)).toMatchObject({
      resourceNamesSubscribe: ['*', '/10.0.0.1'],
      initialResourceVersions: { '/10.0.0.1': '' },
    });
    expect(client.subscribe(ADDRESS, ['/10.0.0.1', 'x', 'x'])).toMatchObject({ resourceNamesSubscribe: ['x'] });
    expect(client.unsubscribe(ADDRESS, ['x', 'never'])).toMatchObject({ resourceNamesUnsubscribe: ['x'] });
    expect(client.unsubscribe(ADDRESS, ['x'])).toBeNull();
  });
});

describe('properties', () => {
  it('holds exactly what a map that replays the pushes holds', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd');
    const pushes = fc.array(
      fc.record({
        up: fc.dictionary(name, fc.string({ minLength: 1, maxLength: 2 })),
        down: fc.uniqueArray(name),
        reconnect: fc.boolean(),
      }),
    );
    fc.assert(
      fc.property(pushes, (steps) => {
        const { client } = rig();
        const want = new Map<string, string>();
        for (const { up, down, reconnect } of steps) {
          if (reconnect) client.connected();
          client.receive(push(ADDRESS, up, down));
          for (const [key, version] of Object.entries(up)) want.set(key, version);
          for (const key of down) want.delete(key);
        }
        expect(decoded(client.connected()[0]!).initialResourceVersions).toEqual(Object.fromEntries(want));
      }),
    );
  });
});
