import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  keyOf,
  NAMESPACES,
  PODS,
  SERVICE_ACCOUNTS,
  SERVICES,
  type Condition,
  type KubeObject,
  type ResourceType,
} from '@weft/kube';
import { GATEWAYS } from '@weft/mesh-api';
import { until } from '@weft/testing-fixtures';
import { useCluster } from './cluster/use-cluster.js';
import { withSettings } from './cluster/with-settings.js';

/** What the issue allows for a change to be followed and for drift to be repaired. */
const RECONCILE_MS = 5000;
/** A pod with its Envoy, on a machine that does other work too. */
const READY_MS = 60_000;

type Gateway = KubeObject & {
  status?: { conditions?: readonly Condition[]; addresses?: readonly { readonly value: string }[] };
};

describe('Gateways run their proxies', () => {
  const cluster = useCluster({
    name: 'gateways',
    nodes: 2,
    change: withSettings({ 'weft-waypoint-manager': { env: { POOL_SIZE: '1' } } }),
  });
  let namespace: string;
  let number = 0;

  const gateway = (more: object = {}): KubeObject =>
    ({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name: 'waypoint', namespace },
      spec: {
        gatewayClassName: 'istio-waypoint',
        listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }],
        ...more,
      },
    }) as KubeObject;
  const get = <T extends KubeObject>(type: ResourceType<T>): Promise<T | null> =>
    cluster().kube.get(type, namespace, 'waypoint');
  const read = () => cluster().kube.get<Gateway>(GATEWAYS, namespace, 'waypoint');
  const programmed = async (): Promise<Condition | undefined> =>
    (await read())?.status?.conditions?.find(({ type }) => type === 'Programmed');
  const works = () => until(async () => (await programmed())?.status === 'True', 'the Gateway is programmed', READY_MS);

  beforeEach(async () => {
    namespace = `g${++number}`;
    await cluster().kube.create(NAMESPACES, { metadata: { name: namespace } });
    await cluster().apply([gateway()]);
    await works();
  });

  it('S-38: a Gateway gets a waypoint whose Envoy has its configuration, and says where it is', async () => {
    expect((await read())?.status?.addresses).toMatchObject([{ value: `waypoint.${namespace}.svc.cluster.local` }]);
    const pods = await cluster().kube.list(PODS, { namespace });
    expect(pods).toHaveLength(1);
    const ready = await cluster().kubectlOk(['-n', namespace, 'get', 'gtw', 'waypoint']);
    expect(ready).toMatch(/istio-waypoint +waypoint\.\S+ +True/);
    const classes = await cluster().kubectlOk([
      'get',
      'gatewayclass',
      'istio-waypoint',
      '-o',
      'jsonpath={.status.conditions[0].status}',
    ]);
    expect(classes).toBe('True');
  }, 90_000);

  it('S-38: a change is followed in 5 s, and what is changed or deleted by hand is repaired in 5 s', async () => {
    await cluster().apply([gateway({ infrastructure: { labels: { team: 'a' } } })]);
    await until(
      async () => (await get(DEPLOYMENTS))?.metadata?.labels?.['team'] === 'a',
      'the label is there',
      RECONCILE_MS,
    );
    await cluster().kubectlOk(['-n', namespace, 'set', 'image', 'deployment/waypoint', 'istio-proxy=other']);
    const image = async () => (await get(DEPLOYMENTS))?.spec?.template.spec?.containers[0]?.image;
    await until(async () => (await image()) === 'weft/proxy-agent', 'the image is back', RECONCILE_MS);
    const before = (await get(SERVICES))!.metadata!.uid;
    await cluster().kubectlOk(['-n', namespace, 'delete', 'service', 'waypoint']);
    await until(
      async () => ![undefined, before].includes((await get(SERVICES))?.metadata?.uid),
      'the Service is made again',
      RECONCILE_MS,
    );
    // Tokens of pods end with their account; those of the Deployment that comes next are of the new one.
    for (const type of [SERVICE_ACCOUNTS, DEPLOYMENTS] as const) {
      const old = (await get<KubeObject>(type))!.metadata!.uid;
      await cluster().kubectlOk(['-n', namespace, 'delete', type.plural, 'waypoint', '--wait=false']);
      await until(
        async () => ![undefined, old].includes((await get<KubeObject>(type))?.metadata?.uid),
        `the ${type.kind} is made again`,
        RECONCILE_MS,
      );
    }
    await works();
  }, 180_000);

  it('S-38: a Gateway that is made or changed has its objects and its status in 5 s, which speaks of its generation', async () => {
    const second = gateway();
    second.metadata!.name = 'second';
    await cluster().apply([second]);
    const of = <T extends KubeObject>(type: ResourceType<T>) => cluster().kube.get(type, namespace, 'second');
    await until(async () => (await of(DEPLOYMENTS)) !== null, 'the Deployment is made', RECONCILE_MS);
    for (const type of [DEPLOYMENTS, SERVICES, SERVICE_ACCOUNTS] as const)
      expect((await of<KubeObject>(type))?.metadata?.ownerReferences).toMatchObject([
        { kind: 'Gateway', name: 'second' },
      ]);
    const conditions = async () =>
      ((await cluster().kube.get<Gateway>(GATEWAYS, namespace, 'second'))?.status?.conditions ?? [])
        .filter(({ type }) => ['Accepted', 'Programmed', 'ResolvedRefs'].includes(type))
        .map(({ type, status, observedGeneration }) => `${type} ${status} ${observedGeneration ?? 0}`)
        .sort();
    const all = (generation: number) =>
      ['Accepted', 'Programmed', 'ResolvedRefs'].map((type) => `${type} True ${generation}`);
    await until(async () => (await conditions()).join() === all(1).join(), 'the Gateway works', READY_MS);
    const listeners = [{ name: 'other', port: 15_008, protocol: 'HBONE' }];
    await cluster().apply([{ ...second, ...({ spec: { gatewayClassName: 'istio-waypoint', listeners } } as object) }]);
    await until(async () => (await conditions()).join() === all(2).join(), 'the status follows', RECONCILE_MS);
    await cluster().kubectlOk(['-n', namespace, 'delete', 'gtw', 'second']);
    await until(async () => (await of(DEPLOYMENTS)) === null, 'the Deployment goes along', RECONCILE_MS);
  }, 120_000);

  it('S-37: a Gateway of a managed class has a proxy in the pool and none of its own; deleting it gives the proxy back', async () => {
    const system = 'istio-system';
    const managedClass = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'GatewayClass',
      metadata: { name: 'managed' },
      spec: { controllerName: 'istio.io/mesh-controller' },
    } as KubeObject;
    const labels = { 'gateway.istio.io/defaults-for-class': 'managed' };
    const defaults = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'managed', namespace: system, labels },
      data: { placement: 'pool' },
    } as KubeObject;
    const pool = async (state: string) =>
      (await cluster().kube.list(PODS, { namespace: system, labelSelector: `weft.io/pool=${state}` })).filter(
        ({ metadata }) => metadata?.deletionTimestamp === undefined,
      );
    const warm = () => until(async () => (await pool('warm')).length === 1, 'one proxy is warm', READY_MS);
    await warm();
    const pooled = gateway({ gatewayClassName: 'managed' });
    pooled.metadata!.name = 'pooled';
    await cluster().apply([managedClass, defaults, pooled]);
    const wait = ['-n', namespace, 'wait', '--for=condition=Programmed', 'gtw/pooled', '--timeout=60s'];
    await cluster().kubectlOk(wait, { timeoutMs: READY_MS + 10_000 });
    const [claimed, ...others] = await pool('claimed');
    expect(others).toEqual([]);
    expect(claimed?.metadata?.annotations).toMatchObject({ 'weft.io/claimed-by': `${namespace}/pooled` });
    expect(await cluster().kube.get(DEPLOYMENTS, namespace, 'pooled')).toBeNull();
    const labelSelector = 'gateway.networking.k8s.io/gateway-name=pooled';
    expect(await cluster().kube.list(PODS, { namespace, labelSelector })).toEqual([]);
    await warm();
    await cluster().delete([pooled]);
    await until(async () => (await pool('claimed')).length === 0, 'the proxy is given back', READY_MS);
    expect(await cluster().kube.get(SERVICES, namespace, 'pooled')).toBeNull();
    await warm();
    await cluster().kube.delete(CONFIG_MAPS, system, 'managed');
    await cluster().delete([managedClass]);
  }, 180_000);

  it('leaves the number of replicas to whoever scales', async () => {
    await cluster().kubectlOk(['-n', namespace, 'scale', 'deployment/waypoint', '--replicas=2']);
    await until(async () => (await get(DEPLOYMENTS))?.status?.readyReplicas === 2, 'two replicas are ready', READY_MS);
    await cluster().kubectlOk(['-n', namespace, 'scale', 'deployment/waypoint', '--replicas=0']);
    await until(
      async () => (await programmed())?.reason === 'Pending',
      'the Gateway says that no pod is ready',
      READY_MS,
    );
    expect((await get(DEPLOYMENTS))?.spec?.replicas).toBe(0);
  }, 180_000);

  it('S-38: a Gateway that is deleted while it scales takes everything along, while its pods come and go too', async () => {
    await cluster().kubectlOk(['-n', namespace, 'scale', 'deployment/waypoint', '--replicas=3']);
    await cluster().kubectlOk(['-n', namespace, 'delete', 'gtw', 'waypoint']);
    for (const type of [DEPLOYMENTS, SERVICES, SERVICE_ACCOUNTS] as const)
      await until(async () => (await get<KubeObject>(type)) === null, `${type.kind} is gone`, READY_MS);
    await until(
      async () => (await cluster().kube.list(PODS, { namespace })).length === 0,
      'the pods are gone',
      READY_MS,
    );
  }, 180_000);

  it('places its pods on a virtual node when it is asked to', async () => {
    const node = cluster().nodes[1]!;
    await cluster().kubectlOk(['label', 'node', node, 'type=virtual-kubelet']);
    await cluster().kubectlOk(['taint', 'node', node, 'virtual-kubelet.io/provider=test:NoSchedule']);
    const nodesOf = async () =>
      (await cluster().kube.list(PODS, { namespace }))
        .filter(({ metadata }) => metadata?.deletionTimestamp === undefined)
        .map(({ spec }) => spec?.nodeName);
    await cluster().kubectlOk(['-n', namespace, 'scale', 'deployment/waypoint', '--replicas=3']);
    await until(
      async () => (await get(DEPLOYMENTS))?.status?.readyReplicas === 3,
      'three replicas are ready',
      READY_MS,
    );
    await cluster().kubectlOk(['-n', namespace, 'annotate', 'gtw', 'waypoint', 'weft.io/placement=serverless']);
    await until(
      async () => {
        const nodes = await nodesOf();
        return nodes.length === 3 && nodes.every((one) => one === node);
      },
      'all pods are on the virtual node',
      READY_MS,
    );
    await works();
    await cluster().kubectlOk(['taint', 'node', node, 'virtual-kubelet.io/provider-']);
    await cluster().kubectlOk(['label', 'node', node, 'type-']);
  }, 240_000);

  it('goes on after the manager was ended', async () => {
    const system = 'istio-system';
    const [pod] = await cluster().kube.list(PODS, { namespace: system, labelSelector: 'app=weft-waypoint-manager' });
    await cluster().kube.delete(PODS, system, pod!.metadata!.name!);
    await cluster().kubectlOk(['-n', namespace, 'delete', 'deployment', 'waypoint']);
    await until(
      async () => (await get(DEPLOYMENTS)) !== null,
      `${keyOf(namespace, 'waypoint')} is made again`,
      READY_MS,
    );
    await works();
  }, 180_000);
});
