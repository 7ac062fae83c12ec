import { ChannelCredentials, Client, ServerCredentials, status, type ClientDuplexStream } from '@grpc/grpc-js';
import { ok, type Result } from '@weft/result';
import { systemClock } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { ADDRESS_TYPE_URL, DeltaServer, makeXdsResource } from '@weft/xds';
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '@weft/xds/gen/envoy/service/discovery/v3/discovery.js';
import { XdsServer, type XdsServerOptions, type XdsCaller, type XdsRefusal } from './xds-server.js';

const PATH = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const disposers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const dispose of disposers.splice(0).reverse()) await dispose();
});

const silent = { info: () => undefined, warn: () => undefined };
const resource = (name: string, body: string) =>
  makeXdsResource({ name, typeUrl: ADDRESS_TYPE_URL, body: Buffer.from(body) });

async function serve(more: Partial<XdsServerOptions> = {}) {
  const engine = new DeltaServer([ADDRESS_TYPE_URL]);
  const server = new XdsServer({
    host: '127.0.0.1',
    port: 0,
    credentials: ServerCredentials.createInsecure(),
    engineFor: () => ok(engine),
    authenticate: () => Promise.resolve(ok({ name: 'ns/sa' })),
    ready: () => true,
    clock: systemClock,
    log: silent,
    ...more,
  });
  await server.start();
  disposers.push(() => server.stop(AbortSignal.timeout(200)));
  return { engine, server };
}

function dial(server: XdsServer) {
  const client = new Client(`127.0.0.1:${server.port}`, ChannelCredentials.createInsecure());
  const stream: ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse> = client.makeBidiStreamRequest(
    PATH,
    (request: DeltaDiscoveryRequest) => Buffer.from(DeltaDiscoveryRequest.encode(request).finish()),
    (bytes: Buffer) => DeltaDiscoveryResponse.decode(bytes),
  );
  const responses: DeltaDiscoveryResponse[] = [];
  const ended: { code: number | null; details: string } = { code: null, details: '' };
  stream.on('data', (response: DeltaDiscoveryResponse) => responses.push(response));
  stream.on('error', (error: Error & { code: number; details: string }) =>
    Object.assign(ended, { code: error.code, details: error.details }),
  );
  disposers.push(() => {
    stream.cancel();
    client.close();
  });
  const send = (fields: Parameters<typeof DeltaDiscoveryRequest.fromPartial>[0]) =>
    stream.write(DeltaDiscoveryRequest.fromPartial({ typeUrl: ADDRESS_TYPE_URL, ...fields }));
  return { stream, responses, ended, send };
}

const node = { id: 'ztunnel~1.1.1.1~a.b~b.svc.cluster.local' };

