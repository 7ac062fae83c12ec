import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  HORIZONTAL_POD_AUTOSCALERS,
  SERVICE_ACCOUNTS,
  SERVICES,
  type Condition,
  type KubeObject,
} from '@weft/kube';
import { GATEWAY_CLASSES, GATEWAYS, HTTP_ROUTES } from '@weft/mesh-api';
import { until } from '@weft/testing-fixtures';
import { condition, created, gateway, makeCluster, startManager, statusOf } from './testing/manager-cluster.js';

const exists = async (read: Promise<unknown>): Promise<boolean> => (await read) !== null;

describe('waypoint manager on a Kubernetes API server', () => {
  it('makes the classes, accepts them, and runs a waypoint for a Gateway', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    await until(async () => {
      const classes = await kube.list<KubeObject & { status?: { conditions?: Condition[] } }>(GATEWAY_CLASSES);
      return classes.length === 4 && classes.every(({ status }) => status?.conditions?.[0]?.status === 'True');
    }, 'four classes are accepted');
    await created(kube, gateway('waypoint'));
    await until(() => exists(kube.get(DEPLOYMENTS, 'shop', 'waypoint')), 'the Deployment is there');

    const deployment = (await kube.get(DEPLOYMENTS, 'shop', 'waypoint'))!;
    const labels = deployment.spec!.template.metadata!.labels!;
    expect(labels).toMatchObject({
      'gateway.networking.k8s.io/gateway-name': 'waypoint',
      'istio.io/dataplane-mode': 'none',
      'sidecar.istio.io/inject': 'false',
      'gateway.istio.io/managed': 'istio.io-mesh-controller',
    });
    expect(deployment.metadata!.ownerReferences).toMatchObject([{ kind: 'Gateway', name: 'waypoint' }]);
    expect(deployment.spec!.template.spec!.containers[0]).toMatchObject({
      name: 'istio-proxy',
      args: ['proxy', 'waypoint'],
    });
    const service = (await kube.get(SERVICES, 'shop', 'waypoint'))!;
    expect(service.spec!.ports!.map(({ name, port, appProtocol }) => [name, port, appProtocol])).toEqual([
      ['status-port', 15_021, 'tcp'],
      ['mesh', 15_008, 'hbone'],
    ]);
    expect(await kube.get(SERVICE_ACCOUNTS, 'shop', 'waypoint')).not.toBeNull();
    await until(async () => (await statusOf(kube, 'waypoint'))?.addresses.length === 1, 'the address is told');
    const status = (await statusOf(kube, 'waypoint'))!;
    expect(status.addresses).toEqual([{ type: 'Hostname', value: 'waypoint.shop.svc.cluster.local' }]);
    expect(
      status.conditions.map(({ type, status: value, reason, observedGeneration }) => [
        type,
        value,
        reason,
        observedGeneration,
      ]),
    ).toEqual([
      ['Accepted', 'True', 'Accepted', 1],
      ['Programmed', 'False', 'Pending', 1],
      ['ResolvedRefs', 'True', 'ResolvedRefs', 1],
    ]);

    await kube.patch(
      DEPLOYMENTS,
      'shop',
      'waypoint',
      { status: { replicas: 1, readyReplicas: 1 } },
      { kind: 'merge', subresource: 'status' },
    );
    await until(async () => (await condition(kube, 'waypoint', 'Programmed'))?.status === 'True', 'it is programmed');
  });

  it('rolls its proxies out with the trust domain that MeshConfig has now, and keeps the last good one', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    await created(kube, gateway('waypoint'));
    const nameOf = async (): Promise<string | undefined> => {
      const env = (await kube.get(DEPLOYMENTS, 'shop', 'waypoint'))?.spec?.template.spec?.containers[0]?.env;
      return env?.find(({ name }) => name === 'TRUST_DOMAIN')?.value;
    };
    await until(async () => (await nameOf()) === 'cluster.local', 'it has the name of the settings');
    const mesh = (text: string) => ({ metadata: { namespace: 'istio-system', name: 'istio' }, data: { mesh: text } });
    await kube.create(CONFIG_MAPS, mesh('trustDomain: cluster.local\ntrustDomainAliases: [new.example]\n'));
    await kube.patch(CONFIG_MAPS, 'istio-system', 'istio', mesh('trustDomain: new.example\ntrustDomainAliases: [cluster.local]\n'), { kind: 'merge' }); // prettier-ignore
    await until(async () => (await nameOf()) === 'new.example', 'it has the new name');
    await kube.patch(CONFIG_MAPS, 'istio-system', 'istio', mesh('trustDomain: [nonsense\n'), { kind: 'merge' });
    await created(kube, gateway('second'));
    await until(() => exists(kube.get(DEPLOYMENTS, 'shop', 'second')), 'the second is there');
    expect(await nameOf()).toBe('new.example');
  });

  it('repairs what somebody else changed or deleted', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    await created(kube, gateway('waypoint'));
    await until(() => exists(kube.get(DEPLOYMENTS, 'shop', 'waypoint')), 'the Deployment is there');
    const wanted = (await kube.get(SERVICES, 'shop', 'waypoint'))!.spec!.ports;

    await kube.patch(SERVICES, 'shop', 'waypoint', { spec: { ports: [{ port: 1, name: 'x' }] } }, { kind: 'merge' });
    await until(async () => {
      const { ports } = (await kube.get(SERVICES, 'shop', 'waypoint'))!.spec!;
      return wanted!.every(({ port }) => ports!.some((one) => one.port === port));
    }, 'the ports are back');
    await kube.patch(
      DEPLOYMENTS,
      'shop',
      'waypoint',
      { spec: { template: { spec: { serviceAccountName: 'other' } } } },
      { kind: 'strategic' },
    );
    await until(
      async () =>
        (await kube.get(DEPLOYMENTS, 'shop', 'waypoint'))?.spec?.template.spec?.serviceAccountName === 'waypoint',
      'the service account of the pods is back',
    );
    await kube.delete(DEPLOYMENTS, 'shop', 'waypoint');
    await kube.delete(SERVICE_ACCOUNTS, 'shop', 'waypoint');
    await until(() => exists(kube.get(DEPLOYMENTS, 'shop', 'waypoint')), 'the Deployment is made again');
    await until(() => exists(kube.get(SERVICE_ACCOUNTS, 'shop', 'waypoint')), 'the service account is made again');
  });

  it('leaves replicas to whoever scales, and writes nothing while nothing changes', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    await created(kube, gateway('waypoint'));
    await until(() => exists(kube.get(DEPLOYMENTS, 'shop', 'waypoint')), 'the Deployment is there');
    await kube.patch(DEPLOYMENTS, 'shop', 'waypoint', { spec: { replicas: 3 } }, { kind: 'merge' });
    await created(kube, gateway('second'));
    await until(() => exists(kube.get(DEPLOYMENTS, 'shop', 'second')), 'the second Deployment is there');
    expect((await kube.get(DEPLOYMENTS, 'shop', 'waypoint'))!.spec!.replicas).toBe(3);
  });

  it('patches objects by a ConfigMap, makes an autoscaler for it, and takes both back', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    await kube.create(CONFIG_MAPS, {
      metadata: { name: 'options', namespace: 'shop' },
      data: {
        deployment: 'spec: { template: { spec: { nodeSelector: { type: virtual } } } }',
        horizontalPodAutoscaler: 'spec: { minReplicas: 2, maxReplicas: 5 }',
      },
    });
    const parametersRef = { group: '', kind: 'ConfigMap', name: 'options' };
    await created(kube, gateway('waypoint', { infrastructure: { parametersRef } }));
    await until(() => exists(kube.get(HORIZONTAL_POD_AUTOSCALERS, 'shop', 'waypoint')), 'the autoscaler is there');
    const { spec } = (await kube.get(HORIZONTAL_POD_AUTOSCALERS, 'shop', 'waypoint'))!;
    expect(spec).toMatchObject({
      minReplicas: 2,
      maxReplicas: 5,
      scaleTargetRef: { kind: 'Deployment', name: 'waypoint' },
    });
    const nodeSelector = async () =>
      (await kube.get(DEPLOYMENTS, 'shop', 'waypoint'))!.spec!.template.spec!.nodeSelector;
    await until(async () => (await nodeSelector())?.['type'] === 'virtual', 'the pods are placed');

    await kube.patch(
      CONFIG_MAPS,
      'shop',
      'options',
      { data: { deployment: null, horizontalPodAutoscaler: null } },
      { kind: 'merge' },
    );
    await until(
      async () => !(await exists(kube.get(HORIZONTAL_POD_AUTOSCALERS, 'shop', 'waypoint'))),
      'the autoscaler is gone',
    );
    await until(async () => (await nodeSelector()) === undefined, 'the pods are placed anywhere');
  });

  it('tells of parameters that are missing or cannot be read, and works with the rest', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    const parametersRef = { group: '', kind: 'ConfigMap', name: 'options' };
    await created(kube, gateway('waypoint', { infrastructure: { parametersRef } }));
    await until(
      async () => (await condition(kube, 'waypoint', 'Accepted'))?.reason === 'InvalidParameters',
      'it is told',
    );
    expect((await condition(kube, 'waypoint', 'Accepted'))?.message).toBe(
      'spec.infrastructure.parametersRef: there is no ConfigMap shop/options; create it or correct the name',
    );
    expect(await kube.get(DEPLOYMENTS, 'shop', 'waypoint')).not.toBeNull();
    await kube.create(CONFIG_MAPS, {
      metadata: { name: 'options', namespace: 'shop' },
      data: { service: '- 1', deploy: '' },
    });
    await until(
      async () =>
        (await condition(kube, 'waypoint', 'Accepted'))?.message ===
        'ConfigMap shop/options, key service: is not a YAML object; write the fields to change; ' +
          'ConfigMap shop/options, key deploy: is not known; use serviceAccount, service, deployment, horizontalPodAutoscaler, podDisruptionBudget, scaling, placement',
      'both keys are named',
    );
  });

  it('places pods on virtual nodes by annotation, and tells of a place that there is not', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    const annotated = (name: string, placement: string) =>
      created(kube, gateway(name, {}, { annotations: { 'weft.io/placement': placement } }));
    await annotated('away', 'serverless');
    await annotated('nowhere', 'moon');
    await until(() => exists(kube.get(DEPLOYMENTS, 'shop', 'away')), 'the Deployment is there');
    expect((await kube.get(DEPLOYMENTS, 'shop', 'away'))!.spec!.template.spec).toMatchObject({
      nodeSelector: { type: 'virtual-kubelet' },
      tolerations: [{ key: 'virtual-kubelet.io/provider', operator: 'Exists' }],
    });
    await until(
      async () =>
        (await condition(kube, 'nowhere', 'Accepted'))?.message ===
        'metadata.annotations[weft.io/placement]: there is no such place; use in-cluster, serverless, pool',
      'it is told',
    );
  });

  it('places pods by the ConfigMaps of a class and of a Gateway; the annotation of the Gateway has the last word', async () => {
    const kube = await makeCluster();
    const labels = { 'gateway.istio.io/defaults-for-class': 'istio-waypoint' };
    await kube.create(CONFIG_MAPS, {
      metadata: { name: 'defaults', namespace: 'istio-system', labels },
      data: { placement: 'serverless' },
    });
    await kube.create(CONFIG_MAPS, {
      metadata: { name: 'options', namespace: 'shop' },
      data: { placement: 'moon' },
    });
    await startManager(kube);
    const infrastructure = { parametersRef: { group: '', kind: 'ConfigMap', name: 'options' } };
    const annotations = { 'weft.io/placement': 'in-cluster' };
    await created(kube, gateway('by-class'));
    await created(kube, gateway('by-annotation', { infrastructure }, { annotations }));
    await created(kube, gateway('by-parameters', { infrastructure }));
    const placed = async (name: string) =>
      (await kube.get(DEPLOYMENTS, 'shop', name))?.spec?.template.spec?.nodeSelector?.['type'] ?? null;
    await until(async () => (await placed('by-class')) === 'virtual-kubelet', 'the class places it');
    await until(() => exists(kube.get(DEPLOYMENTS, 'shop', 'by-annotation')), 'the Deployment is there');
    expect(await placed('by-annotation')).toBeNull();
    await until(
      async () =>
        (await condition(kube, 'by-parameters', 'Accepted'))?.message ===
        'ConfigMap shop/options, key placement: there is no such place; use in-cluster, serverless, pool',
      'it is told',
    );
  });

  it('never touches an object that it did not make', async () => {
    const kube = await makeCluster();
    await kube.create(SERVICES, { metadata: { name: 'waypoint', namespace: 'shop' }, spec: { ports: [{ port: 80 }] } });
    await startManager(kube);
    await created(kube, gateway('waypoint'));
    await until(async () => (await condition(kube, 'waypoint', 'Programmed'))?.reason === 'Invalid', 'it is told');
    expect((await condition(kube, 'waypoint', 'Programmed'))?.message).toBe(
      'Service shop/waypoint was not made for a Gateway and is left alone; rename the Gateway, or delete it',
    );
    expect((await kube.get(SERVICES, 'shop', 'waypoint'))!.spec!.ports).toMatchObject([{ port: 80 }]);
  });

  it('takes everything along when the Gateway is deleted', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    await created(kube, gateway('waypoint'));
    await until(() => exists(kube.get(DEPLOYMENTS, 'shop', 'waypoint')), 'the Deployment is there');
    await kube.delete(GATEWAYS, 'shop', 'waypoint');
    for (const type of [DEPLOYMENTS, SERVICES, SERVICE_ACCOUNTS] as const)
      await until(async () => !(await exists(kube.get<KubeObject>(type, 'shop', 'waypoint'))), `${type.kind} is gone`);
  });

  it('counts the routes of each listener', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    await created(
      kube,
      gateway('edge', {
        gatewayClassName: 'istio',
        listeners: [
          { name: 'a', port: 80, protocol: 'HTTP', hostname: 'a.example' },
          { name: 'b', port: 80, protocol: 'HTTP', hostname: 'b.example' },
        ],
      }),
    );
    const route = (name: string, hostnames: string[]) =>
      kube.create<KubeObject & { spec: object }>(HTTP_ROUTES, {
        metadata: { name, namespace: 'shop' },
        spec: { parentRefs: [{ name: 'edge' }], hostnames },
      });
    for (let i = 0; i < 3; i++) await route(`a-${i}`, ['a.example']);
    await route('both', []);
    const counts = async () => (await statusOf(kube, 'edge'))?.listeners.map(({ attachedRoutes }) => attachedRoutes);
    await until(async () => JSON.stringify(await counts()) === '[4,1]', 'four and one');
    await kube.delete(HTTP_ROUTES, 'shop', 'both');
    await until(async () => JSON.stringify(await counts()) === '[3,0]', 'three and none');
    expect(await kube.get(SERVICES, 'shop', 'edge-istio')).toMatchObject({ spec: { type: 'LoadBalancer' } });
    expect((await condition(kube, 'edge', 'Programmed'))?.reason).toBe('AddressNotAssigned');
  });

  it('leaves Gateways of other classes, revisions and newer controllers alone', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    await created(kube, gateway('other-class', { gatewayClassName: 'nginx' }));
    await created(kube, gateway('other-revision', {}, { labels: { 'istio.io/rev': 'canary' } }));
    await created(kube, gateway('newer', {}, { annotations: { 'gateway.istio.io/controller-version': '6' } }));
    await created(kube, gateway('ours'));
    await until(() => exists(kube.get(DEPLOYMENTS, 'shop', 'ours')), 'ours is made');
    expect((await kube.list(DEPLOYMENTS)).map(({ metadata }) => metadata!.name)).toEqual(['ours']);
  });

  it('has one leader: the second replica takes over when the first one stops', async () => {
    const kube = await makeCluster();
    const stopFirst = await startManager(kube, 'replica-1');
    await created(kube, gateway('one'));
    await until(() => exists(kube.get(DEPLOYMENTS, 'shop', 'one')), 'the first replica works');
    await startManager(kube, 'replica-2');
    await stopFirst();
    await created(kube, gateway('two'));
    await until(() => exists(kube.get(DEPLOYMENTS, 'shop', 'two')), 'the second replica works');
  });
});
