import { Action, Scope } from '@weft/xds/gen/mesh/security/authorization.js';
import {
  ApplicationTunnel_Protocol,
  IPFamilies,
  LoadBalancing_Mode,
  LoadBalancing_Scope,
  NetworkMode,
  TunnelProtocol,
  WorkloadStatus,
} from '@weft/xds/gen/mesh/workload/workload.js';
import { MeshState } from '../state/mesh-state.js';
import { bytes, memberOf, policy, service, workload } from '../testing/mesh-fixtures.js';
import { configDump, type DumpSources } from './config-dump.js';

// The shape is that of `istioctl/pkg/writer/ztunnel/configdump/api.go`: a value of another JSON type anywhere makes
// istioctl refuse the whole dump.

function dump(prepare: (state: MeshState) => void, sources: Partial<DumpSources> = {}) {
  const state = new MeshState();
  prepare(state);
  const empty = { pods: [], connections: [], certificates: new Map(), config: {}, staticConfig: {}, version: '1' };
  const text = JSON.stringify(configDump({ state, ...empty, ...sources }));
  return JSON.parse(text) as Record<string, Record<string, unknown>[]>;
}

const byName = {
  destination: { $case: 'hostname' as const, value: { namespace: 'shop', hostname: 'w.shop.svc.cluster.local' } },
};
const byAddress = {
  destination: { $case: 'address' as const, value: { network: 'n2', address: bytes('172.18.0.5') } },
};

describe('a workload', () => {
  it.each<[string, Parameters<typeof workload>[2], object]>([
    ['protocol HBONE', {}, { protocol: 'HBONE', status: 'Healthy', networkMode: 'Standard', capacity: 1 }],
    ['protocol none is TCP', { tunnelProtocol: TunnelProtocol.NONE }, { protocol: 'TCP' }],
    ['an unhealthy one', { status: WorkloadStatus.UNHEALTHY }, { status: 'Unhealthy' }],
    ['host network', { networkMode: NetworkMode.HOST_NETWORK }, { networkMode: 'HostNetwork' }],
    [
      'a waypoint by hostname',
      { waypoint: byName },
      { waypoint: { destination: 'shop/w.shop.svc.cluster.local', hboneMtlsPort: 15008 } },
    ],
    [
      'a gateway by address',
      { networkGateway: byAddress },
      { networkGateway: { destination: 'n2/172.18.0.5', hboneMtlsPort: 15008 } },
    ],
    [
      'an application tunnel',
      { applicationTunnel: { protocol: ApplicationTunnel_Protocol.PROXY, port: 15088 } },
      { applicationTunnel: { protocol: 'PROXY', port: 15088 } },
    ],
    ['services', { services: memberOf('b') }, { services: ['shop/b.shop.svc.cluster.local'] }],
    ['policies', { authorizationPolicies: ['shop/p'] }, { authorizationPolicies: ['shop/p'] }],
  ])('with %s', (_what, fields, want) =>
    expect(dump((state) => state.upsertWorkload(workload('a', '10.0.0.1', fields)))['workloads']).toEqual([
      expect.objectContaining({ uid: 'Kubernetes//Pod/shop/a', workloadIps: ['10.0.0.1'], ...want }),
    ]),
  );
});

describe('a service', () => {
  it.each<[string, Parameters<typeof service>[2], object]>([
    ['addresses and ports', {}, { vips: ['/10.96.0.1'], ports: { 80: 8080 }, canonical: true, visibility: 'Public' }],
    [
      'failover',
      { loadBalancing: { mode: LoadBalancing_Mode.FAILOVER, routingPreference: [LoadBalancing_Scope.REGION] } },
      { loadBalancer: { mode: 'Failover', routingPreferences: ['Region'], healthPolicy: 'OnlyHealthy' } },
    ],
    ['families', { ipFamilies: IPFamilies.IPV4_ONLY }, { ipFamilies: 'IPv4' }],
    [
      'weighted waypoints',
      { weightedWaypoints: [{ destination: byName, weight: 9 }] },
      {
        weightedWaypoints: [
          { destination: { destination: 'shop/w.shop.svc.cluster.local', hboneMtlsPort: 15008 }, weight: 9 },
        ],
      },
    ],
  ])('with %s', (_what, fields, want) =>
    expect(dump((state) => state.upsertService(service('b', '10.96.0.1', fields)))['services']).toEqual([
      expect.objectContaining(want),
    ]),
  );

  it('has its endpoints by workload, or stages them until it comes', () => {
    const endpoint = { workloadUid: 'Kubernetes//Pod/shop/a', port: { 80: 8080 }, status: 'Healthy' };
    const endpoints = { 'Kubernetes//Pod/shop/a': endpoint };
    const member = workload('a', '10.0.0.1', { services: memberOf('b') });
    const staged = dump((state) => state.upsertWorkload(member));
    expect(staged['stagedServices']).toEqual({ 'shop/b.shop.svc.cluster.local': endpoints });
    const known = dump((state) => {
      state.upsertWorkload(member);
      state.upsertService(service('b', '10.99.0.0/24'));
    });
    expect(known['services']).toEqual([
      expect.objectContaining({ endpoints, vips: [], cidrVips: [{ network: '', cidr: '10.99.0.0/24' }] }),
    ]);
    expect(known['stagedServices']).toEqual({});
  });
});

it('a policy is a list of lists of lists of matches, and service accounts are objects', () => {
  const exact = (value: string) => ({ matchType: { $case: 'exact' as const, value } });
  const some = policy('p', {
    scope: Scope.WORKLOAD_SELECTOR,
    action: Action.DENY,
    groups: [
      {
        rules: [
          {
            matches: [
              {
                principals: [exact('x'), { matchType: { $case: 'prefix', value: 'y' } }],
                notPrincipals: [{ matchType: { $case: 'presence', value: {} } }],
                sourceIps: [{ address: bytes('10.0.0.0'), length: 8 }],
                destinationPorts: [80],
                serviceAccounts: [{ namespace: 'a', serviceAccount: 'b' }],
                notServiceAccounts: [{ namespace: 'c', serviceAccount: 'd' }],
              },
            ],
          },
        ],
      },
    ],
  });
  expect(dump((state) => state.upsertPolicy('shop/p', some))['policies']).toEqual([
    {
      name: 'p',
      namespace: 'shop',
      scope: 'WorkloadSelector',
      action: 'Deny',
      dryRun: false,
      rules: [
        [
          [
            {
              principals: [{ Exact: 'x' }, { Prefix: 'y' }],
              notPrincipals: [{ Presence: null }],
              sourceIps: ['10.0.0.0/8'],
              destinationPorts: [80],
              serviceAccounts: [{ namespace: 'a', serviceAccount: 'b' }],
              notServiceAccounts: [{ namespace: 'c', serviceAccount: 'd' }],
            },
          ],
        ],
      ],
    },
  ]);
});
