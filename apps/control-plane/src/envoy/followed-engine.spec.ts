import { shortName } from '@weft/gateway-api';
import { MeshModel } from '@weft/mesh-model';
import { proxylessResources, waypointResources } from '@weft/envoy-config';
import { ADDRESS_TYPE_URL, DeltaServer } from '@weft/xds';
import { FollowedEngine } from './followed-engine.js';
import { ProxylessEngines } from './proxyless-engines.js';
import { WaypointEngines } from './waypoint-engines.js';

const config = {
  rootNamespace: 'istio-system',
  trustDomain: 'cluster.local',
  clusterId: 'c',
  clusterDomain: 'cluster.local',
  network: '',
  dryRunPoliciesEnabled: false,
};
const GATEWAY = 'gateway.networking.k8s.io/gateway-name';

describe('a client follows', () => {
  const model = new MeshModel(config, ({ thrown }) => {
    throw thrown as Error;
  });
  const mesh = new DeltaServer([ADDRESS_TYPE_URL]);
  const settings = {
    trustDomains: ['cluster.local'],
    connectTimeoutMs: 1000,
    clusterDomain: 'cluster.local',
    unknownKeys: '',
  };
  const waypoints = new WaypointEngines(waypointResources(model, settings));
  const proxyless = new ProxylessEngines(proxylessResources(model, settings), model.sources.proxylessNamespaces);
  const pod = (name: string, labels: Record<string, string>) =>
    model.sources.pods.set(`shop/${name}`, {
      metadata: { namespace: 'shop', name, labels },
      spec: { serviceAccountName: 'wp' },
    });
  model.sources.gateways.set('shop/wp', {
    metadata: { namespace: 'shop', name: 'wp' },
    spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
  });
  pod('wp-1', { [GATEWAY]: 'wp' });
  pod('wp-2', { [GATEWAY]: 'gone' });
  pod('app', {});
  const followed = new FollowedEngine({
    model,
    mesh,
    waypoints,
    proxyless,
    trustedAccounts: new Set(['istio-system/ztunnel']),
  });
  const ask = (account: string, id: string, metadata?: Record<string, string>) => {
    const engine = followed.engineFor({ name: account }, { id, metadata });
    return engine.ok ? engine.value : engine.error.message;
  };

  it('the mesh, if its account is trusted', () => {
    expect(ask('istio-system/ztunnel', 'ztunnel~1.1.1.1~z.istio-system~istio-system.svc.cluster.local')).toBe(mesh);
    expect(ask('shop/wp', 'ztunnel~1.1.1.1~wp-1.shop~shop.svc.cluster.local')).toContain('may not follow the mesh');
  });

  it('its own waypoint, by the label of its pod', () => {
    expect(ask('shop/wp', 'waypoint~1.1.1.1~wp-1.shop~shop.svc.cluster.local')).toBe(waypoints.get('shop/wp'));
  });

  it('the waypoint of the Gateway that has claimed it, if it is of the pool, and nothing before', () => {
    const claim = (annotations: Record<string, string>) =>
      model.sources.pods.set('istio-system/pool-1', {
        metadata: { namespace: 'istio-system', name: 'pool-1', labels: { 'weft.io/pool': 'warm' }, annotations },
        spec: { serviceAccountName: 'weft-waypoint-pool' },
      });
    const asked = () => ask('istio-system/weft-waypoint-pool', 'waypoint~1.1.1.1~pool-1.istio-system~x');
    claim({});
    expect(asked()).toContain('is claimed by no Gateway yet');
    claim({ 'weft.io/claimed-by': 'shop/wp', 'weft.io/claimed-account': 'wp' });
    expect(asked()).toBe(waypoints.get('shop/wp'));
    expect(ask('shop/wp', 'waypoint~1.1.1.1~pool-1.istio-system~x')).toContain('does not run as');
  });

  it('its waypoint whose name is too long for a label', () => {
    const name = 'waypoint-'.repeat(20).slice(0, -1);
    model.sources.gateways.set(`shop/${name}`, {
      metadata: { namespace: 'shop', name },
      spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
    });
    pod('long', { [GATEWAY]: shortName(name) });
    expect(ask('shop/wp', 'waypoint~1.1.1.1~long.shop~shop.svc.cluster.local')).toBe(waypoints.get(`shop/${name}`));
  });

  it('its namespace, if it is a gRPC client, as long as anyone follows that', () => {
    const grpc = (name: string) =>
      ask('shop/wp', `sidecar~1.1.1.1~${name}.shop~shop.svc.cluster.local`, { GENERATOR: 'grpc' });
    const engine = grpc('app');
    expect(engine).toBe(proxyless.engineFor('shop'));
    expect(proxyless.keys()).toEqual(['shop']);
    expect(grpc('stranger')).toContain('is not known yet');
    expect(ask('shop/wp', 'sidecar~1.1.1.1~app.shop~shop.svc.cluster.local')).toContain('may not follow the mesh');
    proxyless.engineFor('other');
    expect(proxyless.keys()).toEqual(['other']);
  });

  it.each([
    ['of another account', 'shop/app', 'wp-1', 'does not run as shop/app'],
    ['of another namespace', 'other/wp', 'wp-1', 'does not run as other/wp'],
    ['that is not known', 'shop/wp', 'wp-9', 'is not known yet'],
    ['that is of no gateway', 'shop/wp', 'app', 'has no label'],
    ['of a Gateway that does not exist', 'shop/wp', 'wp-2', 'there is no configuration for Gateway shop/gone yet'],
  ])('no waypoint as a pod %s', (_what, account, name, reason) => {
    expect(ask(account, `waypoint~1.1.1.1~${name}.shop~shop.svc.cluster.local`)).toContain(reason);
  });
});
