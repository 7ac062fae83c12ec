import { Resolver } from 'node:dns/promises';
import { connect } from 'node:net';
import { ENDPOINT_SLICES, NAMESPACES, SERVICES, type EndpointSlice, type KubeClient } from '@weft/kube';
import { InMemoryKube } from '@weft/kube/testing';
import { until } from '@weft/testing-fixtures';
import { ClusterDns } from './cluster-dns.js';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const slice = (
  service: string,
  endpoints: NonNullable<EndpointSlice['endpoints']>,
  family: 'IPv4' | 'IPv6' = 'IPv4',
): EndpointSlice => ({
  metadata: { name: `${service}-${family}`, namespace: 'shop', labels: { 'kubernetes.io/service-name': service } },
  addressType: family,
  ports: [{ name: 'pg', port: 5432, protocol: 'TCP' }],
  endpoints,
});

/** Asked with c-ares, the resolver that Node brings: an independent reading of our packets. */
describe('ClusterDns', () => {
  let kube: KubeClient;
  let dns: ClusterDns;
  let resolver: Resolver;

  beforeEach(async () => {
    kube = new InMemoryKube().client();
    await kube.create(NAMESPACES, { metadata: { name: 'shop' } });
    await kube.create(SERVICES, {
      metadata: { name: 'web', namespace: 'shop' },
      spec: {
        clusterIP: '10.96.0.20',
        clusterIPs: ['10.96.0.20', 'fd00:10:96::14'],
        ports: [
          { name: 'http', port: 80 },
          { name: 'dns', port: 53, protocol: 'UDP' },
        ],
      },
    });
    await kube.create(SERVICES, {
      metadata: { name: 'db', namespace: 'shop' },
      spec: { clusterIP: 'None', ports: [{ name: 'pg', port: 5432 }] },
    });
    await kube.create(SERVICES, {
      metadata: { name: 'away', namespace: 'shop' },
      spec: { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local' },
    });
    await kube.create(
      ENDPOINT_SLICES,
      slice('db', [
        { addresses: ['10.244.1.2'], hostname: 'db-0', conditions: { ready: true } },
        { addresses: ['10.244.2.3'], conditions: { ready: true } },
        { addresses: ['10.244.2.9'], hostname: 'db-9', conditions: { ready: false } },
      ]),
    );
    await kube.create(ENDPOINT_SLICES, slice('db', [{ addresses: ['fd00:10:244::2'], hostname: 'db-0' }], 'IPv6'));
    dns = new ClusterDns({
      kube,
      clusterDomain: 'cluster.local',
      listen: [{ host: '127.0.0.1', port: 0 }],
      log: silent,
    });
    await dns.start();
    await dns.synced;
    resolver = new Resolver({ timeout: 2000, tries: 2 });
    resolver.setServers([`127.0.0.1:${dns.ports[0]!}`]);
  });
  afterEach(() => dns.stop());

  const fails = async (lookup: Promise<unknown>): Promise<string> =>
    lookup.then(
      () => 'found',
      (failure: unknown) => (failure as { code: string }).code,
    );

  it('a Service has its addresses of both families', async () => {
    expect(await resolver.resolve4('web.shop.svc.cluster.local', { ttl: true })).toEqual([
      { address: '10.96.0.20', ttl: 30 },
    ]);
    expect(await resolver.resolve6('web.shop.svc.cluster.local')).toEqual(['fd00:10:96::14']);
  });

  it('a headless Service has all ready endpoints, and each hostname its own', async () => {
    expect((await resolver.resolve4('db.shop.svc.cluster.local')).sort()).toEqual(['10.244.1.2', '10.244.2.3']);
    expect(await resolver.resolve4('db-0.db.shop.svc.cluster.local')).toEqual(['10.244.1.2']);
    expect(await resolver.resolve6('db-0.db.shop.svc.cluster.local')).toEqual(['fd00:10:244::2']);
    expect(await resolver.resolve4('10-244-2-3.db.shop.svc.cluster.local')).toEqual(['10.244.2.3']);
    expect(await fails(resolver.resolve4('db-9.db.shop.svc.cluster.local'))).toBe('ENOTFOUND');
  });

  it('named ports have SRV records', async () => {
    expect(await resolver.resolveSrv('_http._tcp.web.shop.svc.cluster.local')).toMatchObject([
      { name: 'web.shop.svc.cluster.local', port: 80, priority: 0, weight: 100 },
    ]);
    expect(await resolver.resolveSrv('_dns._udp.web.shop.svc.cluster.local')).toMatchObject([{ port: 53 }]);
    expect((await resolver.resolveSrv('_pg._tcp.db.shop.svc.cluster.local')).map(({ name }) => name).sort()).toEqual([
      '10-244-2-3.db.shop.svc.cluster.local',
      'db-0.db.shop.svc.cluster.local',
    ]);
    expect(await fails(resolver.resolveSrv('_nope._tcp.web.shop.svc.cluster.local'))).toBe('ENOTFOUND');
  });

  it('addresses have names', async () => {
    expect(await resolver.reverse('10.96.0.20')).toEqual(['web.shop.svc.cluster.local']);
    expect(await resolver.reverse('fd00:10:96::14')).toEqual(['web.shop.svc.cluster.local']);
    expect(await resolver.reverse('10.244.1.2')).toEqual(['db-0.db.shop.svc.cluster.local']);
    expect(await fails(resolver.reverse('192.0.2.1'))).toBe('ENOTFOUND');
  });

  it('a pod has the name of its address, in namespaces that exist', async () => {
    expect(await resolver.resolve4('10-244-1-7.shop.pod.cluster.local')).toEqual(['10.244.1.7']);
    expect(await resolver.resolve6('fd00-10-244--7.shop.pod.cluster.local')).toEqual(['fd00:10:244::7']);
    expect(await fails(resolver.resolve4('10-244-1-7.nope.pod.cluster.local'))).toBe('ENOTFOUND');
  });

  it('an ExternalName is an alias', async () => {
    expect(await resolver.resolve4('away.shop.svc.cluster.local')).toEqual(['10.96.0.20']);
  });

  it('what exists without records of a type is empty, what does not exist is not found', async () => {
    expect(await fails(resolver.resolve4('shop.svc.cluster.local'))).toBe('ENODATA');
    expect(await fails(resolver.resolve6('10-244-2-3.db.shop.svc.cluster.local'))).toBe('ENODATA');
    for (const name of [
      'nope.shop.svc.cluster.local',
      'web.nope.svc.cluster.local',
      'x.web.shop.svc.cluster.local',
      'example.com',
      'nope.cluster.local',
    ]) {
      expect([name, await fails(resolver.resolve4(name))]).toEqual([name, 'ENOTFOUND']);
    }
    expect(await resolver.resolveTxt('dns-version.cluster.local')).toEqual([['1.1.0']]);
  });

  it('an answer too long for UDP comes over TCP', async () => {
    const endpoints = Array.from({ length: 90 }, (_, i) => ({ addresses: [`10.244.7.${i + 1}`] }));
    await kube.create(SERVICES, {
      metadata: { name: 'many', namespace: 'shop' },
      spec: { clusterIP: 'None', ports: [{ port: 1 }] },
    });
    await kube.create(ENDPOINT_SLICES, slice('many', endpoints));
    await until(
      async () => (await fails(resolver.resolve4('many.shop.svc.cluster.local'))) === 'found',
      'the Service is known',
    );
    expect(await resolver.resolve4('many.shop.svc.cluster.local')).toHaveLength(90);
  });

  it('changes show at once', async () => {
    await kube.delete(SERVICES, 'shop', 'web');
    await until(
      async () => (await fails(resolver.resolve4('web.shop.svc.cluster.local'))) === 'ENOTFOUND',
      'it is gone',
    );
  });

  it('a TCP client that talks nonsense is cut off and hurts nobody', async () => {
    const closed = new Promise<void>((resolve) => {
      const client = connect(dns.ports[0]!, '127.0.0.1', () => client.write(Buffer.from([0, 5, 1, 2, 3, 4, 5, 0, 1])));
      client
        .on('close', () => resolve())
        .on('error', () => undefined)
        .resume();
    });
    await closed;
    expect(await resolver.resolve4('web.shop.svc.cluster.local')).toEqual(['10.96.0.20']);
  });
});
