import fc from 'fast-check';
import type { GraphFault } from '@weft/collections';
import { MeshModel } from './mesh-model.js';
import { MESH_TRUST_KEY } from './mesh-sources.js';
import { loadObjects, placeOf } from './testing/load-objects.js';

const config = {
  rootNamespace: 'istio-system',
  trustDomain: 'cluster.local',
  clusterId: 'c',
  clusterDomain: 'cluster.local',
  network: '',
  dryRunPoliciesEnabled: false,
};
const strict = () =>
  new MeshModel(config, ({ thrown }) => {
    throw thrown as Error;
  });
const pod = (name: string, ip: string, labels: Record<string, string> = {}, more: object = {}) => ({
  kind: 'Pod',
  metadata: { name, namespace: 'ns', labels, creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { nodeName: 'n1', containers: [{ ports: [{ name: 'http', containerPort: 8080 }] }] },
  status: { phase: 'Running', podIP: ip, conditions: [{ type: 'Ready', status: 'True' }] },
  ...more,
});
const service = (name: string, selector: Record<string, string>, ip: string, targetPort: number | string = 80) => ({
  kind: 'Service',
  metadata: { name, namespace: 'ns', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { clusterIP: ip, selector, ports: [{ name: 'http', port: 80, targetPort }] },
});

describe('a change', () => {
  const setUp = () => {
    const model = strict();
    const derived: string[] = [];
    /** Deriving a workload reads the spec of its pod. */
    const counted = (name: string, ip: string, app: string) => {
      const object = pod(name, ip, { app });
      const { spec } = object;
      return Object.defineProperty({ ...object }, 'spec', {
        enumerable: true,
        get: () => {
          derived.push(name);
          return spec;
        },
      });
    };
    loadObjects(model, [
      { kind: 'Node', metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'z1' } } },
      service('a', { app: 'a' }, '10.0.0.1'),
      service('b', { app: 'b' }, '10.0.0.2'),
      counted('a1', '10.1.0.1', 'a'),
      counted('a2', '10.1.0.2', 'a'),
      counted('b1', '10.1.0.3', 'b'),
    ]);
    const events: string[] = [];
    model.addressResources.subscribe((batch) => events.push(...batch.map(({ kind, key }) => `${kind} ${key}`)), {
      replay: false,
    });
    const change = (...objects: unknown[]) => {
      derived.length = 0;
      events.length = 0;
      loadObjects(model, objects);
      return { derived: [...new Set(derived)].sort(), events };
    };
    return { change, counted };
  };

  it('of a pod recomputes that workload and no other', () => {
    const { change, counted } = setUp();
    expect(change(counted('a1', '10.1.0.9', 'a'))).toEqual({ derived: ['a1'], events: ['updated c//Pod/ns/a1'] });
  });

  it('of a pod that means nothing to the mesh sends nothing', () => {
    const { change, counted } = setUp();
    expect(change(counted('a1', '10.1.0.1', 'a'))).toEqual({ derived: ['a1'], events: [] });
  });

  it('of a Service recomputes the pods it selects and no others', () => {
    const { change } = setUp();
    expect(change(service('a', { app: 'a' }, '10.0.0.1', 81))).toEqual({
      derived: ['a1', 'a2'],
      events: ['updated c//Pod/ns/a1', 'updated c//Pod/ns/a2', 'updated ns/a.ns.svc.cluster.local'],
    });
  });

  it('of a policy recomputes the workloads it selects and no others', () => {
    const { change } = setUp();
    const policy = {
      kind: 'AuthorizationPolicy',
      metadata: { name: 'p', namespace: 'ns' },
      spec: { selector: { matchLabels: { app: 'b' } } },
    };
    expect(change(policy)).toEqual({ derived: ['b1'], events: ['updated c//Pod/ns/b1'] });
  });

  it('of a node that keeps its locality recomputes nothing', () => {
    const { change } = setUp();
    const node = {
      kind: 'Node',
      metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'z1' } },
      status: { heartbeat: 2 },
    };
    expect(change(node)).toEqual({ derived: [], events: [] });
  });
});

