import { SERVICES } from '@weft/kube';
import { InMemoryKube } from '@weft/kube/testing';
import { startAll, systemClock } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { Cluster } from '../cluster.js';
import { LoadBalancerController } from './load-balancer-controller.js';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

describe('LoadBalancerController', () => {
  let stop = (): Promise<void> => Promise.resolve();
  afterEach(() => stop());

  it('gives each Service of type LoadBalancer an address of its own, the one that it asks for if it is free', async () => {
    const kube = new InMemoryKube().client();
    const cluster = new Cluster(kube);
    stop = await startAll(
      [...cluster.informers, new LoadBalancerController({ cluster, clock: systemClock, log: silent })],
      1000,
    );
    const make = (name: string, spec: object) =>
      kube.create(SERVICES, { metadata: { name, namespace: 'shop' }, spec: { type: 'LoadBalancer', ...spec } });
    const addressesOf = async (name: string) =>
      ((await kube.get(SERVICES, 'shop', name))?.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
    await make('a', {});
    await until(async () => (await addressesOf('a')).length === 1, 'a has an address');
    await make('b', { loadBalancerIP: '203.0.113.9', ipFamilies: ['IPv4', 'IPv6'] });
    await make('c', { type: 'ClusterIP' });
    await make('d', { loadBalancerIP: '203.0.113.9' });
    await until(async () => (await addressesOf('d')).length === 1, 'd has an address');
    expect(await addressesOf('a')).toEqual(['172.30.255.1']);
    expect(await addressesOf('b')).toEqual(['203.0.113.9', 'fd00:172:30::ff01']);
    expect(await addressesOf('c')).toEqual([]);
    expect(await addressesOf('d')).toEqual(['172.30.255.2']);
  });
});
