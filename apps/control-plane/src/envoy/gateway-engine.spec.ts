import { CLUSTER_TYPE_URL, ENDPOINT_TYPE_URL, makeXdsResource, type DeltaServer } from '@weft/xds';
import { GatewayEngine, type ResourceChange } from './gateway-engine.js';

const NEAR = 'node-1';
const FAR = 'node-2';

const put = (name: string, body: string, node?: string, typeUrl = ENDPOINT_TYPE_URL): ResourceChange => ({
  typeUrl,
  name,
  node,
  resource: makeXdsResource({ name, typeUrl, body: Buffer.from(body) }),
});
const drop = (name: string, node?: string): ResourceChange => ({
  typeUrl: ENDPOINT_TYPE_URL,
  name,
  node,
  resource: null,
});
const version = (body: string): string => put('x', body).resource!.version;
const told = (server: DeltaServer, name = 'web'): string | undefined =>
  server.store(ENDPOINT_TYPE_URL).get(name)?.version;

describe('what proxies of one Gateway are told', () => {
  it('is the same on all nodes, but for what there is for a single one', () => {
    const engine = new GatewayEngine();
    engine.apply([put('web', 'all'), put('web', 'near', NEAR), put('other', 'all')]);
    expect(told(engine.of(''))).toBe(version('all'));
    expect(told(engine.of(FAR))).toBe(version('all'));
    expect(told(engine.of(NEAR))).toBe(version('near'));
    expect(engine.of(NEAR).store(ENDPOINT_TYPE_URL).get('other')).toBe(
      engine.common.store(ENDPOINT_TYPE_URL).get('other'),
    );
  });

  it('changes under proxies that are connected, in whatever order', () => {
    const engine = new GatewayEngine();
    engine.apply([put('web', 'all')]);
    const near = engine.of(NEAR);
    near.open(() => undefined);
    engine.apply([put('web', 'near', NEAR)]);
    expect(told(near)).toBe(version('near'));
    engine.apply([put('web', 'all 2')]);
    expect(told(near)).toBe(version('near'));
    engine.apply([drop('web', NEAR)]);
    expect(told(near)).toBe(version('all 2'));
    engine.apply([drop('web')]);
    expect(told(near)).toBeUndefined();
    expect(engine.dump()).not.toHaveProperty('nodes');
  });

  it('is forgotten for nodes without proxies, and at all without resources and proxies', () => {
    const engine = new GatewayEngine();
    engine.apply([put('web', 'all')]);
    const near = engine.of(NEAR);
    const session = near.open(() => undefined);
    engine.of(FAR);
    expect(engine.of(NEAR)).toBe(near);
    expect(engine.sessions).toBe(1);
    engine.apply([drop('web')]);
    expect(engine.isEmpty).toBe(false);
    near.close(session);
    expect(engine.isEmpty).toBe(true);
    engine.of(FAR);
    expect(engine.of(NEAR)).not.toBe(near);
  });

  it('what comes when it is asked for is asked for on any node', () => {
    const asked: (readonly string[])[] = [];
    const engine = new GatewayEngine({ has: () => true, asked: (_node, _typeUrl, names) => asked.push(names) });
    engine.apply([put('web', 'c', undefined, CLUSTER_TYPE_URL)]);
    const session = engine.of(NEAR).open(() => undefined);
    const request = { typeUrl: CLUSTER_TYPE_URL, resourceNamesSubscribe: [], responseNonce: '' };
    const empty = { resourceNamesUnsubscribe: [], initialResourceVersions: {}, resourceLocatorsSubscribe: [] };
    const more = { resourceLocatorsUnsubscribe: [], errorDetail: undefined, node: undefined };
    const $type = 'envoy.service.discovery.v3.DeltaDiscoveryRequest' as const;
    session.receive({ $type, ...request, ...empty, ...more }, 0);
    session.receive({ $type, ...request, ...empty, ...more, resourceNamesSubscribe: ['sleeper'] }, 0);
    expect(asked).toEqual([['sleeper']]);
  });
});
