import fc from 'fast-check';
import type { JsonObject } from '../json.js';
import { builtinResources } from '../registry/builtin-resources.js';
import { resourcesOfCrd } from '../registry/crd-resources.js';
import { humanDuration } from './human-duration.js';
import { findByJsonPath } from './json-path.js';
import { renderTable } from './render-table.js';

const NOW = new Date('2026-01-01T01:00:00Z');
const created = '2026-01-01T00:00:00Z';
const resource = (plural: string) => builtinResources().find((item) => item.plural === plural)!;

function row(plural: string, object: JsonObject, wide = false): readonly unknown[] {
  const table = renderTable(resource(plural), [{ metadata: { name: 'x', creationTimestamp: created }, ...object }], {
    now: NOW,
  }) as {
    columnDefinitions: { priority: number }[];
    rows: { cells: unknown[] }[];
  };
  return table.rows[0]!.cells.filter((_cell, i) => wide || table.columnDefinitions[i]!.priority === 0);
}

const pod = (status: JsonObject, spec: JsonObject = {}, metadata: JsonObject = {}): JsonObject => ({
  metadata: { name: 'web', creationTimestamp: created, ...metadata },
  spec: { containers: [{ name: 'a' }, { name: 'b' }], nodeName: 'node-1', ...spec },
  status,
});
const running = { ready: true, restartCount: 0, state: { running: {} } };

describe('kubectl get', () => {
  it.each<[string, JsonObject, readonly unknown[]]>([
    ['a pod without status', pod({ phase: 'Pending' }), ['web', '0/2', 'Pending', '0', '60m']],
    [
      'a running pod',
      pod({ phase: 'Running', containerStatuses: [running, running] }),
      ['web', '2/2', 'Running', '0', '60m'],
    ],
    [
      'a crashing pod',
      pod({
        phase: 'Running',
        containerStatuses: [
          running,
          {
            ready: false,
            restartCount: 3,
            state: { waiting: { reason: 'CrashLoopBackOff' } },
            lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:59:00Z' } },
          },
        ],
      }),
      ['web', '1/2', 'CrashLoopBackOff', '3 (60s ago)', '60m'],
    ],
    [
      'a completed pod',
      pod({ phase: 'Succeeded', containerStatuses: [{ state: { terminated: { reason: 'Completed', exitCode: 0 } } }] }),
      ['web', '0/2', 'Completed', '0', '60m'],
    ],
    [
      'a failed container',
      pod({ phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: 137, signal: 9 } } }] }),
      ['web', '0/2', 'Signal:9', '0', '60m'],
    ],
    [
      'an initialising pod',
      pod(
        { phase: 'Pending', initContainerStatuses: [{ state: { running: {} } }] },
        { initContainers: [{ name: 'i' }] },
      ),
      ['web', '0/2', 'Init:0/1', '0', '60m'],
    ],
    [
      'a pod with a sidecar',
      pod(
        {
          phase: 'Running',
          initContainerStatuses: [{ name: 'i', started: true, ready: true, state: { running: {} } }],
          containerStatuses: [running, running],
        },
        { initContainers: [{ name: 'i', restartPolicy: 'Always' }] },
      ),
      ['web', '3/3', 'Running', '0', '60m'],
    ],
    [
      'a deleted pod',
      pod({ phase: 'Running' }, {}, { deletionTimestamp: created }),
      ['web', '0/2', 'Terminating', '0', '60m'],
    ],
  ])('%s', (_what, object, cells) => {
    expect(row('pods', object)).toEqual(cells);
  });

  it('-o wide shows address and node of a pod', () => {
    expect(row('pods', pod({ phase: 'Running', podIPs: [{ ip: '10.244.1.2' }] }), true).slice(5)).toEqual([
      '10.244.1.2',
      'node-1',
      '<none>',
      '<none>',
    ]);
  });

  it.each<[string, JsonObject, readonly unknown[]]>([
    [
      'services',
      {
        spec: {
          type: 'ClusterIP',
          clusterIP: '10.96.0.1',
          clusterIPs: ['10.96.0.1'],
          ports: [
            { port: 443, protocol: 'TCP' },
            { port: 53, protocol: 'UDP' },
          ],
        },
      },
      ['x', 'ClusterIP', '10.96.0.1', '<none>', '443/TCP,53/UDP', '60m'],
    ],
    [
      'services',
      {
        spec: {
          type: 'LoadBalancer',
          clusterIPs: ['10.96.0.2'],
          ports: [{ port: 80, nodePort: 30080, protocol: 'TCP' }],
        },
      },
      ['x', 'LoadBalancer', '10.96.0.2', '<pending>', '80:30080/TCP', '60m'],
    ],
    [
      'services',
      { spec: { type: 'ExternalName', externalName: 'a.example' } },
      ['x', 'ExternalName', '<none>', 'a.example', '<none>', '60m'],
    ],
    [
      'deployments',
      { spec: { replicas: 3 }, status: { readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 } },
      ['x', '1/3', 2, 1, '60m'],
    ],
    ['replicasets', { spec: { replicas: 3 }, status: { replicas: 2, readyReplicas: 1 } }, ['x', 3, 2, 1, '60m']],
    ['daemonsets', { status: { desiredNumberScheduled: 2, numberReady: 1 } }, ['x', 2, 0, 1, 0, 0, '<none>', '60m']],
    [
      'jobs',
      {
        spec: { completions: 1 },
        status: {
          startTime: created,
          completionTime: '2026-01-01T00:00:05Z',
          succeeded: 1,
          conditions: [{ type: 'Complete', status: 'True' }],
        },
      },
      ['x', 'Complete', '1/1', '5s', '60m'],
    ],
    [
      'nodes',
      {
        metadata: { name: 'x', creationTimestamp: created, labels: { 'node-role.kubernetes.io/control-plane': '' } },
        status: { conditions: [{ type: 'Ready', status: 'True' }], nodeInfo: { kubeletVersion: 'v1.32.0' } },
      },
      ['x', 'Ready', 'control-plane', '60m', 'v1.32.0'],
    ],
    ['namespaces', { status: { phase: 'Active' } }, ['x', 'Active', '60m']],
    ['configmaps', { data: { a: '1', b: '2' }, binaryData: { c: '' } }, ['x', 3, '60m']],
    ['secrets', { type: 'Opaque', data: { a: '' } }, ['x', 'Opaque', 1, '60m']],
    ['serviceaccounts', {}, ['x', 0, '60m']],
    [
      'endpointslices',
      {
        addressType: 'IPv4',
        ports: [{ port: 80 }],
        endpoints: [{ addresses: ['10.0.0.1'] }, { addresses: ['10.0.0.2'] }],
      },
      ['x', 'IPv4', '80', '10.0.0.1,10.0.0.2', '60m'],
    ],
    [
      'endpoints',
      { subsets: [{ addresses: [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }], ports: [{ port: 80 }, { port: 81 }] }] },
      ['x', '10.0.0.1:80,10.0.0.2:80,10.0.0.1:81 + 1 more...', '60m'],
    ],
    ['leases', { spec: { holderIdentity: 'me' } }, ['x', 'me', '60m']],
    ['customresourcedefinitions', {}, ['x', created]],
    [
      'events',
      {
        lastTimestamp: '2026-01-01T00:59:30Z',
        type: 'Warning',
        reason: 'Failed',
        involvedObject: { kind: 'Pod', name: 'p' },
        message: 'no\n',
      },
      ['30s', 'Warning', 'Failed', 'pod/p', 'no'],
    ],
    ['limitranges', {}, ['x', created]],
    ['podtemplates', {}, ['x', '60m']],
  ])('%s %#', (plural, object, cells) => {
    expect(row(plural, object)).toEqual(cells);
  });

  it('prints the columns that a CustomResourceDefinition asks for', () => {
    const [custom] = resourcesOfCrd({
      spec: {
        group: 'g.example',
        names: { plural: 'things', kind: 'Thing' },
        versions: [
          {
            name: 'v1',
            served: true,
            additionalPrinterColumns: [
              { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
              { name: 'Hosts', type: 'string', jsonPath: '.spec.hosts' },
              { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
              { name: 'Since', type: 'date', jsonPath: '.metadata.creationTimestamp' },
              { name: 'Gone', type: 'string', jsonPath: '.spec.gone', priority: 1 },
            ],
          },
        ],
      },
    });
    const object = {
      metadata: { name: 't', creationTimestamp: created },
      spec: { hosts: ['a', 'b'], size: 3 },
      status: {
        conditions: [
          { type: 'X', status: 'False' },
          { type: 'Ready', status: 'True' },
        ],
      },
    };
    expect(renderTable(custom!, [object], { now: NOW, includeObject: 'None' })).toMatchObject({
      rows: [{ cells: ['t', 'True', '["a","b"]', 3, '60m', null] }],
    });
  });
});