describe('the xDS server', () => {
  it('answers requests and pushes what changed', async () => {
    const { engine, server } = await serve();
    engine.apply(ADDRESS_TYPE_URL, { upserts: [resource('a', '1')], removals: [] });
    const { responses, send } = dial(server);
    send({ node });
    await until(() => responses.length === 1, 'the first answer is there');
    expect(responses[0]).toMatchObject({
      typeUrl: ADDRESS_TYPE_URL,
      resources: [{ name: 'a', resource: { typeUrl: ADDRESS_TYPE_URL, value: Buffer.from('1') } }],
    });
    send({ responseNonce: responses[0]!.nonce });
    await until(() => server.clients()[0]?.watches[0]?.inFlight === 0, 'it is acknowledged');
    engine.apply(ADDRESS_TYPE_URL, { upserts: [resource('b', '1')], removals: ['a'] });
    server.push();
    await until(() => responses.length === 2, 'the push is there');
    expect(responses[1]).toMatchObject({ resources: [{ name: 'b' }], removedResources: ['a'] });
    expect(server.clients()).toMatchObject([{ node: node.id, caller: 'ns/sa', watches: [{ mode: 'wildcard' }] }]);
  });

  it('serves the same resources to clients of the older protocol', async () => {
    const { engine, server } = await serve();
    engine.apply(ADDRESS_TYPE_URL, { upserts: [resource('a', '1'), resource('b', '1')], removals: [] });
    const client = new Client(`127.0.0.1:${server.port}`, ChannelCredentials.createInsecure());
    const stream: ClientDuplexStream<DiscoveryRequest, DiscoveryResponse> = client.makeBidiStreamRequest(
      '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources',
      (request: DiscoveryRequest) => Buffer.from(DiscoveryRequest.encode(request).finish()),
      (bytes: Buffer) => DiscoveryResponse.decode(bytes),
    );
    const responses: DiscoveryResponse[] = [];
    stream.on('data', (response: DiscoveryResponse) => responses.push(response));
    stream.on('error', () => undefined);
    disposers.push(() => {
      stream.cancel();
      client.close();
    });
    const send = (fields: Parameters<typeof DiscoveryRequest.fromPartial>[0]) =>
      stream.write(DiscoveryRequest.fromPartial({ typeUrl: ADDRESS_TYPE_URL, ...fields }));
    send({ node });
    await until(() => responses.length === 1, 'the first answer is there');
    send({ responseNonce: responses[0]!.nonce, versionInfo: responses[0]!.versionInfo });
    await until(() => server.clients()[0]?.watches[0]?.inFlight === 0, 'it is acknowledged');
    engine.apply(ADDRESS_TYPE_URL, { upserts: [resource('b', '2')], removals: [] });
    server.push();
    await until(() => responses.length === 2, 'the push is there');
    expect(responses.map(({ resources }) => resources.map(({ value }) => value.toString()))).toEqual([
      ['1', '1'],
      ['1', '2'],
    ]);
    expect(server.clients()).toMatchObject([{ protocol: 'sotw', watches: [{ mode: 'wildcard' }] }]);
  });

  it('joins changes for a client that does not read, and neither encodes for it nor reads from it', async () => {
    let encoded = 0;
    const { engine, server } = await serve({ onPush: (_push, bytes) => void (encoded += bytes) });
    const change = (n: number) =>
      engine.apply(ADDRESS_TYPE_URL, { upserts: [resource('a', `${n} ${'x'.repeat(500_000)}`)], removals: [] });
    change(0);
    const { stream, responses, send } = dial(server);
    stream.pause();
    for (let i = 0; i < 20; i++) send({ node, resourceNamesSubscribe: ['a'] });
    await until(() => server.clients()[0]?.slow === true, 'it is known to be slow');
    for (let n = 1; n <= 50; n++) {
      change(n);
      server.push();
    }
    const whileSlow = encoded;
    expect(whileSlow).toBeLessThan(10_000_000);
    stream.on('data', ({ nonce }: DeltaDiscoveryResponse) => send({ responseNonce: nonce }));
    stream.resume();
    const newest = () => responses.at(-1)?.resources[0]?.resource?.value.subarray(0, 3).toString();
    await until(() => newest() === '50 ', 'it has the newest state');
    await until(() => server.clients()[0]?.slow === false, 'it has caught up');
  });

  it('forgets a client that went away', async () => {
    const { engine, server } = await serve();
    const { stream, responses, send } = dial(server);
    send({ node });
    await until(() => responses.length === 1, 'it is served');
    stream.cancel();
    await until(() => server.clients().length === 0 && engine.sessions.size === 0, 'it is forgotten');
  });

  it('refuses a first request without node.id', async () => {
    const { server } = await serve();
    const { ended, send } = dial(server);
    send({});
    await until(() => ended.code !== null, 'it is refused');
    expect(ended).toEqual({ code: status.INVALID_ARGUMENT, details: 'the first request has no node.id' });
  });

  it('sends clients away while the resources are not complete', async () => {
    const { server } = await serve({ ready: () => false });
    const { ended } = dial(server);
    await until(() => ended.code !== null, 'it is refused');
    expect(ended.code).toBe(status.UNAVAILABLE);
  });

  it.each<[string, () => Promise<Result<XdsCaller, XdsRefusal>>, number]>([
    [
      'refused',
      () => Promise.resolve({ ok: false, error: { code: status.UNAUTHENTICATED, message: 'no' } }),
      status.UNAUTHENTICATED,
    ],
    ['broken', () => Promise.reject(new Error('boom')), status.UNAVAILABLE],
  ])('serves nothing to a caller whose authentication is %s', async (_name, authenticate, code) => {
    const refused: number[] = [];
    const { server, engine } = await serve({ authenticate, onRefused: (refusal) => refused.push(refusal.code) });
    engine.apply(ADDRESS_TYPE_URL, { upserts: [resource('a', '1')], removals: [] });
    const { ended, responses, send } = dial(server);
    send({ node });
    await until(() => ended.code !== null, 'it is refused');
    expect([ended.code, refused, responses, engine.sessions.size]).toEqual([code, [code], [], 0]);
  });

  it('tells its clients to go elsewhere when it stops', async () => {
    const { server } = await serve();
    const { ended, responses, send } = dial(server);
    send({ node });
    await until(() => responses.length === 1, 'it is served');
    await server.stop(AbortSignal.timeout(1000));
    await until(() => ended.code !== null, 'it is told');
    expect(ended).toEqual({ code: status.UNAVAILABLE, details: 'the server is shutting down' });
  });
});
