import { Graph } from '@weft/collections';
import type { SleepingCluster } from '@weft/envoy-config';
import { FakeClock } from '@weft/testing-fixtures';
import { CLUSTER_TYPE_URL, LISTENER_TYPE_URL } from '@weft/xds';
import { SleepingClusters } from './sleeping-clusters.js';

const EDGE = 'ingress/edge';
const NAME = 'outbound|80||web.shop.svc.cluster.local';
const WAYPOINT = 'shop/wp.shop.svc.cluster.local';

function setUp() {
  const graph = new Graph(({ thrown }) => {
    throw thrown as Error;
  });
  const sleeping = graph.source<SleepingCluster>('sleeping');
  const clock = new FakeClock();
  let told = 0;
  const clusters = new SleepingClusters({ sleeping, clock, onAsked: () => told++ });
  const sleep = () => sleeping.set(`${EDGE}|${NAME}`, { gateway: EDGE, cluster: NAME, waypoint: WAYPOINT });
  return { clusters, clock, sleep, wake: () => sleeping.delete(`${EDGE}|${NAME}`), told: () => told };
}

describe('clusters of gateways behind a waypoint that sleeps', () => {
  it('the waypoint is wanted as long as a request waits, which Envoy gives half a minute', async () => {
    const { clusters, clock, sleep, told } = setUp();
    sleep();
    clusters.asked(EDGE, CLUSTER_TYPE_URL, [NAME]);
    expect(told()).toBe(1);
    expect([...clusters.wanted()]).toEqual([WAYPOINT]);
    await clock.advance(30_000);
    expect([...clusters.wanted()]).toEqual([WAYPOINT]);
    await clock.advance(1);
    expect([...clusters.wanted()]).toEqual([]);
  });

  it('nobody is wanted for what is awake, for another gateway, another type, or a name that nobody has', () => {
    const { clusters, sleep, wake, told } = setUp();
    clusters.asked(EDGE, CLUSTER_TYPE_URL, [NAME]);
    sleep();
    clusters.asked('ingress/other', CLUSTER_TYPE_URL, [NAME]);
    clusters.asked(EDGE, LISTENER_TYPE_URL, [NAME]);
    clusters.asked(EDGE, CLUSTER_TYPE_URL, ['*', 'nobody']);
    expect(told()).toBe(0);
    clusters.asked(EDGE, CLUSTER_TYPE_URL, [NAME]);
    wake();
    expect([...clusters.wanted()]).toEqual([]);
  });

  it('a wish ends with the sleep: falling asleep again wakes nobody', () => {
    const { clusters, sleep, wake } = setUp();
    sleep();
    clusters.asked(EDGE, CLUSTER_TYPE_URL, [NAME]);
    wake();
    expect([...clusters.wanted()]).toEqual([]);
    sleep();
    expect([...clusters.wanted()]).toEqual([]);
  });
});
