import fc from 'fast-check';
import { DeltaClient } from './delta-client.js';
import { DeltaServer } from './delta-server.js';
import { encodeDeltaPush, type DeltaPush, type DeltaServerSession, type Nack } from './delta-server-session.js';
import { encodeFirstRequest } from './first-request.js';
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import { ADDRESS_TYPE_URL as ADDRESS, AUTHORIZATION_TYPE_URL as AUTHORIZATION } from './type-urls.js';
import { makeXdsResource, type XdsResource } from './xds-resource.js';

/** What a generator returns. */
function lastOf<T>(steps: Generator<unknown, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

const resource = (name: string, body: string, more: { aliases?: string[]; relatedTo?: string[] } = {}): XdsResource =>
  makeXdsResource({ name, typeUrl: ADDRESS, body: Buffer.from(body), ...more });
const request = (fields: Parameters<typeof DeltaDiscoveryRequest.fromPartial>[0]) =>
  DeltaDiscoveryRequest.fromPartial({ typeUrl: ADDRESS, ...fields });
const names = (pushes: readonly DeltaPush[]) =>
  pushes.map(({ changes }) =>
    [...changes.upserts.map(({ name }) => name), ...changes.removals.map((name) => `-${name}`)].join(' '),
  );

describe('the delta server', () => {
  const setUp = (...resources: XdsResource[]) => {
    const server = new DeltaServer([ADDRESS, AUTHORIZATION]);
    const nacks: Nack[] = [];
    const session = server.open((nack) => nacks.push(nack));
    const set = (...upserts: XdsResource[]) => server.apply(ADDRESS, { upserts, removals: [] });
    const remove = (...removals: string[]) => server.apply(ADDRESS, { upserts: [], removals });
    set(...resources);
    const ack = (pushes: readonly DeltaPush[]) =>
      pushes.flatMap(({ nonce, typeUrl }) => session.receive(request({ typeUrl, responseNonce: nonce }), 0));
    return { server, session, nacks, set, remove, ack };
  };

  it('sends a wildcard client everything, then only what changed', () => {
    const { session, set, remove, ack } = setUp(resource('a', '1'), resource('b', '1'));
    const first = session.receive(request({}), 0);
    expect(names(first)).toEqual(['a b']);
    ack(first);
    set(resource('a', '1'), resource('b', '2'));
    const second = session.poll(0);
    expect(names(second)).toEqual(['b']);
    ack(second);
    set(resource('c', '1'));
    remove('a', 'never there');
    expect(names(session.poll(0))).toEqual(['c -a']);
  });

  it('answers even when there is nothing to send, so that the client can become ready', () => {
    const { session } = setUp();
    expect(names(session.receive(request({}), 0))).toEqual(['']);
  });

  it('sends after a reconnect what differs from initial_resource_versions, and removes what is gone', () => {
    const { session } = setUp(resource('same', '1'), resource('changed', '2'), resource('new', '1'));
    const initialResourceVersions = {
      same: resource('same', '1').version,
      changed: resource('changed', '1').version,
      gone: 'x',
      rejected: '',
    };
    expect(names(session.receive(request({ initialResourceVersions }), 0))).toEqual(['changed new -gone -rejected']);
  });

  it('holds changes back until the response is acknowledged, and then sends the newest state once', () => {
    const { session, set, ack } = setUp(resource('a', '1'));
    const first = session.receive(request({}), 0);
    set(resource('a', '2'));
    set(resource('a', '3'));
    expect(session.poll(0)).toEqual([]);
    const next = ack(first);
    expect(next.map(({ changes }) => changes.upserts.map(({ version }) => version))).toEqual([
      [resource('a', '3').version],
    ]);
    expect(session.poll(0)).toEqual([]);
  });

  it('says whether a client has what there is, has not answered, or refused it', () => {
    const { session, set, ack } = setUp(resource('a', '1'));
    const sync = () => session.states()[0]?.sync;
    const first = session.receive(request({}), 0);
    expect(sync()).toBe('unanswered');
    ack(first);
    expect(sync()).toBe('synced');
    set(resource('a', '2'));
    expect(sync()).toBe('waiting');
    const [second] = session.poll(0);
    const errorDetail = { code: 3, message: 'no', details: [] };
    session.receive(request({ responseNonce: second!.nonce, errorDetail }), 0);
    expect(sync()).toBe('rejected');
    set(resource('a', '3'));
    ack(session.poll(0));
    expect(sync()).toBe('synced');
  });

  it('gives up on an acknowledgement after 30 seconds', () => {
    const { session, set } = setUp(resource('a', '1'));
    session.receive(request({}), 0);
    set(resource('a', '2'));
    expect(session.poll(29_999)).toEqual([]);
    expect(names(session.poll(30_000))).toEqual(['a']);
  });

  it('records a NACK with its reason and does not send the same again', () => {
    const { session, nacks, set } = setUp(resource('a', '1'));
    const [push] = session.receive(request({}), 0);
    const answer = session.receive(
      request({ responseNonce: push!.nonce, errorDetail: { code: 0, message: 'a: bad' } }),
      0,
    );
    expect([answer, nacks, session.states()[0]]).toMatchObject([
      [],
      [{ typeUrl: ADDRESS, message: 'a: bad' }],
      { nacks: 1, lastNack: 'a: bad', ackedVersion: '0' },
    ]);
    set(resource('a', '2'));
    expect(names(session.poll(0))).toEqual(['a']);
  });

  it('ignores a stale nonce', () => {
    const { session, set } = setUp(resource('a', '1'));
    session.receive(request({}), 0);
    set(resource('a', '2'));
    expect(session.receive(request({ responseNonce: 'other' }), 0)).toEqual([]);
  });

  it('answers a type it does not serve once, with nothing', () => {
    const { session } = setUp();
    const [push] = session.receive(request({ typeUrl: 'type.googleapis.com/x' }), 0);
    expect(push).toMatchObject({ typeUrl: 'type.googleapis.com/x', changes: { upserts: [], removals: [] } });
    expect(session.receive(request({ typeUrl: 'type.googleapis.com/x', responseNonce: push!.nonce }), 0)).toEqual([]);
  });

  describe('on demand', () => {
    const onDemand = { resourceNamesSubscribe: ['*'], resourceNamesUnsubscribe: ['*'] };
    const service = resource('ns/svc', '1', { aliases: ['net/10.0.0.1'] });
    const pod = (name: string, body: string, ip: string) =>
      resource(name, body, { aliases: [`net/${ip}`], relatedTo: ['ns/svc'] });

    it('pushes nothing until asked', () => {
      const { session, set, ack } = setUp(service);
      const first = session.receive(request(onDemand), 0);
      expect(names(first)).toEqual(['']);
      ack(first);
      set(resource('other', '1'));
      expect(session.poll(0)).toEqual([]);
    });

    it('gives for a VIP the service and its workloads, and follows them', () => {
      const { session, set, remove, ack } = setUp(service, pod('p1', '1', '10.1.0.1'), resource('other', '1'));
      ack(session.receive(request(onDemand), 0));
      const answer = session.receive(request({ resourceNamesSubscribe: ['net/10.0.0.1'] }), 0);
      expect(names(answer)).toEqual(['ns/svc p1']);
      ack(answer);
      set(pod('p2', '1', '10.1.0.2'), resource('other', '2'));
      remove('p1');
      expect(names(session.poll(0))).toEqual(['p2 -p1']);
    });

    it('finds a workload by address and by uid, a service by namespace/hostname', () => {
      const { session, ack } = setUp(service, pod('uid', '1', '10.1.0.1'));
      ack(session.receive(request(onDemand), 0));
      for (const key of ['net/10.1.0.1', 'uid']) {
        expect(names(session.receive(request({ resourceNamesSubscribe: [key] }), 0))).toEqual(['uid']);
      }
      expect(names(session.receive(request({ resourceNamesSubscribe: ['ns/svc'] }), 0))).toEqual(['ns/svc uid']);
    });

    it('says that a key has nothing, and sends it when it appears', () => {
      const { session, set, ack } = setUp();
      ack(session.receive(request(onDemand), 0));
      const answer = session.receive(request({ resourceNamesSubscribe: ['net/10.1.0.9'] }), 0);
      expect(names(answer)).toEqual(['-net/10.1.0.9']);
      ack(answer);
      set(pod('late', '1', '10.1.0.9'));
      expect(names(session.poll(0))).toEqual(['late']);
    });

    it('resumes after a reconnect: pending keys come with an empty version', () => {
      const { session } = setUp(service, pod('p1', '2', '10.1.0.1'));
      const initialResourceVersions = { 'ns/svc': service.version, p1: 'old', gone: 'x', 'net/10.1.0.1': '' };
      expect(names(session.receive(request({ ...onDemand, initialResourceVersions }), 0))).toEqual(['p1 -gone']);
    });

    it('stops following what is unsubscribed', () => {
      const { session, set, ack } = setUp(resource('a', '1'));
      ack(session.receive(request(onDemand), 0));
      ack(session.receive(request({ resourceNamesSubscribe: ['a'] }), 0));
      session.receive(request({ resourceNamesUnsubscribe: ['a'] }), 0);
      set(resource('a', '2'));
      expect(session.poll(0)).toEqual([]);
    });
  });

  it('encodes a change once for all clients in the same position', () => {
    const { server, session, set, ack } = setUp(resource('a', '1'));
    const other = server.open(() => undefined);
    ack(session.receive(request({}), 0));
    const [push] = other.receive(request({}), 0);
    other.receive(request({ responseNonce: push!.nonce }), 0);
    set(resource('b', '1'));
    expect(session.poll(0)[0]!.changes).toBe(other.poll(0)[0]!.changes);
  });

  it('forgets old changes but never one that a client still needs', () => {
    const { server, session, ack, remove, set } = setUp(resource('keep', '1'), resource('drop', '1'));
    const first = session.receive(request({}), 0);
    remove('drop');
    for (let i = 0; i < 5000; i++) set(resource('keep', String(i)));
    expect(server.store(ADDRESS).logLength).toBeLessThan(1100);
    expect(names(ack(first))).toEqual(['keep -drop']);
  });
});

describe('properties', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('change' as const),
        set: fc.dictionary(key, fc.constantFrom('1', '2', '3')),
        remove: fc.array(key, { maxLength: 2 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('push' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('answer' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('reconnect' as const) }) },
  );

  it('server and client end with the same resources, whatever happens in between', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, wildcard) => {
        const server = new DeltaServer([ADDRESS]);
        const held = new Map<string, string>();
        const client = new DeltaClient({
          node: { $type: 'envoy.config.core.v3.Node' } as never,
          subscriptions: [
            {
              typeUrl: ADDRESS,
              mode: wildcard ? 'wildcard' : 'on-demand',
              apply: ({ upserts, removals }) => {
                for (const { name, body } of upserts) held.set(name, Buffer.from(body).toString());
                for (const name of removals) held.delete(name);
                return [];
              },
            },
          ],
        });
        if (!wildcard) client.subscribe(ADDRESS, ['a', 'b', 'c', 'd', 'e']);
        let wire: DeltaPush[] = [];
        let session!: DeltaServerSession;
        const connect = () => {
          wire = [];
          session = server.open(() => undefined);
          for (const first of client.connected())
            wire.push(...session.receive(DeltaDiscoveryRequest.decode(lastOf(encodeFirstRequest(first))), 0));
        };
        const answer = () => {
          const push = wire.shift();
          if (push)
            wire.push(...session.receive(client.receive(DeltaDiscoveryResponse.decode(encodeDeltaPush(push))), 0));
        };
        connect();
        for (const current of steps) {
          if (current.do === 'change') {
            server.apply(ADDRESS, {
              upserts: Object.entries(current.set).map(([name, body]) => resource(name, body)),
              removals: current.remove,
            });
          } else if (current.do === 'push') wire.push(...session.poll(0));
          else if (current.do === 'answer') answer();
          else {
            server.close(session);
            client.disconnected();
            connect();
          }
        }
        for (let i = 0; i < 100; i++) {
          wire.push(...session.poll(0));
          answer();
        }
        const wanted = new Map([...server.store(ADDRESS).values()].map(({ name, version }) => [name, version]));
        expect(new Map([...held].map(([name, body]) => [name, resource(name, body).version]))).toEqual(wanted);
      }),
      { numRuns: 200 },
    );
  });

  it('no request makes a session throw', () => {
    const keys = fc.array(fc.constantFrom('*', 'a', 'b', '', 'net/10.0.0.1', '__proto__'), { maxLength: 4 });
    const requests = fc.array(
      fc.record({
        typeUrl: fc.constantFrom(ADDRESS, AUTHORIZATION, '', 'x'),
        resourceNamesSubscribe: keys,
        resourceNamesUnsubscribe: keys,
        initialResourceVersions: fc.dictionary(fc.constantFrom('a', 'b', '__proto__', ''), fc.string()),
        responseNonce: fc.constantFrom('', '1', '2', 'x'),
        errorDetail: fc.option(fc.record({ code: fc.integer(), message: fc.string() }), { nil: undefined }),
      }),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(requests, (all) => {
        const server = new DeltaServer([ADDRESS, AUTHORIZATION]);
        server.apply(ADDRESS, { upserts: [resource('a', '1', { aliases: ['net/10.0.0.1'] })], removals: [] });
        const session = server.open(() => undefined);
        for (const fields of all)
          for (const push of session.receive(DeltaDiscoveryRequest.fromPartial(fields), 0)) encodeDeltaPush(push);
        session.poll(0);
      }),
      { numRuns: 200 },
    );
  });
});

