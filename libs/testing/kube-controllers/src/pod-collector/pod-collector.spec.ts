import { NODES, PODS } from '@weft/kube';
import { InMemoryKube } from '@weft/kube/testing';
import { startAll, systemClock } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { Cluster } from '../cluster.js';
import { PodCollector } from './pod-collector.js';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

describe('PodCollector', () => {
  it('deletes pods of nodes that are gone for good, and no others', async () => {
    const kube = new InMemoryKube().client();
    for (const name of ['n1', 'n2']) await kube.create(NODES, { metadata: { name } });
    for (const [name, nodeName] of [
      ['kept', 'n1'],
      ['lost', 'n2'],
      ['pending', ''],
    ] as const) {
      await kube.create(PODS, { metadata: { name, namespace: 'shop' }, spec: { nodeName, containers: [] } });
    }
    const cluster = new Cluster(kube);
    const collector = new PodCollector({ cluster, clock: systemClock, log: silent }, 50);
    const stop = await startAll([...cluster.informers, collector], 1000);
    await Promise.all(cluster.informers.map(({ synced }) => synced));
    await kube.delete(NODES, undefined, 'n2');
    const names = async () => (await kube.list(PODS)).map(({ metadata }) => metadata!.name!).sort();
    await until(async () => (await names()).length === 2, 'the pod is deleted');
    expect(await names()).toEqual(['kept', 'pending']);
    await stop();
  });
});
