import fc from 'fast-check';
import type { Nack } from './delta-server-session.js';
import { DeltaServer } from './delta-server.js';
import { DiscoveryRequest, DiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import { encodeSotwPush, SotwServerSession, type SotwPush } from './sotw-server-session.js';
import {
  CLUSTER_TYPE_URL as CDS,
  ENDPOINT_TYPE_URL as EDS,
  LISTENER_TYPE_URL as LDS,
  ROUTE_TYPE_URL as RDS,
} from './type-urls.js';
import { makeXdsResource } from './xds-resource.js';

const REMOVE_AFTER_MS = 60_000;
const make = (typeUrl: string, text: string) => {
  const [name = '', body = ''] = text.split('=');
  return makeXdsResource({ name, typeUrl, body: Buffer.from(`${name}=${body}`) });
};

function setUp() {
  const server = new DeltaServer([CDS, EDS, LDS, RDS], {
    order: 'make-before-break',
    removeLast: new Set([CDS, EDS]),
    removeAfterMs: REMOVE_AFTER_MS,
    companions: new Map([[CDS, EDS]]),
  });
  const nacks: Nack[] = [];
  const set = (typeUrl: string, ...texts: string[]) =>
    server.apply(typeUrl, { upserts: texts.map((text) => make(typeUrl, text)), removals: [] });
  const remove = (typeUrl: string, ...removals: string[]) => server.apply(typeUrl, { upserts: [], removals });
  const open = () => {
    const session = new SotwServerSession(server, (nack) => nacks.push(nack));
    const ask = (typeUrl: string, names: string[], more: Parameters<typeof DiscoveryRequest.fromPartial>[0] = {}) =>
      session.receive(DiscoveryRequest.fromPartial({ typeUrl, resourceNames: names, ...more }), 0);
    /** Acknowledges everything that comes, with the names that are followed, until nothing comes any more. */
    const settle = (pushes: readonly SotwPush[], names: Record<string, string[]> = {}, nowMs = 0): SotwPush[] => {
      const all = [...pushes];
      for (let i = 0; i < all.length; i++) {
        const { typeUrl, nonce, version } = all[i]!;
        const request = { typeUrl, responseNonce: nonce, versionInfo: version, resourceNames: names[typeUrl] ?? [] };
        all.push(...session.receive(DiscoveryRequest.fromPartial(request), nowMs));
      }
      return all;
    };
    return { session, ask, settle };
  };
  return { server, nacks, set, remove, open, ...open() };
}

/** `Cluster: a=1 b=1`, as the client reads them. */
const seen = (pushes: readonly SotwPush[]): string[] =>
  pushes.map((push) => {
    const { typeUrl, resources, nonce, versionInfo } = DiscoveryResponse.decode(encodeSotwPush(push));
    expect([nonce, versionInfo]).toEqual([push.nonce, push.version]);
    const texts = resources.map((one) => {
      expect(one.typeUrl).toBe(typeUrl);
      return one.value.toString();
    });
    return [`${typeUrl.split('.').at(-1)}:`, ...texts].join(' ');
  });

describe('state of the world', () => {
  it('sends clusters and listeners whole with every change', () => {
    const { set, remove, ask, settle, session } = setUp();
    set(CDS, 'a=1', 'b=1');
    expect(seen(settle(ask(CDS, [])))).toEqual(['Cluster: a=1 b=1']);
    set(CDS, 'b=2');
    expect(seen(settle(session.poll(0)))).toEqual(['Cluster: a=1 b=2']);
    set(LDS, 'l=1', 'm=1');
    expect(seen(settle(ask(LDS, [])))).toEqual(['Listener: l=1 m=1']);
    remove(LDS, 'l');
    expect(seen(settle(session.poll(0)))).toEqual(['Listener: m=1']);
  });

  it('sends routes and endpoints as they change, and only those asked for', () => {
    const { set, ask, settle, session } = setUp();
    set(RDS, 'r=1', 's=1', 't=1');
    const names = { [RDS]: ['r', 's'] };
    expect(seen(settle(ask(RDS, ['r', 's']), names))).toEqual(['RouteConfiguration: r=1 s=1']);
    set(RDS, 's=2', 't=2');
    expect(seen(settle(session.poll(0), names))).toEqual(['RouteConfiguration: s=2']);
  });

  it('answers names that are added with those alone, and names that are dropped not at all', () => {
    const { set, ask, session } = setUp();
    set(RDS, 'r=1', 's=1');
    const [first] = ask(RDS, ['r']);
    const ack = { responseNonce: first!.nonce, versionInfo: first!.version };
    expect(ask(RDS, ['r'], ack)).toEqual([]);
    const [second] = ask(RDS, ['r', 's'], ack);
    expect(seen([second!])).toEqual(['RouteConfiguration: s=1']);
    expect(ask(RDS, ['s'], { responseNonce: second!.nonce })).toEqual([]);
    set(RDS, 'r=2');
    expect(session.poll(0)).toEqual([]);
  });

  it('takes names that are added before the first response has come', () => {
    const { set, ask } = setUp();
    set(EDS, 'a=1', 'b=1');
    expect(seen(ask(EDS, ['a']))).toEqual(['ClusterLoadAssignment: a=1']);
    expect(seen(ask(EDS, ['a', 'b']))).toEqual(['ClusterLoadAssignment: b=1']);
  });

  it('gives who asks for listeners by name all of those, with every change', () => {
    const { set, remove, ask, settle, session } = setUp();
    set(LDS, 'x=1', 'y=1', 'z=1');
    const [first] = ask(LDS, ['x']);
    expect(seen([first!])).toEqual(['Listener: x=1']);
    const more = ask(LDS, ['x', 'y'], { responseNonce: first!.nonce });
    expect(seen(settle(more, { [LDS]: ['x', 'y'] }))).toEqual(['Listener: x=1 y=1']);
    set(LDS, 'z=2');
    expect(session.poll(0)).toEqual([]);
    remove(LDS, 'x');
    expect(seen(settle(session.poll(0), { [LDS]: ['x', 'y'] }))).toEqual(['Listener: y=1']);
  });

  it('follows everything as long as nothing was ever named; `*` says the same at any time', () => {
    const { set, ask, settle, session } = setUp();
    set(CDS, 'a=1', 'b=1');
    const [all] = settle(ask(CDS, []));
    const [one] = ask(CDS, ['a'], { responseNonce: all!.nonce });
    expect(seen(settle([one!], { [CDS]: ['a'] }))).toEqual(['Cluster: a=1']);
    // No name after a name is nothing, not everything.
    expect(ask(CDS, [], { responseNonce: one!.nonce })).toEqual([]);
    set(CDS, 'b=2');
    expect(session.poll(0)).toEqual([]);
    expect(seen(ask(CDS, ['*'], { responseNonce: one!.nonce }))).toEqual(['Cluster: a=1 b=2']);
  });

  it('follows nothing of a type that is asked for by name while no name is given', () => {
    const { set, ask, session } = setUp();
    set(EDS, 'a=1');
    expect(ask(EDS, [])).toEqual([]);
    set(EDS, 'a=2');
    expect(session.poll(0)).toEqual([]);
    expect(seen(ask(EDS, ['a']))).toEqual(['ClusterLoadAssignment: a=2']);
  });

  it('sends clusters, then their endpoints, then listeners, then routes', () => {
    const { set, ask, settle, session } = setUp();
    for (const type of [CDS, EDS, LDS, RDS]) set(type, 'a=1');
    const names = { [EDS]: ['a'], [RDS]: ['a'] };
    settle([...ask(CDS, []), ...ask(EDS, ['a']), ...ask(LDS, []), ...ask(RDS, ['a'])], names);
    for (const type of [RDS, LDS, CDS]) set(type, 'a=2');
    const first = session.poll(0);
    // A changed cluster waits in Envoy for its endpoints, also for those it had.
    expect(seen(first)).toEqual(['Cluster: a=2', 'ClusterLoadAssignment: a=1']);
    expect(seen(settle(first, names)).slice(2)).toEqual(['Listener: a=2', 'RouteConfiguration: a=2']);
  });

  it('keeps a removed cluster for a minute, for connections that drain', () => {
    const { set, remove, ask, settle, session } = setUp();
    set(CDS, 'a=1', 'b=1');
    settle(ask(CDS, []));
    remove(CDS, 'a');
    expect(session.poll(0)).toEqual([]);
    set(CDS, 'b=2');
    expect(seen(settle(session.poll(1000), {}, 1000))).toEqual(['Cluster: a=1 b=2']);
    expect(seen(session.poll(REMOVE_AFTER_MS))).toEqual(['Cluster: b=2']);
  });

  it('records a rejection, does not answer it, and sends the next change', () => {
    const { set, ask, nacks, session } = setUp();
    set(CDS, 'a=1');
    const [first] = ask(CDS, []);
    const errorDetail = { code: 13, message: 'no such thing', details: [] };
    expect(ask(CDS, [], { responseNonce: first!.nonce, errorDetail })).toEqual([]);
    expect(nacks).toEqual([{ typeUrl: CDS, nonce: first!.nonce, message: 'no such thing' }]);
    expect(session.states()).toMatchObject([{ typeUrl: CDS, nacks: 1, lastNack: 'no such thing' }]);
    set(CDS, 'a=2');
    expect(seen(session.poll(0))).toEqual(['Cluster: a=2']);
  });

  it('ignores a nonce that it never gave, and one that is older than the last', () => {
    const { set, ask, session, nacks } = setUp();
    set(RDS, 'r=1', 's=1');
    const [first] = ask(RDS, ['r']);
    const [second] = ask(RDS, ['r', 's']);
    expect(ask(RDS, ['t'], { responseNonce: 'stranger' })).toEqual([]);
    // Its names are those of the time before.
    expect(ask(RDS, ['r'], { responseNonce: first!.nonce })).toEqual([]);
    expect(ask(RDS, ['r', 's'], { responseNonce: second!.nonce })).toEqual([]);
    set(RDS, 's=2');
    expect(seen(session.poll(0))).toEqual(['RouteConfiguration: s=2']);
    expect(nacks).toEqual([]);
  });

  it('takes the answer to a later response for an answer to those before it', () => {
    const { set, ask, session } = setUp();
    set(RDS, 'r=1', 's=1');
    ask(RDS, ['r']);
    const [second] = ask(RDS, ['r', 's']);
    ask(RDS, ['r', 's'], { responseNonce: second!.nonce });
    expect(session.states()).toMatchObject([{ inFlight: 0 }]);
  });

  it('says nothing after a reconnect to who has everything, from any replica', () => {
    const one = setUp();
    one.set(CDS, 'a=1', 'b=1');
    one.set(EDS, 'a=1', 'b=1');
    const [cds] = one.settle(one.ask(CDS, []));
    const [eds] = one.settle(one.ask(EDS, ['a', 'b']), { [EDS]: ['a', 'b'] });
    const other = setUp();
    other.set(CDS, 'b=1', 'a=0', 'a=1');
    other.set(EDS, 'b=1', 'a=1');
    expect(other.ask(CDS, [], { versionInfo: cds!.version })).toEqual([]);
    expect(other.ask(EDS, ['a', 'b'], { versionInfo: eds!.version })).toEqual([]);
    other.set(EDS, 'a=2');
    expect(seen(other.session.poll(0))).toEqual(['ClusterLoadAssignment: a=2']);
    other.set(CDS, 'b=2');
    const late = other.open();
    expect(seen(late.ask(CDS, [], { versionInfo: cds!.version }))).toEqual(['Cluster: b=2 a=1']);
    // Clusters that came anew wait for their endpoints.
    expect(late.ask(EDS, ['a', 'b'], { versionInfo: eds!.version })).toHaveLength(1);
  });

  it('encodes the whole once for all who have the same', () => {
    const { set, ask, open, settle, session } = setUp();
    set(CDS, 'a=1', 'b=1');
    const second = open();
    const [mine] = settle(ask(CDS, []));
    const [theirs] = second.settle(second.ask(CDS, []));
    expect(theirs!.payload).toBe(mine!.payload);
    set(CDS, 'a=2');
    expect(second.session.poll(0)[0]!.payload).toBe(session.poll(0)[0]!.payload);
  });

  it('answers a type that is not served once, with nothing, and forgets a client that is gone', () => {
    const { ask, session, server } = setUp();
    const typeUrl = 'type.googleapis.com/istio.networking.nds.v1.NameTable';
    const [push] = ask(typeUrl, []);
    expect(seen([push!])).toEqual(['NameTable:']);
    expect(ask(typeUrl, [], { responseNonce: push!.nonce })).toEqual([]);
    session.close();
    expect(server.sessions.size).toBe(0);
  });
});

describe('properties', () => {
  const change = fc.record({
    type: fc.constantFrom(CDS, EDS, LDS, RDS),
    name: fc.constantFrom('a', 'b', 'c'),
    body: fc.option(fc.integer({ min: 1, max: 3 }), { nil: null }),
  });

  it('a client that acknowledges ends with what the server has, whatever changed in between', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const { server, set, remove, ask, settle, session } = setUp();
        const held = new Map([CDS, EDS, LDS, RDS].map((type) => [type, new Map<string, string>()]));
        const names = { [EDS]: ['a', 'b', 'c'], [RDS]: ['a', 'b', 'c'] };
        const take = (pushes: readonly SotwPush[]) => {
          for (const push of pushes) {
            const mine = held.get(push.typeUrl)!;
            if (!(push.typeUrl in names)) mine.clear();
            for (const { value } of DiscoveryResponse.decode(encodeSotwPush(push)).resources)
              mine.set(value.toString().split('=')[0]!, value.toString());
          }
        };
        take(settle([...ask(CDS, []), ...ask(EDS, names[EDS]), ...ask(LDS, []), ...ask(RDS, names[RDS])], names));
        for (const { type, name, body } of changes) {
          if (body === null) remove(type, name);
          else set(type, `${name}=${body}`);
          take(settle(session.poll(0), names));
        }
        take(settle(session.poll(REMOVE_AFTER_MS), names, REMOVE_AFTER_MS));
        for (const [type, mine] of held) {
          const expected = [...server.store(type).values()].map((one) => make(type, mine.get(one.name) ?? '').version);
          expect(expected).toEqual([...server.store(type).values()].map(({ version }) => version));
          if (!(type in names)) expect(mine.size).toBe(server.store(type).size);
        }
      }),
    );
  });
});
