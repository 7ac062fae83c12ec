import { MeshModel } from '../mesh-model.js';
import { loadObjects } from '../testing/load-objects.js';

const config = {
  rootNamespace: 'istio-system',
  trustDomain: 'cluster.local',
  clusterId: 'c',
  clusterDomain: 'cluster.local',
  network: '',
  dryRunPoliciesEnabled: false,
};
const API = 'gateway.networking.k8s.io/v1';
const LISTENERS = [{ name: 'http', port: 80, protocol: 'HTTP' }];
const gateway = (from: string, gatewayClassName = 'istio') => ({
  apiVersion: API,
  kind: 'Gateway',
  metadata: { name: 'edge', namespace: 'ingress' },
  spec: { gatewayClassName, listeners: LISTENERS, allowedListeners: { namespaces: { from } } },
});
const gatewayClass = (name: string, controllerName: string) => ({
  apiVersion: API,
  kind: 'GatewayClass',
  metadata: { name },
  spec: { controllerName },
});
const set = {
  apiVersion: API,
  kind: 'ListenerSet',
  metadata: { name: 'more', namespace: 'shop' },
  spec: {
    parentRef: { name: 'edge', namespace: 'ingress' },
    listeners: [{ name: 'shop', port: 8080, protocol: 'HTTP' }],
  },
};
const route = {
  apiVersion: API,
  kind: 'HTTPRoute',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'ListenerSet', name: 'more' }], rules: [] },
};

describe('a route whose parent is a ListenerSet', () => {
  const made = (...objects: readonly unknown[]) => {
    const model = new MeshModel(config, ({ thrown }) => {
      throw thrown as Error;
    });
    const classes = [gatewayClass('istio', 'istio.io/gateway-controller'), gatewayClass('other', 'example.com/other')];
    loadObjects(model, [...classes, set, route, ...objects]);
    const told = () =>
      model.routeStatuses.get('HTTPRoute/shop/web')?.parents.map(({ accepted }) => ({
        reason: accepted.reason,
        message: accepted.message,
      }));
    return { model, told };
  };

  it('that its Gateway takes is accepted', () => {
    expect(made(gateway('All')).told()).toEqual([{ reason: 'Accepted', message: 'Route accepted' }]);
  });

  it('that its Gateway does not take is told so, until the Gateway takes it', () => {
    const { model, told } = made(gateway('Same'));
    expect(told()).toEqual([
      {
        reason: 'NoMatchingParent',
        message: 'Gateway ingress/edge does not take ListenerSet more; change its allowedListeners',
      },
    ]);
    loadObjects(model, [gateway('All')]);
    expect(told()).toMatchObject([{ reason: 'Accepted' }]);
  });

  it.each([
    ['names no Gateway that there is', []],
    ['names a Gateway of somebody else', [gateway('None', 'other')]],
  ])('that %s: nothing is said, it may be for others to say', (_, objects) => {
    expect(made(...objects).told()).toEqual([]);
  });
});
