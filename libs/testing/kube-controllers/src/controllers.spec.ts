import fc from 'fast-check';
import { systemClock } from '@weft/runtime';
import {
  DAEMON_SETS,
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  JOBS,
  keyOf,
  NODES,
  PODS,
  REPLICA_SETS,
  SERVICES,
  type DaemonSet,
  type Deployment,
  type Job,
  type KubeClient,
  type Pod,
} from '@weft/kube';
import { InMemoryKube } from '@weft/kube/testing';
import { until } from '@weft/testing-fixtures';
import { Controllers } from './controllers.js';
import { isReady } from './model/pod-state.js';
import { FakeKubelet } from './testing/fake-kubelet.js';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const template = (app: string, version = '1') => ({
  metadata: { labels: { app } },
  spec: {
    containers: [
      { name: 'main', command: ['sleep', version], ports: [{ name: 'http', containerPort: 8000 + Number(version) }] },
    ],
  },
});
const deployment = (
  name: string,
  replicas: number,
  rollingUpdate = { maxSurge: 1, maxUnavailable: 0 },
): Deployment => ({
  metadata: { name, namespace: 'shop' },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: template(name),
    strategy: { type: 'RollingUpdate', rollingUpdate },
  },
});

describe('Controllers', () => {
  const disposers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const dispose of disposers.splice(0).reverse()) await dispose();
  });

  async function cluster(
    options: { autoReady?: boolean; nodes?: string[] } = {},
  ): Promise<{ kube: KubeClient; kubelet: FakeKubelet; api: InMemoryKube }> {
    const api = new InMemoryKube();
    const kube = api.client();
    for (const name of options.nodes ?? ['n1', 'n2']) {
      await kube.create(NODES, {
        metadata: { name, labels: { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': `z-${name}` } },
      });
    }
    const kubelet = new FakeKubelet(kube, options.autoReady ?? true);
    await kubelet.start();
    const controllers = new Controllers({ kube, log: silent, clock: systemClock });
    await controllers.start();
    disposers.push(
      () => kubelet.stop(),
      () => controllers.stop(),
    );
    return { kube, kubelet, api };
  }
  const podsOf = async (kube: KubeClient, app: string): Promise<Pod[]> =>
    kube.list(PODS, { namespace: 'shop', labelSelector: `app=${app}` });
  const isRolledOut = async (kube: KubeClient, name: string): Promise<boolean> => {
    const { metadata, spec, status } = (await kube.get(DEPLOYMENTS, 'shop', name))!;
    return (
      status?.observedGeneration === metadata?.generation &&
      status?.updatedReplicas === spec?.replicas &&
      status?.replicas === spec?.replicas &&
      status?.availableReplicas === spec?.replicas
    );
  };

  it('a Deployment becomes pods, spread over the nodes, with the conditions that kubectl waits for', async () => {
    const { kube } = await cluster();
    await kube.create(DEPLOYMENTS, deployment('web', 4));
    await until(() => isRolledOut(kube, 'web'), 'the rollout is complete');
    const nodes = (await podsOf(kube, 'web')).map((pod) => pod.spec?.nodeName).sort();
    expect(nodes).toEqual(['n1', 'n1', 'n2', 'n2']);
    const conditions = (await kube.get(DEPLOYMENTS, 'shop', 'web'))?.status?.conditions?.map(
      ({ type, status, reason }) => [type, status, reason],
    );
    expect(conditions).toEqual([
      ['Available', 'True', 'MinimumReplicasAvailable'],
      ['Progressing', 'True', 'NewReplicaSetAvailable'],
    ]);
  });

  it('a new template is a new revision; going back to the old one makes it the newest again', async () => {
    const { kube } = await cluster();
    await kube.create(DEPLOYMENTS, deployment('web', 2));
    await until(() => isRolledOut(kube, 'web'), 'revision 1');
    const change = async (version: string) => {
      const live = (await kube.get(DEPLOYMENTS, 'shop', 'web'))!;
      await kube.patch(DEPLOYMENTS, 'shop', 'web', { spec: { template: template('web', version) } }, { kind: 'merge' });
      await until(
        async () =>
          (await kube.get(DEPLOYMENTS, 'shop', 'web'))!.metadata!.annotations!['deployment.kubernetes.io/revision'] !==
          live.metadata!.annotations!['deployment.kubernetes.io/revision'],
        'the next revision',
      );
      await until(() => isRolledOut(kube, 'web'), `version ${version}`);
    };
    await change('2');
    expect((await podsOf(kube, 'web')).map((pod) => pod.spec?.containers[0]?.command?.[1])).toEqual(['2', '2']);
    await change('1');
    const sets = await kube.list(REPLICA_SETS);
    expect(
      sets
        .map(({ spec, metadata }) => [spec?.replicas, metadata?.annotations?.['deployment.kubernetes.io/revision']])
        .sort(),
    ).toEqual([
      [0, '2'],
      [2, '3'],
    ]);
    expect(
      (await kube.get(DEPLOYMENTS, 'shop', 'web'))?.metadata?.annotations?.['deployment.kubernetes.io/revision'],
    ).toBe('3');
  });

  it('a paused Deployment scales but does not roll out', async () => {
    const { kube } = await cluster();
    await kube.create(DEPLOYMENTS, deployment('web', 2));
    await until(() => isRolledOut(kube, 'web'), 'revision 1');
    await kube.patch(
      DEPLOYMENTS,
      'shop',
      'web',
      { spec: { paused: true, replicas: 3, template: template('web', '2') } },
      { kind: 'merge' },
    );
    await until(async () => (await podsOf(kube, 'web')).length === 3, 'three pods');
    expect(await kube.list(REPLICA_SETS)).toHaveLength(1);
    await kube.patch(DEPLOYMENTS, 'shop', 'web', { spec: { paused: false } }, { kind: 'merge' });
    await until(() => isRolledOut(kube, 'web'), 'revision 2');
    expect((await podsOf(kube, 'web')).every((pod) => pod.spec?.containers[0]?.command?.[1] === '2')).toBe(true);
  });

  it('Recreate has no old pod left before it makes a new one', async () => {
    const { kube, kubelet } = await cluster();
    const wanted = deployment('web', 3);
    wanted.spec!.strategy = { type: 'Recreate' };
    await kube.create(DEPLOYMENTS, wanted);
    await until(() => isRolledOut(kube, 'web'), 'revision 1');
    const versions = new Set<string>();
    const watch = kube.informer(PODS);
    const alive = new Map<string, string>();
    watch.on({
      added: (pod) => {
        alive.set(pod.metadata!.name!, pod.spec!.containers[0]!.command![1]!);
        versions.add([...new Set(alive.values())].sort().join('+'));
      },
      deleted: (pod) => alive.delete(pod.metadata!.name!),
    });
    await watch.start();
    disposers.push(() => watch.stop());
    await kube.patch(DEPLOYMENTS, 'shop', 'web', { spec: { template: template('web', '2') } }, { kind: 'merge' });
    await until(
      async () =>
        (await isRolledOut(kube, 'web')) && kubelet.pods.every((pod) => pod.spec?.containers[0]?.command?.[1] === '2'),
      'revision 2',
    );
    expect([...versions].sort()).toEqual(['1', '2']);
  });

  it('a ReplicaSet adopts a matching orphan and releases a pod that no longer matches', async () => {
    const { kube } = await cluster();
    await kube.create(PODS, {
      metadata: { name: 'orphan', namespace: 'shop', labels: { app: 'web' } },
      spec: { containers: [] },
    });
    await kube.create(REPLICA_SETS, {
      metadata: { name: 'web', namespace: 'shop' },
      spec: { replicas: 2, selector: { matchLabels: { app: 'web' } }, template: template('web') },
    });
    await until(async () => (await kube.get(REPLICA_SETS, 'shop', 'web'))?.status?.readyReplicas === 2, 'two ready');
    expect((await kube.get(PODS, 'shop', 'orphan'))?.metadata?.ownerReferences?.[0]).toMatchObject({
      kind: 'ReplicaSet',
      name: 'web',
      controller: true,
    });
    await kube.patch(PODS, 'shop', 'orphan', { metadata: { labels: { app: 'free' } } }, { kind: 'merge' });
    await until(
      async () => (await kube.get(PODS, 'shop', 'orphan'))?.metadata?.ownerReferences === undefined,
      'the pod is released',
    );
    await until(async () => (await podsOf(kube, 'web')).length === 2, 'it is replaced');
  });

  it('a DaemonSet follows the nodes, their labels and taints', async () => {
    const { kube } = await cluster();
    const daemon: DaemonSet = {
      metadata: { name: 'agent', namespace: 'shop' },
      spec: {
        selector: { matchLabels: { app: 'agent' } },
        template: template('agent'),
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
      },
    };
    await kube.create(DAEMON_SETS, daemon);
    const status = async () => (await kube.get(DAEMON_SETS, 'shop', 'agent'))?.status;
    await until(async () => (await status())?.numberAvailable === 2, 'both nodes');
    await kube.create(NODES, { metadata: { name: 'n3' } });
    await until(async () => (await status())?.numberAvailable === 3, 'the third node');
    await kube.patch(
      NODES,
      undefined,
      'n3',
      { spec: { taints: [{ key: 'gpu', effect: 'NoExecute' }] } },
      { kind: 'merge' },
    );
    await until(
      async () => (await status())?.desiredNumberScheduled === 2 && (await podsOf(kube, 'agent')).length === 2,
      'n3 is left',
    );
    await kube.patch(DAEMON_SETS, 'shop', 'agent', { spec: { template: template('agent', '2') } }, { kind: 'merge' });
    await until(async () => {
      const { updatedNumberScheduled, numberAvailable, observedGeneration } = (await status())!;
      return observedGeneration === 2 && updatedNumberScheduled === 2 && numberAvailable === 2;
    }, 'the update');
    expect((await podsOf(kube, 'agent')).map((pod) => pod.spec?.containers[0]?.command?.[1])).toEqual(['2', '2']);
  });

  it('a pod that fits nowhere says why, and runs once a node fits', async () => {
    const { kube } = await cluster();
    await kube.create(PODS, {
      metadata: { name: 'picky', namespace: 'shop' },
      spec: { nodeSelector: { disk: 'ssd' }, containers: [] },
    });
    await until(
      async () => ((await kube.get(PODS, 'shop', 'picky'))?.status?.conditions ?? []).length > 0,
      'the condition',
    );
    expect((await kube.get(PODS, 'shop', 'picky'))?.status?.conditions?.[0]).toMatchObject({
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message: "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
    });
    await kube.patch(NODES, undefined, 'n2', { metadata: { labels: { disk: 'ssd' } } }, { kind: 'merge' });
    await until(async () => (await kube.get(PODS, 'shop', 'picky'))?.spec?.nodeName === 'n2', 'it is bound');
  });

  describe('Job', () => {
    const job = (spec: Partial<NonNullable<Job['spec']>>): Job => ({
      metadata: { name: 'load', namespace: 'shop' },
      spec: { parallelism: 1, completions: 1, backoffLimit: 0, template: template('load'), ...spec },
    });
    const condition = async (kube: KubeClient) => (await kube.get(JOBS, 'shop', 'load'))?.status?.conditions?.at(-1);

    it('runs `parallelism` pods at a time until `completions` succeeded', async () => {
      const { kube, kubelet } = await cluster();
      await kube.create(JOBS, job({ parallelism: 2, completions: 3 }));
      await until(() => kubelet.pods.filter(isReady).length === 2, 'two pods run');
      for (const { metadata } of kubelet.pods) await kubelet.finish(keyOf('shop', metadata!.name!), 'Succeeded');
      await until(() => kubelet.pods.filter(isReady).length === 1, 'the third pod runs');
      expect(kubelet.pods).toHaveLength(3);
      await kubelet.finish(keyOf('shop', kubelet.pods.find(isReady)!.metadata!.name!), 'Succeeded');
      await until(async () => (await condition(kube))?.type === 'Complete', 'the Job is complete');
      expect((await kube.get(JOBS, 'shop', 'load'))?.status).toMatchObject({
        succeeded: 3,
        completionTime: expect.any(String) as string,
      });
    });

    it('fails past backoffLimit, and is deleted after its time to live', async () => {
      const { kube, kubelet } = await cluster();
      await kube.create(JOBS, job({ ttlSecondsAfterFinished: 0 }));
      const seen: string[] = [];
      const watch = kube.informer(JOBS);
      watch.on({ updated: ({ status }) => seen.push(...(status?.conditions ?? []).map(({ reason }) => reason ?? '')) });
      await watch.start();
      disposers.push(() => watch.stop());
      await until(() => kubelet.pods.some(isReady), 'the pod runs');
      await kubelet.finish(keyOf('shop', kubelet.pods[0]!.metadata!.name!), 'Failed');
      await until(async () => (await kube.get(JOBS, 'shop', 'load')) === null, 'it is gone');
      expect(seen).toContain('BackoffLimitExceeded');
    });
  });

  describe('EndpointSlices', () => {
    const service = (name: string, spec: object = {}) => ({
      metadata: { name, namespace: 'shop' },
      spec: {
        selector: { app: 'web' },
        ports: [{ name: 'http', port: 80, targetPort: 'http' }],
        clusterIP: '10.96.0.20',
        ...spec,
      },
    });
    const endpoints = async (kube: KubeClient) =>
      (await kube.list(ENDPOINT_SLICES)).flatMap((slice) => slice.endpoints ?? []);

    it('follow the pods of a Service: conditions, node, zone, resolved named port', async () => {
      const { kube, kubelet } = await cluster({ autoReady: false });
      await kube.create(SERVICES, service('web'));
      await kube.create(DEPLOYMENTS, deployment('web', 2));
      await until(async () => (await endpoints(kube)).length === 2, 'two endpoints');
      expect((await endpoints(kube)).map(({ conditions }) => conditions)).toEqual(
        Array(2).fill({ ready: false, serving: false, terminating: false }),
      );
      for (const key of kubelet.waiting) await kubelet.setReady(key);
      await until(async () => (await endpoints(kube)).every(({ conditions }) => conditions?.ready), 'both ready');
      const [slice, ...others] = await kube.list(ENDPOINT_SLICES);
      expect(others).toEqual([]);
      expect(slice).toMatchObject({
        addressType: 'IPv4',
        ports: [{ name: 'http', port: 8001, protocol: 'TCP' }],
        metadata: {
          labels: { 'kubernetes.io/service-name': 'web' },
          ownerReferences: [{ kind: 'Service', name: 'web' }],
        },
      });
      expect(slice!.endpoints!.map(({ nodeName, zone }) => `${nodeName!} ${zone!}`).sort()).toEqual([
        'n1 z-n1',
        'n2 z-n2',
      ]);
      await kube.patch(DEPLOYMENTS, 'shop', 'web', { spec: { replicas: 0 } }, { kind: 'merge' });
      await until(async () => (await endpoints(kube)).length === 0, 'none');
      await kube.delete(SERVICES, 'shop', 'web');
      await until(async () => (await kube.list(ENDPOINT_SLICES)).length === 0, 'no slices');
    });

    it('pods whose named port differs go to slices of their own', async () => {
      const { kube } = await cluster();
      await kube.create(SERVICES, service('web'));
      await kube.create(DEPLOYMENTS, deployment('web', 1));
      const second = deployment('other', 1);
      second.spec!.template = template('web', '2');
      second.spec!.template.metadata!.labels = { app: 'web', version: '2' };
      second.spec!.selector = { matchLabels: { version: '2' } };
      await kube.create(DEPLOYMENTS, second);
      await until(async () => (await endpoints(kube)).length === 2, 'two endpoints');
      expect((await kube.list(ENDPOINT_SLICES)).map(({ ports }) => ports?.[0]?.port).sort()).toEqual([8001, 8002]);
    });

    it('publishNotReadyAddresses makes an unready pod ready to clients; hostname of a subdomain is published', async () => {
      const { kube } = await cluster({ autoReady: false });
      await kube.create(SERVICES, service('web', { clusterIP: 'None', publishNotReadyAddresses: true }));
      await kube.create(PODS, {
        metadata: { name: 'a', namespace: 'shop', labels: { app: 'web' } },
        spec: { hostname: 'first', subdomain: 'web', containers: [] },
      });
      await until(async () => (await endpoints(kube)).length === 1, 'one endpoint');
      expect((await endpoints(kube))[0]).toMatchObject({
        hostname: 'first',
        conditions: { ready: true, serving: false },
      });
    });

    it('leaves slices of Services without a selector alone', async () => {
      const { kube } = await cluster();
      await kube.create(SERVICES, service('external', { selector: {} }));
      await kube.create(ENDPOINT_SLICES, {
        metadata: { name: 'mine', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'external' } },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['192.0.2.1'] }],
      });
      await kube.create(SERVICES, service('web'));
      await until(async () => (await kube.list(ENDPOINT_SLICES)).length === 2, 'the slice of web');
      expect((await kube.get(ENDPOINT_SLICES, 'shop', 'mine'))?.endpoints).toEqual([{ addresses: ['192.0.2.1'] }]);
    });
  });

  it('writes nothing any more once everything is as it should be', async () => {
    const { kube, api } = await cluster();
    await kube.create(SERVICES, {
      metadata: { name: 'web', namespace: 'shop' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    });
    await kube.create(DEPLOYMENTS, deployment('web', 2));
    await until(() => isRolledOut(kube, 'web'), 'the rollout is complete');
    await until(async () => ((await kube.list(ENDPOINT_SLICES))[0]?.endpoints ?? []).length === 2, 'the endpoints');
    await kube.eventsWritten();
    const quiet = async (): Promise<number> => {
      const before = api.requests.filter(({ method }) => method !== 'GET').length;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return api.requests.filter(({ method }) => method !== 'GET').length - before;
    };
    await until(async () => (await quiet()) === 0, 'no writes');
  });

  describe('properties', () => {
    it('a rolling update keeps to maxSurge and maxUnavailable in whatever order pods become ready', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.record({
            replicas: fc.integer({ min: 1, max: 5 }),
            maxSurge: fc.integer({ min: 0, max: 3 }),
            maxUnavailable: fc.integer({ min: 0, max: 3 }),
          }),
          fc.infiniteStream(fc.nat()),
          async ({ replicas, maxSurge, maxUnavailable }, order) => {
            const { kube, kubelet } = await cluster({ autoReady: false });
            const readyInTurn = async (): Promise<void> => {
              const { waiting } = kubelet;
              if (waiting.length > 0) await kubelet.setReady(waiting[order.next().value! % waiting.length]!);
            };
            const rolledOut = (generation: number) => async (): Promise<boolean> => {
              await readyInTurn();
              const live = await kube.get(DEPLOYMENTS, 'shop', 'web');
              return live?.status?.observedGeneration === generation && (await isRolledOut(kube, 'web'));
            };
            await kube.create(DEPLOYMENTS, deployment('web', replicas, { maxSurge, maxUnavailable }));
            await until(rolledOut(1), 'revision 1');
            const unavailable = maxSurge + maxUnavailable === 0 ? 1 : Math.min(maxUnavailable, replicas);
            const pods = new Map((await podsOf(kube, 'web')).map((pod) => [pod.metadata!.uid!, isReady(pod)]));
            const problems: string[] = [];
            const check = (): void => {
              if (pods.size > replicas + maxSurge) problems.push(`${pods.size} pods`);
              const available = [...pods.values()].filter((ready) => ready).length;
              if (available < replicas - unavailable) problems.push(`${available} available`);
            };
            const watch = kube.informer(PODS, { namespace: 'shop' });
            await watch.start();
            await watch.synced;
            const seen = (pod: Pod): void => {
              pods.set(pod.metadata!.uid!, isReady(pod));
              check();
            };
            watch.on({ added: seen, updated: seen, deleted: (pod) => pods.delete(pod.metadata!.uid!) && check() });
            await kube.patch(
              DEPLOYMENTS,
              'shop',
              'web',
              { spec: { template: template('web', '2') } },
              { kind: 'merge' },
            );
            await until(rolledOut(2), 'revision 2');
            await watch.stop();
            for (const dispose of disposers.splice(0).reverse()) await dispose();
            expect(problems).toEqual([]);
          },
        ),
        { numRuns: 12 },
      );
    });
  });
});
