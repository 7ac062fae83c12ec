import * as fc from 'fast-check';
import { ip } from '../testing/mesh-fixtures.js';
import { MeshState } from './mesh-state.js';
import { loadStaticConfig } from './static-config.js';

const YAML = `
workloads:
- uid: Kubernetes//Pod/shop/a
  name: a
  namespace: shop
  workloadIps: ["10.0.0.1"]
  protocol: HBONE
  workloadType: Pod
  authorizationPolicies: [shop/selected]
  waypoint: {destination: shop/w.shop.svc.cluster.local, hboneMtlsPort: 15009}
  services: {"shop/b.shop.svc.cluster.local": {80: 8080}}
- uid: plain
  name: plain
  namespace: shop
  workloadIps: ["10.0.0.2"]
  protocol: TCP
  status: Unhealthy
services:
- name: b
  namespace: shop
  hostname: b.shop.svc.cluster.local
  vips: ["/10.96.0.1", "10.96.0.2"]
  cidrVips: [{network: "", cidr: 10.97.0.0/16}]
  ports: {80: 8080}
  loadBalancer: {mode: Failover, routingPreferences: [Region, Zone], healthPolicy: AllowAll}
policies:
- name: selected
  namespace: shop
  scope: WorkloadSelector
  action: Deny
  rules:
  - - - notPrincipals: [Presence]
      - sourceIps: [10.0.0.0/8]
        principals: [{Exact: td/ns/a/sa/b}, {Prefix: td/}]
`;

describe('loadStaticConfig', () => {
  it('loads workloads, services and policies', () => {
    const state = new MeshState();
    expect(loadStaticConfig(YAML.replace('[Presence]', '[{Presence: null}]'), state)).toEqual({ ok: true, value: 4 });
    expect(state.workloadByIp('', ip('10.0.0.1'))).toMatchObject({
      protocol: 'HBONE',
      workloadType: 'pod',
      waypoint: { hbonePort: 15009 },
    });
    expect(state.workloadByIp('', ip('10.0.0.2'))).toMatchObject({ protocol: 'TCP', healthy: false });
    expect(state.serviceByVip('', ip('10.97.1.1'), 'x')).toMatchObject({
      name: 'b',
      loadBalancing: { mode: 'FAILOVER', preferences: ['REGION', 'ZONE'], allowUnhealthy: true },
    });
    expect(state.policiesFor(state.workloadByIp('', ip('10.0.0.1'))!).policies).toMatchObject([
      { key: 'shop/selected', action: 'deny' },
    ]);
  });

  it.each([
    ['[1', 'not YAML'],
    ['- 1', 'want a mapping with workloads, services and policies'],
    ['pods: []', 'pods is not a known section: want workloads, services, policies'],
    ['workloads: [{uid: a, workloadIps: [1.2.3]}]', 'workloads[0]: "1.2.3" is not an IP address'],
    ['workloads: [{uid: a, namespace: n, protocol: QUIC}]', 'workloads[0]: unknown tunnel_protocol -1'],
    ['services: [7]', 'services[0]: want a mapping'],
    ['policies: [{name: p, namespace: n, scope: Everywhere, action: Deny}]', 'policies[0]: unknown scope -1'],
    [
      'policies: [{name: p, scope: Global, action: Deny, rules: [[[{sourceIps: [x]}]]]}]',
      'policies[0]: "x" is not an address or CIDR',
    ],
    [
      'policies: [{name: p, scope: Global, action: Deny, rules: [[[{hosts: [x]}]]]}]',
      'policies[0]: hosts is not a known field of a match',
    ],
  ])('names the object and the field: %j', (text, want) => {
    const result = loadStaticConfig(text, new MeshState());
    expect(result.ok ? [] : result.error[0]).toContain(want);
  });

  it('loads the rest of a file with one bad object', () => {
    const state = new MeshState();
    expect(
      loadStaticConfig(
        'workloads: [{uid: a, workloadIps: [x]}, {uid: b, namespace: n, name: b, workloadIps: [10.0.0.1]}]',
        state,
      ).ok,
    ).toBe(false);
    expect(state.workload('b')).not.toBeNull();
  });
});

describe('properties', () => {
  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json().map((json) => `{"workloads": [${json}], "services": [${json}], "policies": [${json}]}`),
        ),
        (text) => void loadStaticConfig(text, new MeshState()),
      ),
    );
  });
});
