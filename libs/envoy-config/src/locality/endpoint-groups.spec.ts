import type { ProxyPlace } from '@weft/mesh-model';
import { Workload } from '@weft/xds/gen/mesh/workload/workload.js';
import fc from 'fast-check';
import type { VipEndpoint } from '../services/vip-endpoints.js';
import { endpointGroups } from './endpoint-groups.js';
import type { LocalityRule } from './locality-rule.js';

const localityOf = (text: string) => {
  const [region = '', zone = '', subzone = ''] = text.split('/');
  return { region, zone, subzone };
};
const endpoint = (host: string, place: string, more: Partial<VipEndpoint> = {}): VipEndpoint => ({
  host,
  isName: false,
  port: 80,
  hbone: false,
  weight: 1,
  locality: localityOf(place),
  node: `node-of-${host}`,
  network: '',
  workload: {
    name: host,
    namespace: 'shop',
    serviceAccount: 'web',
    trustDomain: 'cluster.local',
    canonicalName: 'web',
    canonicalRevision: 'v1',
    clusterId: 'Kubernetes',
  },
  labels: {},
  ...more,
});
const at = (text: string, more: Partial<ProxyPlace> = {}): ProxyPlace => ({
  workload: Workload.fromPartial({}),
  node: 'node-1',
  locality: localityOf(text),
  network: '',
  clusterId: 'Kubernetes',
  labels: {},
  ...more,
});
/** `host@priority` in the order of the groups. */
const shown = (endpoints: readonly VipEndpoint[], rule: LocalityRule, place: ProxyPlace | null) =>
  endpointGroups(endpoints, rule, place)
    .flatMap(({ priority, members }) => members.map(({ host }) => `${host}@${priority}`))
    .join(' ');
const weights = (endpoints: readonly VipEndpoint[], rule: LocalityRule, place: ProxyPlace) =>
  Object.fromEntries(
    endpointGroups(endpoints, rule, place).map(({ locality: { region, zone, subzone }, weight }) => [
      [region, zone, subzone].join('/'),
      weight,
    ]),
  );

const FAR = [
  endpoint('same', 'r1/z1/s1'),
  endpoint('subzone', 'r1/z1/s2'),
  endpoint('zone', 'r1/z2/s1'),
  endpoint('r2', 'r2/z1/s1'),
  endpoint('r3', 'r3/z1/s1'),
];

describe('failover by locality', () => {
  const rule: LocalityRule = { kind: 'failover', regions: [] };

  it('goes to the same subzone, zone, region, and then anywhere', () => {
    expect(shown(FAR, rule, at('r1/z1/s1'))).toBe('same@0 subzone@1 zone@2 r2@3 r3@3');
  });

  it('goes from a region to the one that is named before others', () => {
    const regions = [
      { from: 'r2', to: 'r1' },
      { from: 'r1', to: 'r3' },
    ];
    expect(shown(FAR, { kind: 'failover', regions }, at('r1/z1/s1'))).toBe('same@0 subzone@1 zone@2 r3@3 r2@4');
  });

  it('leaves no gap between priorities', () => {
    expect(shown([FAR[2]!, FAR[4]!], rule, at('r1/z1/s1'))).toBe('zone@0 r3@1');
  });

  it('makes no difference for a proxy that does not know where it is', () => {
    expect(shown(FAR, rule, at(''))).toBe('same@0 subzone@0 zone@0 r2@0 r3@0');
    expect(shown(FAR, rule, null)).toBe('same@0 subzone@0 zone@0 r2@0 r3@0');
  });
});

describe('only those that agree', () => {
  const rule: LocalityRule = { kind: 'only', labels: ['kubernetes.io/hostname'] };
  const endpoints = [endpoint('here', 'r1/z1', { node: 'node-1' }), endpoint('there', 'r1/z1', { node: 'node-2' })];

  it('are those of the node of the proxy', () => expect(shown(endpoints, rule, at('r1/z1'))).toBe('here@0'));
  it('and may be none', () => expect(shown(endpoints, rule, at('r1/z1', { node: 'node-3' }))).toBe(''));
  it('a proxy that nobody knows the place of has none', () => expect(shown(endpoints, rule, null)).toBe(''));
});