describe('human duration', () => {
  it.each<[number, string]>([
    [0, '0s'],
    [119, '119s'],
    [120, '2m'],
    [303, '5m3s'],
    [600, '10m'],
    [3 * 3600, '3h'],
    [3 * 3600 + 120, '3h2m'],
    [47 * 3600, '47h'],
    [49 * 3600, '2d1h'],
    [8 * 86400, '8d'],
    [800 * 86400, '2y70d'],
    [-5, '<invalid>'],
  ])('%d s is %s', (seconds, text) => {
    expect(humanDuration(seconds * 1000)).toBe(text);
  });
});

describe('JSON paths', () => {
  it.each<[string, readonly unknown[]]>([
    ['.a.b', [1]],
    ["['x.y']", [2]],
    ['.x\\.y', [2]],
    ['.l[0].n', ['p']],
    ['.l[-1].n', ['q']],
    ['.l[*].n', ['p', 'q']],
    ['.l[?(@.n=="q")].v', [8]],
    ['{.a.b}', [1]],
    ['.missing.b', []],
    ['.a..b', []],
  ])('%s', (path, found) => {
    expect(
      findByJsonPath(path, {
        a: { b: 1 },
        'x.y': 2,
        l: [
          { n: 'p', v: 7 },
          { n: 'q', v: 8 },
        ],
      }),
    ).toEqual(found);
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), fc.jsonValue(), (path, value) => Array.isArray(findByJsonPath(path, value))));
  });
});

it('no object makes a table throw', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...builtinResources()),
      fc.dictionary(fc.constantFrom('metadata', 'spec', 'status', 'subsets'), fc.jsonValue()),
      (kind, object) => {
        renderTable(kind, [object], { now: NOW });
      },
    ),
  );
});
