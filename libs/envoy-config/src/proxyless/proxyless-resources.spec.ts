import { ENDPOINT_TYPE_URL, LISTENER_TYPE_URL, ROUTE_TYPE_URL } from '@weft/xds';
import { ClusterLoadAssignment } from '@weft/xds/gen/envoy/config/endpoint/v3/endpoint.js';
import { RouteConfiguration } from '@weft/xds/gen/envoy/config/route/v3/route.js';
import { Resource } from '@weft/xds/gen/envoy/service/discovery/v3/discovery.js';
import { loadMesh, put } from '../testing/load-mesh.js';
import type { ProxyResource } from '../resources/proxy-resource.js';
import { proxylessResources } from './proxyless-resources.js';

const SETTINGS = {
  trustDomains: ['cluster.local'],
  clusterDomain: 'cluster.local',
  connectTimeoutMs: 1000,
  unknownKeys: '',
};
const HOST = 'echo.shop.svc.cluster.local';
const metadata = (name: string, labels = {}, namespace = 'shop') => ({ namespace, name, labels });
const pod = (n: number) => ({
  kind: 'Pod',
  metadata: metadata(`echo-${n}`, { app: 'echo' }),
  spec: { containers: [] },
  status: {
    phase: 'Running',
    podIP: `10.1.0.${n}`,
    podIPs: [{ ip: `10.1.0.${n}` }],
    conditions: [{ type: 'Ready', status: 'True' }],
  },
});
const service = (labels = {}) => ({
  kind: 'Service',
  metadata: metadata('echo', labels),
  spec: { selector: { app: 'echo' }, clusterIP: '10.96.0.7', ports: [{ name: 'grpc', port: 7070 }] },
});
const gateway = {
  kind: 'Gateway',
  metadata: metadata('wp'),
  spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }] },
  status: { addresses: [{ type: 'IPAddress', value: '10.96.0.99' }] },
};
const virtualService = (namespace: string, abort: number) => ({
  kind: 'VirtualService',
  metadata: metadata('echo', {}, namespace),
  spec: {
    hosts: [HOST],
    http: [{ fault: { abort: { httpStatus: abort } }, route: [{ destination: { host: HOST } }] }],
  },
});

describe('what gRPC clients without a proxy are told', () => {
  const setUp = (...objects: object[]) => {
    const model = loadMesh([pod(1), pod(2), service(), ...objects]);
    const resources = proxylessResources(model, SETTINGS);
    model.sources.proxylessNamespaces.set('shop', 'shop');
    const find = (typeUrl: string, clients = ''): ProxyResource | undefined =>
      [...resources.values()].find((one) => one.typeUrl === typeUrl && one.clients === clients);
    const bodyOf = (one: ProxyResource | undefined) => Resource.decode(one!.resource.encoded).resource!.value;
    const endpoints = () =>
      ClusterLoadAssignment.decode(bodyOf(find(ENDPOINT_TYPE_URL))).endpoints.flatMap(({ lbEndpoints }) =>
        lbEndpoints.map(({ hostIdentifier }) => {
          const address = hostIdentifier?.$case === 'endpoint' ? hostIdentifier.value.address?.address : undefined;
          if (address?.$case !== 'socketAddress') return null;
          const { address: ip, portSpecifier } = address.value;
          return `${ip}:${String(portSpecifier?.value)}`;
        }),
      );
    const routes = (clients?: string) =>
      RouteConfiguration.decode(bodyOf(find(ROUTE_TYPE_URL, clients))).virtualHosts[0]!.routes;
    return { model, resources, find, endpoints, routes };
  };

  it('is nothing while there are no such clients', () => {
    const { model, resources } = setUp();
    expect(resources.size).toBeGreaterThan(0);
    model.sources.proxylessNamespaces.delete('shop');
    expect(resources.size).toBe(0);
  });

  it('is a listener by the name that is dialled, and the pods by their addresses', () => {
    const { find, endpoints, routes } = setUp();
    expect(find(LISTENER_TYPE_URL)?.resource.name).toBe(`${HOST}:7070`);
    expect(endpoints()).toEqual(['10.1.0.1:7070', '10.1.0.2:7070']);
    expect(routes()).toMatchObject([{ action: { value: { retryPolicy: { retryOn: 'cancelled,unavailable' } } } }]);
  });

  it('is the address of a service that has a waypoint, and none of its routes: those are the waypoint’s to apply', () => {
    const { model, endpoints, routes } = setUp(gateway, virtualService('shop', 503));
    expect(Object.keys(routes()[0]!.typedPerFilterConfig)).toEqual(['envoy.filters.http.fault']);
    put(model, service({ 'istio.io/use-waypoint': 'wp' }));
    expect(endpoints()).toEqual(['10.96.0.7:7070']);
    expect(routes()).toMatchObject([{ name: 'default', typedPerFilterConfig: {} }]);
    expect(routes()[0]!.action).not.toHaveProperty('value.retryPolicy.retryOn');
  });

  it('is for the clients of one namespace what that namespace says', () => {
    const { find, routes } = setUp(virtualService('bank', 503));
    expect(routes('bank')[0]!.typedPerFilterConfig).toHaveProperty(['envoy.filters.http.fault']);
    expect(routes()[0]!.typedPerFilterConfig).toEqual({});
    expect(find(ROUTE_TYPE_URL, 'shop')).toBeUndefined();
  });
});