it('another trust domain in MeshConfig renames every workload, and policies that name one of its names mean all', () => {
  const model = strict();
  const source = { principals: ['cluster.local/ns/ns/sa/default'] };
  const policy = { metadata: { name: 'p', namespace: 'ns' }, spec: { rules: [{ from: [{ source }] }] } };
  loadObjects(model, [pod('p', '10.1.0.1'), { kind: 'AuthorizationPolicy', ...policy }]);
  const names = () =>
    model.authorizations
      .get('ns/p')
      ?.groups[0]?.rules[0]?.matches[0]?.principals.map(({ matchType }) => matchType?.value);
  expect([model.workloads.get('c//Pod/ns/p')?.trustDomain, names()]).toEqual(['', ['cluster.local/ns/ns/sa/default']]);
  model.sources.trustDomains.set(MESH_TRUST_KEY, { trustDomain: 'new', trustDomainAliases: ['cluster.local'] });
  expect([model.workloads.get('c//Pod/ns/p')?.trustDomain, names()]).toEqual([
    'new',
    ['new/ns/ns/sa/default', 'cluster.local/ns/ns/sa/default'],
  ]);
  model.sources.trustDomains.delete(MESH_TRUST_KEY);
  expect(model.workloads.get('c//Pod/ns/p')?.trustDomain).toBe('');
});

describe('one bad object', () => {
  const broken: readonly unknown[] = [
    null,
    1,
    'x',
    [],
    {},
    { metadata: 1 },
    { metadata: { name: 1, namespace: {} }, spec: 'x', status: [] },
  ];

  it('of a mesh kind never stops the others', () => {
    const faults: GraphFault[] = [];
    const model = new MeshModel(config, (fault) => faults.push(fault));
    const { authorizationPolicies, peerAuthentications, serviceEntries, workloadEntries } = model.sources;
    model.graph.batch(() => {
      broken.forEach((object, i) => {
        for (const source of [authorizationPolicies, peerAuthentications, serviceEntries, workloadEntries])
          source.set(`ns/broken-${i}`, object);
      });
    });
    loadObjects(model, [
      { kind: 'AuthorizationPolicy', metadata: { name: 'good', namespace: 'ns' }, spec: {} },
      pod('p', '10.1.0.1'),
    ]);
    expect(faults).toEqual([]);
    expect([model.authorizations.has('ns/good'), model.workloads.has('c//Pod/ns/p')]).toEqual([true, true]);
  });

  it('that makes a derivation throw keeps its last good workload', () => {
    const faults: GraphFault[] = [];
    const model = new MeshModel(config, (fault) => faults.push(fault));
    loadObjects(model, [pod('p', '10.1.0.1'), pod('q', '10.1.0.2')]);
    loadObjects(model, [pod('p', '10.1.0.1', {}, { spec: { containers: 7 } }), pod('q', '10.1.0.3')]);
    expect(model.workloads.has('c//Pod/ns/p')).toBe(true);
    expect(model.workloads.get('c//Pod/ns/q')?.addresses).toEqual([Buffer.from([10, 1, 0, 3])]);
  });
});

