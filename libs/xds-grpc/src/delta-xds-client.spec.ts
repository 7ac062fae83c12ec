import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';
import { systemClock } from '@weft/runtime';
import { CertificateAuthority, checkCsr, createCsr, createRoot } from '@weft/spiffe';
import {
  ADDRESS_TYPE_URL as ADDRESS,
  AUTHORIZATION_TYPE_URL as POLICY,
  DeltaClient,
  type DeltaUpdate,
} from '@weft/xds';
import { Node } from '@weft/xds/gen/envoy/config/core/v3/base.js';
import { DeltaXdsClient } from './delta-xds-client.js';
import { MeshEndpoint } from './mesh-endpoint.js';
import { FakeAdsServer } from '@weft/testing-xds-server';

const disposers: (() => void)[] = [];
afterEach(() =>
  disposers
    .splice(0)
    .reverse()
    .forEach((dispose) => dispose()),
);

interface Rig {
  readonly server: FakeAdsServer;
  readonly updates: DeltaUpdate[];
  readonly terminations: string[];
  readonly messages: [string, number][];
  readonly client: DeltaXdsClient;
  readonly directory: string;
}

async function rig(
  options: {
    rejects?: string;
    readonly fails?: number;
    tls?: { credentials: ServerCredentials; root: string; serverName?: string };
  } = {},
): Promise<Rig> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-xds-'));
  disposers.push(() => rmSync(directory, { recursive: true }));
  const tokenFile = join(directory, 'token');
  writeFileSync(tokenFile, 'first\n');
  const server = new FakeAdsServer();
  await server.listen(options.tls?.credentials);
  disposers.push(() => server.close());
  const updates: DeltaUpdate[] = [];
  let failures = options.fails ?? 0;
  const apply = (update: DeltaUpdate) => {
    if (failures-- > 0) throw new Error('cut off');
    updates.push(update);
    return update.upserts
      .filter(({ name }) => name === options.rejects)
      .map(({ name }) => ({ name, reason: 'unreadable' }));
  };
  const endpoint = MeshEndpoint.parse({
    address: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${server.port}`,
    root: options.tls?.root ?? 'SYSTEM',
    ...(options.tls?.serverName === undefined ? {} : { serverName: options.tls.serverName }),
    token: tokenFile,
    clusterId: 'Kubernetes',
    headers: { 'x-extra': '1' },
  });
  if (!endpoint.ok) throw endpoint.error;
  const terminations: string[] = [];
  const messages: [string, number][] = [];
  const client = new DeltaXdsClient({
    endpoint: endpoint.value,
    client: new DeltaClient({
      node: Node.fromPartial({ id: 'n' }),
      subscriptions: [
        { typeUrl: ADDRESS, mode: 'wildcard', divisible: true, apply },
        { typeUrl: POLICY, mode: 'wildcard', apply },
      ],
    }),
    clock: systemClock,
    log: { info: () => undefined, warn: () => undefined },
    onTermination: (reason) => terminations.push(reason),
    onMessage: (typeUrl, bytes) => messages.push([typeUrl, bytes]),
  });
  await client.start();
  disposers.push(() => void client.stop());
  return { server, updates, terminations, messages, client, directory };
}

const body = Buffer.from('content');

describe('DeltaXdsClient', () => {
  it('opens one stream for all types with bearer token, cluster and extra headers', async () => {
    const { server } = await rig();
    await server.until(() => server.streams[0]?.requests.length === 2);
    expect(server.streams).toHaveLength(1);
    expect(server.streams[0]?.metadata.get('authorization')).toEqual(['Bearer first']);
    expect(server.streams[0]?.metadata.get('clusterid')).toEqual(['Kubernetes']);
    expect(server.streams[0]?.metadata.get('x-extra')).toEqual(['1']);
  });

  it('acknowledges a push and rejects only the unreadable resource of another', async () => {
    const { server, updates, messages } = await rig({ rejects: 'bad' });
    await server.until(() => server.streams[0]?.requests.length === 2);
    server.streams[0]!.send(ADDRESS, [{ name: 'a', version: '1', body }]);
    await server.until(() => server.streams[0]?.requests.length === 3);
    server.streams[0]!.send(ADDRESS, [
      { name: 'b', version: '1', body },
      { name: 'bad', version: '1', body },
    ]);
    await server.until(() => server.streams[0]?.requests.length === 4);
    expect(server.streams[0]?.requests[2]).toMatchObject({ responseNonce: 'nonce-1', errorDetail: undefined });
    expect(server.streams[0]?.requests[3]).toMatchObject({
      responseNonce: 'nonce-2',
      errorDetail: { message: 'bad: unreadable' },
    });
    expect(updates[1]?.upserts.map(({ name }) => name)).toEqual(['b', 'bad']);
    expect(messages[0]?.[1]).toBeGreaterThan(20);
  });

  it('a large push is applied while the event loop turns, in order with what comes after it', async () => {
    const { server, updates } = await rig();
    await server.until(() => server.streams[0]?.requests.length === 2);
    const names = Array.from({ length: 1000 }, (_, i) => `w${i}`);
    server.streams[0]!.send(
      ADDRESS,
      names.map((name) => ({ name, version: '1', body })),
    );
    server.streams[0]!.send(ADDRESS, [{ name: 'w0', version: '2', body }]);
    while (updates.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(updates.length).toBeLessThan(5);
    await server.until(() => server.streams[0]?.requests.length === 4);
    expect(updates.flatMap(({ upserts }) => upserts.map(({ name }) => name))).toEqual([...names, 'w0']);
    expect(server.streams[0]?.requests.slice(2)).toMatchObject([
      { responseNonce: 'nonce-1' },
      { responseNonce: 'nonce-2' },
    ]);
  });

  it('a stream that ends while a large push is applied leaves the rest to the next one', async () => {
    const { server, updates } = await rig();
    await server.until(() => server.streams[0]?.requests.length === 2);
    const names = Array.from({ length: 5000 }, (_, i) => `w${i}`);
    server.streams[0]!.send(
      ADDRESS,
      names.map((name) => ({ name, version: '1', body })),
    );
    while (updates.length === 0) await new Promise((resolve) => setImmediate(resolve));
    server.close();
    await server.listen(undefined, server.port);
    await server.until(() => server.streams[1]?.requests.length === 2);
    const held = Object.keys(server.streams[1]!.requests[0]!.initialResourceVersions);
    expect(held).toEqual(names.slice(0, held.length));
    expect(held).toEqual(updates.flatMap(({ upserts }) => upserts.map(({ name }) => name)));
  });

  it('a response that cannot be gone through ends the stream, and the next one is tried', async () => {
    const { server, terminations } = await rig({ fails: 1 });
    await server.until(() => server.streams.length === 1);
    server.streams[0]!.send(ADDRESS, [{ name: 'a', version: '1', body }]);
    await server.until(() => server.streams.length === 2);
    expect(terminations).toHaveLength(1);
  });

  it('tells a restarted server what it holds, and reads the token again', async () => {
    const { server, terminations, directory } = await rig({ rejects: 'bad' });
    await server.until(() => server.streams[0]?.requests.length === 2);
    server.streams[0]!.send(ADDRESS, [
      { name: 'a', version: '7', body },
      { name: 'bad', version: '1', body },
    ]);
    await server.until(() => server.streams[0]?.requests.length === 3);
    writeFileSync(join(directory, 'token'), 'second');
    server.close();
    await server.listen(undefined, server.port);
    await server.until(() => server.streams[1]?.requests.length === 2);
    expect(server.streams[1]?.requests[0]?.initialResourceVersions).toEqual({ a: '7' });
    expect(server.streams[1]?.metadata.get('authorization')).toEqual(['Bearer second']);
    expect(terminations.length).toBeGreaterThan(0);
  });

  it('opens the next stream when the server ends one', async () => {
    const { server, terminations } = await rig();
    await server.until(() => server.streams[0]?.requests.length === 2);
    server.streams[0]!.end();
    await server.until(() => server.streams.length === 2);
    expect(terminations).toEqual(['Complete']);
  });

  it('starts without a server and finds it within a second of its start', async () => {
    const { server } = await rig();
    await server.until(() => server.streams.length === 1);
    server.close();
    await new Promise((resolve) => setImmediate(resolve));
    await server.listen(undefined, server.port);
    const back = Date.now();
    await server.until(() => server.streams.length >= 2);
    expect(Date.now() - back).toBeLessThan(1500);
  });

  describe('over TLS', () => {
    async function serverCredentials(dnsName: string) {
      const now = Date.now();
      const material = await createRoot({ trustDomain: 'cluster.local', keyType: 'ecdsa-p256', ttlMs: 3_600_000, now });
      const authority = await CertificateAuthority.load(material, now);
      if (!authority.ok) throw authority.error;
      const spiffeId = 'spiffe://cluster.local/ns/istio-system/sa/weft';
      const { csrPem, privateKeyPem } = await createCsr(spiffeId);
      const csr = await checkCsr(csrPem, spiffeId);
      if (!csr.ok) throw csr.error;
      const leaf = await authority.value.issue(csr.value.publicKey, {
        spiffeId,
        dnsNames: [dnsName],
        ttlMs: 3_600_000,
        now,
      });
      const credentials = ServerCredentials.createSsl(null, [
        { cert_chain: Buffer.from(leaf.pem), private_key: Buffer.from(privateKeyPem) },
      ]);
      return { credentials, root: material.rootsPem };
    }

    it('trusts the root it was given and checks the server name', async () => {
      const tls = await serverCredentials('istiod.istio-system.svc');
      const { server } = await rig({ tls: { ...tls, serverName: 'istiod.istio-system.svc' } });
      await server.until(() => server.streams[0]?.requests.length === 2);
      expect(server.streams).toHaveLength(1);
    });

    it('sends nothing to a server with another name or another root', async () => {
      const tls = await serverCredentials('istiod.istio-system.svc');
      const other = await serverCredentials('istiod.istio-system.svc');
      const wrongName = await rig({ tls: { ...tls, serverName: 'elsewhere.svc' } });
      const wrongRoot = await rig({
        tls: { credentials: tls.credentials, root: other.root, serverName: 'istiod.istio-system.svc' },
      });
      for (const { server, terminations } of [wrongName, wrongRoot]) {
        while (terminations.length < 2) await new Promise((resolve) => setImmediate(resolve));
        expect(terminations.slice(0, 2)).toEqual(['ConnectionError', 'ConnectionError']);
        expect(server.streams).toEqual([]);
      }
    });
  });
});

describe('MeshEndpoint', () => {
  it.each(['', 'istiod', 'ftp://istiod:15012', 'https://istiod'])('refuses the address %j', (address) => {
    const parsed = MeshEndpoint.parse({ address, root: 'SYSTEM', token: '', clusterId: 'c' });
    expect(parsed.ok ? null : parsed.error.code).toBe('XDS_ENDPOINT_INVALID');
  });

  it('names the file of a credential that it cannot read', () => {
    const parsed = MeshEndpoint.parse({
      address: 'istiod:15012',
      root: '/nowhere/root.pem',
      token: '/nowhere/token',
      clusterId: 'c',
    });
    if (!parsed.ok) throw parsed.error;
    expect(() => parsed.value.credentials()).toThrow('cannot read the root certificate from /nowhere/root.pem');
    expect(() => parsed.value.metadata()).toThrow('cannot read the token from /nowhere/token');
  });
});