describe('failover by labels', () => {
  const of = (labels: readonly string[]): LocalityRule => ({ kind: 'labels', labels });
  const endpoints = [
    endpoint('both', 'r1/z1', { labels: { team: 'a', version: 'v1' } }),
    endpoint('first', 'r1/z2', { labels: { team: 'a', version: 'v2' } }),
    endpoint('second', 'r1/z1', { labels: { team: 'b', version: 'v1' } }),
  ];
  const place = at('r1/z1', { labels: { team: 'a', version: 'v1' } });

  it('goes first to who agrees in more labels, counted from the first on', () => {
    expect(shown(endpoints, of(['team', 'version']), place)).toBe('both@0 first@1 second@2');
  });

  it('takes the value that is written in place of that of the proxy', () => {
    expect(shown(endpoints, of(['team=b']), place)).toBe('second@0 both@1 first@1');
  });

  it('knows the place, the node, the network and the cluster as labels', () => {
    const near = [
      endpoint('here', 'r1/z1', { node: 'node-1' }),
      endpoint('zone', 'r1/z1'),
      endpoint('network', 'r1/z1', { network: 'n2' }),
    ];
    const labels = ['topology.istio.io/network', 'topology.kubernetes.io/zone', 'kubernetes.io/hostname'];
    expect(shown(near, of(labels), at('r1/z1'))).toBe('here@0 zone@1 network@2');
    expect(shown(near, of(['topology.istio.io/cluster=Kubernetes']), at('r1/z1'))).toBe('here@0 network@0 zone@0');
  });
});

describe('distribution by locality', () => {
  const of = (from: string, to: Readonly<Record<string, number>>): LocalityRule => ({
    kind: 'distribute',
    shares: [
      { from: 'r9', to: { 'r1/*': 100 } },
      { from, to },
    ],
  });

  it('gives localities their shares, and nothing to those without', () => {
    const rule = of('r1/z1/*', { 'r1/z1/*': 70, 'r2/*': 30, 'r3/*': 0 });
    expect(weights(FAR, rule, at('r1/z1/s1'))).toEqual({ 'r1/z1/s1': 35_000, 'r1/z1/s2': 35_000, 'r2/z1/s1': 30_000 });
  });

  it('divides a share by the weights of the endpoints, and counts a locality for the most exact pattern alone', () => {
    const endpoints = [endpoint('a', 'r1/z1'), endpoint('b', 'r1/z2', { weight: 2 }), endpoint('c', 'r1/z3')];
    const rule = of('*', { 'r1/*': 90, 'r1/z1': 10 });
    expect(weights(endpoints, rule, at('r5'))).toEqual({ 'r1/z1/': 10_000, 'r1/z2/': 60_000, 'r1/z3/': 30_000 });
  });

  it('changes nothing for proxies elsewhere', () => {
    expect(weights(FAR.slice(0, 2), of('r2/*', { 'r1/*': 100 }), at('r1/z1'))).toEqual({
      'r1/z1/s1': 1,
      'r1/z1/s2': 1,
    });
  });
});

describe('properties', () => {
  const part = fc.constantFrom('', 'a', 'b');
  const place = fc.tuple(part, part, part).map((parts) => parts.join('/'));
  const rule = fc.oneof(
    fc.constant<LocalityRule>({ kind: 'failover', regions: [{ from: 'a', to: 'b' }] }),
    fc
      .array(fc.constantFrom('topology.kubernetes.io/region', 'topology.kubernetes.io/zone', 'team', 'team=x'))
      .map((labels): LocalityRule => ({ kind: 'labels', labels })),
  );

  it('failover keeps every endpoint once, and priorities count up from 0', () => {
    fc.assert(
      fc.property(fc.array(place, { maxLength: 8 }), place, rule, (places, from, wanted) => {
        const endpoints = places.map((text, i) => endpoint(`10.0.0.${i}`, text));
        const groups = endpointGroups(endpoints, wanted, at(from));
        expect(groups.flatMap(({ members }) => members.map(({ host }) => host)).sort()).toEqual(
          endpoints.map(({ host }) => host).sort(),
        );
        const priorities = [...new Set(groups.map(({ priority }) => priority))];
        expect(priorities).toEqual(priorities.map((_, i) => i));
      }),
    );
  });
});