describe('properties', () => {
  const name = fc.constantFrom('x', 'y', 'z');
  const namespace = fc.constantFrom('ns', 'other', 'istio-system');
  const labels = fc.dictionary(fc.constantFrom('app', 'tier'), fc.constantFrom('1', '2'), { maxKeys: 2 });
  const createdAt = fc.constantFrom('2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z');
  const metadata = fc.record({ name, namespace, labels, creationTimestamp: createdAt });
  const ip = fc.constantFrom('10.1.0.1', '10.1.0.2', '10.1.0.3');
  const vip = fc.constantFrom('10.0.0.1', '10.0.0.2', 'None');
  const mode = fc.constantFrom('STRICT', 'PERMISSIVE', 'UNSET', 'DISABLE', 'bad');
  const selector = fc.option(fc.record({ matchLabels: labels }), { nil: undefined });
  const kindOf = <T extends object>(kind: string, fields: fc.Arbitrary<T>) =>
    fc.tuple(metadata, fields).map(([meta, rest]) => ({ kind, metadata: meta, ...rest }));
  const object = fc.oneof(
    {
      weight: 4,
      arbitrary: kindOf(
        'Pod',
        fc.record({
          spec: fc.record({ nodeName: name, hostNetwork: fc.boolean() }),
          status: fc.record({
            phase: fc.constantFrom('Running', 'Failed'),
            podIP: ip,
            conditions: fc.constant([{ type: 'Ready', status: 'True' }]),
          }),
        }),
      ),
    },
    {
      weight: 3,
      arbitrary: kindOf(
        'Service',
        fc.record({
          spec: fc.record({ clusterIP: vip, selector: labels, ports: fc.constant([{ name: 'http', port: 80 }]) }),
        }),
      ),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(metadata, name, ip, fc.option(name, { nil: undefined }))
        .map(([meta, svc, address, target]) => ({
          kind: 'EndpointSlice',
          metadata: { ...meta, labels: { 'kubernetes.io/service-name': svc } },
          ports: [{ name: 'http', port: 8080 }],
          endpoints: [
            {
              addresses: [address],
              ...(target && { targetRef: { kind: 'Pod', name: target, namespace: meta.namespace } }),
            },
          ],
        })),
    },
    {
      weight: 2,
      arbitrary: kindOf(
        'ServiceEntry',
        fc.record({
          spec: fc.record({
            hosts: fc.array(fc.constantFrom('a.example', 'x.ns.svc.cluster.local'), { minLength: 1, maxLength: 2 }),
            addresses: fc.array(vip, { maxLength: 1 }),
            resolution: fc.constantFrom('STATIC', 'DNS', 'NONE'),
            workloadSelector: fc.option(fc.record({ labels }), { nil: undefined }),
            endpoints: fc.option(fc.array(fc.record({ address: ip, labels }), { maxLength: 2 }), { nil: undefined }),
            ports: fc.constant([{ name: 'http', number: 80 }]),
          }),
        }),
      ),
    },
    { weight: 1, arbitrary: kindOf('WorkloadEntry', fc.record({ spec: fc.record({ address: ip, labels }) })) },
    {
      weight: 2,
      arbitrary: kindOf(
        'PeerAuthentication',
        fc.record({
          spec: fc.record({
            selector,
            mtls: fc.record({ mode }),
            portLevelMtls: fc.option(fc.dictionary(fc.constantFrom('80', '81'), fc.record({ mode })), {
              nil: undefined,
            }),
          }),
        }),
      ),
    },
    {
      weight: 2,
      arbitrary: kindOf(
        'AuthorizationPolicy',
        fc.record({ spec: fc.record({ selector, action: fc.constantFrom('ALLOW', 'DENY', 'CUSTOM') }) }),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(name, labels).map(([node, zone]) => ({
        kind: 'Node',
        metadata: { name: node, labels: { 'topology.kubernetes.io/zone': zone['app'] ?? '' } },
      })),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(namespace, name).map(([ns, network]) => ({
        kind: 'Namespace',
        metadata: { name: ns, labels: { 'topology.istio.io/network': network } },
      })),
    },
  );
  const change = fc.record({ object, remove: fc.boolean() });

  it('the model after any sequence of changes is the model of what is left', () => {
    fc.assert(
      fc.property(fc.array(fc.array(change, { minLength: 1, maxLength: 4 }), { maxLength: 15 }), (batches) => {
        const model = strict();
        const left = new Map<string, unknown>();
        for (const batch of batches) {
          model.graph.batch(() => {
            for (const { object: one, remove } of batch) {
              const { source, key } = placeOf(model, one);
              if (remove) source.delete(key);
              else source.set(key, one);
              if (remove) left.delete(`${one.kind} ${key}`);
              else left.set(`${one.kind} ${key}`, one);
            }
          });
        }
        const fresh = strict();
        loadObjects(fresh, [...left.values()]);
        for (const collection of ['workloads', 'services', 'authorizations', 'statuses', 'addressResources'] as const) {
          expect(new Map<string, unknown>(model[collection].entries())).toEqual(
            new Map<string, unknown>(fresh[collection].entries()),
          );
        }
      }),
      { numRuns: 200 },
    );
  });
});
