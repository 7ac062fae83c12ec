import fc from 'fast-check';
import type { ConfigMap, Pod, Secret } from '@weft/kube';
import { containerEnvironment, type EnvironmentInputs } from './environment.js';
import { parseQuantity, type Container } from './pod-fields.js';
import { expandVariables } from './variable-expansion.js';

const pod = {
  metadata: { name: 'p', namespace: 'n', uid: 'u', labels: { app: 'web' } },
  spec: { containers: [] },
} as Pod;
const objects = {
  configMaps: new Map<string, ConfigMap>([['n/settings', { data: { A: '1', 'not a name': 'x' } }]]),
  secrets: new Map<string, Secret>([['n/keys', { data: { pass: Buffer.from('s3cret').toString('base64') } }]]),
};
const inputs: EnvironmentInputs = {
  pod,
  objects: {
    configMap: (namespace, name) => objects.configMaps.get(`${namespace}/${name}`),
    secret: (namespace, name) => objects.secrets.get(`${namespace}/${name}`),
  },
  around: { nodeName: 'node-1', hostIp: '172.30.0.11', podIps: ['10.244.1.2'], nodeCpus: 2, nodeMemoryBytes: 2 ** 30 },
  hostname: 'p',
  kubernetes: { host: '10.96.0.1', port: 443 },
};
const environment = (container: Partial<Container>) => containerEnvironment({ name: 'c', ...container }, inputs);
const valueOf = (container: Partial<Container>, name: string): string | undefined => {
  const result = environment(container);
  return result.ok ? result.value.get(name) : `error: ${result.error}`;
};

describe('variable expansion', () => {
  const variables = new Map([
    ['A', 'a'],
    ['B', 'b$(A)'],
  ]);
  it.each([
    ['$(A)-$(B)', 'a-b$(A)'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$a'],
    ['$(missing)', '$(missing)'],
    ['$A $', '$A $'],
    ['$(A', '$(A'],
  ])('%s becomes %s', (text, wanted) => expect(expandVariables(text, variables)).toBe(wanted));

  it('leaves text without a dollar sign alone', () => {
    fc.assert(
      fc.property(
        fc.string(),
        (text) => expandVariables(text.replaceAll('$', ''), variables) === text.replaceAll('$', ''),
      ),
    );
  });
});

describe('environment of a container', () => {
  it('has the address of the API server, a path and the host name', () => {
    expect(valueOf({}, 'KUBERNETES_SERVICE_HOST')).toBe('10.96.0.1');
    expect(valueOf({}, 'KUBERNETES_SERVICE_PORT')).toBe('443');
    expect(valueOf({}, 'HOSTNAME')).toBe('p');
  });

  it('values may refer to earlier ones', () => {
    const env = [
      { name: 'A', value: '1' },
      { name: 'B', value: '$(A)2' },
      { name: 'C', value: '$(D)' },
      { name: 'D', value: '4' },
    ];
    expect(valueOf({ env }, 'B')).toBe('12');
    expect(valueOf({ env }, 'C')).toBe('$(D)');
  });

  it.each([
    ['metadata.name', 'p'],
    ["metadata.labels['app']", 'web'],
    ['spec.nodeName', 'node-1'],
    ['status.podIP', '10.244.1.2'],
    ['status.hostIP', '172.30.0.11'],
    ['spec.nonsense', 'error: unsupported fieldPath "spec.nonsense"'],
  ])('fieldRef %s is %s', (fieldPath, wanted) => {
    expect(valueOf({ env: [{ name: 'X', valueFrom: { fieldRef: { fieldPath } } }] }, 'X')).toBe(wanted);
  });

  it.each([
    ['limits.cpu', undefined, { limits: { cpu: '1500m' } }, '2'],
    ['limits.cpu', '1m', { limits: { cpu: '1500m' } }, '1500'],
    ['limits.cpu', undefined, {}, '2'],
    ['requests.cpu', undefined, {}, '0'],
    ['limits.memory', '1Mi', { limits: { memory: '1Gi' } }, '1024'],
  ])('resourceFieldRef %s by %s', (resource, divisor, resources, wanted) => {
    const reference = { resource, ...(divisor === undefined ? {} : { divisor }) };
    expect(valueOf({ resources, env: [{ name: 'X', valueFrom: { resourceFieldRef: reference } }] }, 'X')).toBe(wanted);
  });

  it('takes keys of ConfigMaps and Secrets, and all keys that are variable names with envFrom', () => {
    const env = [{ name: 'PASS', valueFrom: { secretKeyRef: { name: 'keys', key: 'pass' } } }];
    expect(valueOf({ env }, 'PASS')).toBe('s3cret');
    const result = environment({ envFrom: [{ prefix: 'P_', configMapRef: { name: 'settings' } }] });
    expect(result.ok && [...result.value.keys()].filter((name) => name.startsWith('P_'))).toEqual(['P_A']);
  });

  it('a missing reference is an error that names it, unless it is optional', () => {
    const reference = { name: 'nope', key: 'k' };
    expect(environment({ env: [{ name: 'X', valueFrom: { configMapKeyRef: reference } }] })).toEqual({
      ok: false,
      error: 'env X: no key "k" in configmap "nope"',
    });
    expect(
      environment({ env: [{ name: 'X', valueFrom: { configMapKeyRef: { ...reference, optional: true } } }] }).ok,
    ).toBe(true);
    expect(environment({ envFrom: [{ secretRef: { name: 'nope' } }] })).toEqual({
      ok: false,
      error: 'secret "nope" not found',
    });
  });
});

it.each([
  ['100m', 0.1],
  ['2', 2],
  ['1Ki', 1024],
  ['1.5G', 1.5e9],
  ['1e3', 1000],
  ['', null],
  ['x', null],
])('the quantity %s is %s', (text, wanted) => expect(parseQuantity(text)).toBe(wanted));