describe('make-before-break delivery', () => {
  // Three types in order: the second has a companion for each of the first, the third refers to the first.
  const [CLUSTER, ENDPOINT, ROUTE] = [AUTHORIZATION, ADDRESS, 'type.googleapis.com/route'];
  const of = (typeUrl: string, name: string, body: string): XdsResource =>
    makeXdsResource({ name, typeUrl, body: Buffer.from(body) });
  const setUp = () => {
    const server = new DeltaServer([CLUSTER, ENDPOINT, ROUTE], {
      order: 'make-before-break',
      removeLast: new Set([CLUSTER, ENDPOINT]),
      removeAfterMs: 60_000,
      companions: new Map([[CLUSTER, ENDPOINT]]),
    });
    const session = server.open(() => undefined);
    const put = (typeUrl: string, upserts: XdsResource[], removals: string[] = []) =>
      server.apply(typeUrl, { upserts, removals });
    const ack = (pushes: readonly DeltaPush[]) =>
      pushes.flatMap(({ nonce, typeUrl }) => session.receive(request({ typeUrl, responseNonce: nonce }), 0));
    put(CLUSTER, [of(CLUSTER, 'old', '1')]);
    put(ENDPOINT, [of(ENDPOINT, 'old', '1')]);
    put(ROUTE, [of(ROUTE, 'r', 'old')]);
    ack(session.receive(request({ typeUrl: CLUSTER }), 0));
    ack(session.receive(request({ typeUrl: ENDPOINT, resourceNamesSubscribe: ['old'] }), 0));
    ack(session.receive(request({ typeUrl: ROUTE, resourceNamesSubscribe: ['r'] }), 0));
    return { session, put, ack };
  };
  const told = (pushes: readonly DeltaPush[]) => pushes.map(({ typeUrl }, i) => [typeUrl, names(pushes)[i]]);

  it('moves a route to a new cluster step by step, and removes the old cluster last', () => {
    const { session, put, ack } = setUp();
    put(CLUSTER, [of(CLUSTER, 'new', '1')], ['old']);
    put(ENDPOINT, [of(ENDPOINT, 'new', '1')], ['old']);
    put(ROUTE, [of(ROUTE, 'r', 'new')]);
    const clusters = session.poll(0);
    expect(told(clusters)).toEqual([[CLUSTER, 'new']]);
    // Envoy acknowledges a cluster once it has its endpoints.
    const asked = session.receive(request({ typeUrl: ENDPOINT, resourceNamesSubscribe: ['new'] }), 0);
    expect(told(asked)).toEqual([[ENDPOINT, 'new']]);
    expect(told(ack(asked))).toEqual([]);
    const routes = ack(clusters);
    expect(told(routes)).toEqual([[ROUTE, 'r']]);
    expect(told(ack(routes))).toEqual([]);
    expect(told(session.poll(59_999))).toEqual([]);
    expect(told(session.poll(60_000))).toEqual([
      [CLUSTER, '-old'],
      [ENDPOINT, '-old'],
    ]);
  });

  it('sends the endpoints of a changed cluster again, though they did not change', () => {
    const { session, put, ack } = setUp();
    put(CLUSTER, [of(CLUSTER, 'old', '2')]);
    put(ROUTE, [of(ROUTE, 'r', 'new')]);
    const pushes = session.poll(0);
    expect(told(pushes)).toEqual([
      [CLUSTER, 'old'],
      [ENDPOINT, 'old'],
    ]);
    expect(told(ack(pushes))).toEqual([[ROUTE, 'r']]);
  });

  it('goes on after a rejection: what was accepted is in use', () => {
    const { session, put } = setUp();
    put(CLUSTER, [of(CLUSTER, 'new', '1')]);
    put(ROUTE, [of(ROUTE, 'r', 'new')]);
    const [push] = session.poll(0);
    const errorDetail = { code: 13, message: 'bad cluster' };
    const nack = request({ typeUrl: CLUSTER, responseNonce: push?.nonce ?? '', errorDetail });
    expect(told(session.receive(nack, 0))).toEqual([[ROUTE, 'r']]);
  });

  describe('a cluster that comes when it is asked for', () => {
    const setUpSleeping = () => {
      const asked: (readonly string[])[] = [];
      const server = new DeltaServer(
        [CLUSTER],
        {
          order: 'make-before-break',
          removeLast: new Set([CLUSTER]),
          removeAfterMs: 60_000,
          companions: new Map(),
          comesWhenAsked: (_typeUrl, name) => name === 'sleeper',
        },
        (_typeUrl, keys) => asked.push(keys),
      );
      const session = server.open(() => undefined);
      const put = (upserts: XdsResource[], removals: string[] = []) => server.apply(CLUSTER, { upserts, removals });
      const ack = (pushes: readonly DeltaPush[]) =>
        pushes.flatMap(({ nonce, typeUrl }) => session.receive(request({ typeUrl, responseNonce: nonce }), 0));
      put([of(CLUSTER, 'sleeper', '1'), of(CLUSTER, 'other', '1')]);
      ack(session.receive(request({ typeUrl: CLUSTER }), 0));
      return { session, put, ack, asked };
    };

    it('goes at once, so that requests wait from then on; others go late', () => {
      const { session, put } = setUpSleeping();
      put([], ['sleeper', 'other']);
      expect(told(session.poll(0))).toEqual([[CLUSTER, '-sleeper']]);
    });

    it('is not said to be missing to who asks, is told to whoever serves, and is sent when it is there; each time anew', () => {
      const { session, put, ack, asked } = setUpSleeping();
      for (let turn = 1; turn < 3; turn++) {
        put([], ['sleeper']);
        ack(session.poll(0));
        const ask = request({ typeUrl: CLUSTER, resourceNamesSubscribe: ['sleeper'] });
        const empty = session.receive(ask, 0);
        expect(told(empty)).toEqual([[CLUSTER, '']]);
        ack(empty);
        expect(asked).toHaveLength(turn);
        put([of(CLUSTER, 'sleeper', '1')]);
        const pushes = session.poll(0);
        expect(told(pushes)).toEqual([[CLUSTER, 'sleeper']]);
        ack(pushes);
      }
    });

    it('one that never comes is said to be missing', () => {
      const { session } = setUpSleeping();
      const ask = request({ typeUrl: CLUSTER, resourceNamesSubscribe: ['nobody'] });
      expect(told(session.receive(ask, 0))).toEqual([[CLUSTER, '-nobody']]);
    });
  });
});
