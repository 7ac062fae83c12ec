import fc from 'fast-check';
import { formatCauses } from '../cause.js';
import { decodeProblems } from '../decode-problems.js';
import { defaultObject } from '../default-object.js';
import { dig, type JsonObject } from '../json.js';
import { prepareCreate, prepareUpdate } from '../prepare-object.js';
import { builtinResources } from '../registry/builtin-resources.js';
import { readScale, writeReplicas } from '../scale.js';
import { validateObject } from '../validate-object.js';

const resource = (kind: string, group = '') =>
  builtinResources().find((item) => item.kind === kind && item.group === group)!;
const POD = resource('Pod');
const SERVICE = resource('Service');
const DEPLOYMENT = resource('Deployment', 'apps');

const pod = (spec: JsonObject): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'default' },
  spec,
});
const service = (spec: JsonObject): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 's', namespace: 'default' },
  spec,
});
const container = (more: JsonObject = {}): JsonObject => ({ name: 'c', image: 'nginx:1.25', ...more });
const deployment = (spec: JsonObject = {}, podSpec: JsonObject = { containers: [container()] }): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: podSpec },
    ...spec,
  },
});
const causesOf = (kind: typeof POD, object: JsonObject, old?: JsonObject): string =>
  formatCauses(validateObject(kind, defaultObject(kind, object), old).causes);

describe('decoding', () => {
  it.each<[JsonObject, string]>([
    [{ ...pod({}), foo: 1 }, 'unknown field "foo"'],
    [pod({ containers: [container({ imag: 'x' })] }), 'unknown field "spec.containers[0].imag"'],
    [
      pod({ containers: 'x' }),
      'json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    [
      pod({ containers: [container({ image: 1 })] }),
      'json: cannot unmarshal number into Go struct field Container.spec.containers.image of type string',
    ],
    [
      pod({ terminationGracePeriodSeconds: '30' }),
      'json: cannot unmarshal string into Go struct field PodSpec.spec.terminationGracePeriodSeconds of type int64',
    ],
    [
      pod({ hostNetwork: 'yes' }),
      'json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool',
    ],
    [
      pod({ containers: [container({ resources: { limits: { cpu: 'much' } } })] }),
      'quantities must match the regular expression',
    ],
  ])('%#: %s', (object, message) => {
    expect(
      decodeProblems(POD, object)
        .map((problem) => problem.message)
        .join(),
    ).toContain(message);
  });

  it('finds nothing wrong with null, which a typed decoder takes for absent', () => {
    expect(
      decodeProblems(
        POD,
        pod({ nodeName: null, containers: [container({ resources: { limits: { cpu: '100m', memory: 1024 } } })] }),
      ),
    ).toEqual([]);
  });

  it('knows the fields of every kind that strict validation is asked for', () => {
    for (const kind of ['Pod', 'Service', 'ConfigMap', 'Secret', 'ServiceAccount', 'Namespace']) {
      expect(
        decodeProblems(resource(kind), { apiVersion: 'v1', kind, metadata: { name: 'a', nam: 1 } }).map(
          (item) => item.path,
        ),
      ).toEqual(['metadata.nam']);
    }
  });
});

describe('defaults', () => {
  it('of a pod', () => {
    const probe = { httpGet: { port: 80 } };
    const object = defaultObject(
      POD,
      pod({
        serviceAccountName: 'web',
        containers: [
          container({ ports: [{ containerPort: 80 }], readinessProbe: probe }),
          { name: 'd', image: 'redis' },
        ],
      }),
    );
    expect(object['spec']).toMatchObject({
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      serviceAccount: 'web',
      schedulerName: 'default-scheduler',
      enableServiceLinks: true,
      securityContext: {},
      containers: [
        {
          imagePullPolicy: 'IfNotPresent',
          ports: [{ containerPort: 80, protocol: 'TCP' }],
          terminationMessagePath: '/dev/termination-log',
          readinessProbe: {
            httpGet: { path: '/', port: 80, scheme: 'HTTP' },
            timeoutSeconds: 1,
            periodSeconds: 10,
            successThreshold: 1,
            failureThreshold: 3,
          },
        },
        { imagePullPolicy: 'Always' },
      ],
    });
  });

  it.each<[string, JsonObject, JsonObject]>([
    [
      'target port is the port',
      { ports: [{ port: 80 }] },
      {
        ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }],
        type: 'ClusterIP',
        sessionAffinity: 'None',
        internalTrafficPolicy: 'Cluster',
      },
    ],
    [
      'a node port service has an external policy',
      { type: 'NodePort', ports: [{ port: 80 }] },
      { externalTrafficPolicy: 'Cluster' },
    ],
    [
      'client affinity lasts three hours',
      { sessionAffinity: 'ClientIP', ports: [{ port: 80 }] },
      { sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } } },
    ],
  ])('of a service: %s', (_rule, spec, expected) => {
    expect(defaultObject(SERVICE, service(spec))['spec']).toMatchObject(expected);
  });

  it('of a deployment, a daemon set and a job', () => {
    expect(defaultObject(DEPLOYMENT, deployment())['spec']).toMatchObject({
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    });
    expect(defaultObject(resource('DaemonSet', 'apps'), deployment())['spec']).toMatchObject({
      updateStrategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
    });
    expect(defaultObject(resource('Job', 'batch'), deployment())['spec']).toMatchObject({
      completions: 1,
      parallelism: 1,
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      suspend: false,
    });
  });

  it('stringData of a secret becomes data', () => {
    expect(defaultObject(resource('Secret'), { metadata: { name: 's' }, stringData: { a: 'b' } })).toEqual({
      metadata: { name: 's' },
      type: 'Opaque',
      data: { a: 'Yg==' },
    });
  });
});

describe('validation', () => {
  it.each<[string, string]>([
    [
      'UPPER',
      'metadata.name: Invalid value: "UPPER": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters',
    ],
    ['', 'metadata.name: Required value: name or generateName is required'],
    ['-a', 'must start and end with an alphanumeric character'],
  ])('a pod may not be called %j', (name, message) => {
    expect(causesOf(POD, { ...pod({ containers: [container()] }), metadata: { name } })).toContain(message);
  });

  it.each<[JsonObject, string]>([
    [{}, 'spec.containers: Required value'],
    [{ containers: [{ name: 'c' }] }, 'spec.containers[0].image: Required value'],
    [
      { containers: [container({ name: 'Bad_Name' })] },
      'spec.containers[0].name: Invalid value: "Bad_Name": a lowercase RFC 1123 label',
    ],
    [{ containers: [container(), container()] }, 'spec.containers[1].name: Duplicate value: "c"'],
    [
      { containers: [container()], restartPolicy: 'Sometimes' },
      'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
    ],
    [
      { containers: [container({ ports: [{ containerPort: 70000 }] })] },
      'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ],
    [
      { containers: [container({ ports: [{ containerPort: 80, protocol: 'QUIC' }] })] },
      'spec.containers[0].ports[0].protocol: Unsupported value: "QUIC": supported values: "SCTP", "TCP", "UDP"',
    ],
    [
      { containers: [container({ volumeMounts: [{ name: 'v', mountPath: '/v' }] })] },
      'spec.containers[0].volumeMounts[0].name: Not found: "v"',
    ],
    [
      { containers: [container({ livenessProbe: {} })] },
      'spec.containers[0].livenessProbe: Required value: must specify a handler type',
    ],
    [
      { containers: [container({ livenessProbe: { exec: { command: ['a'] }, successThreshold: 2 } })] },
      'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
    ],
    [
      { containers: [container({ resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } })] },
      'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ],
    [
      { containers: [container()], volumes: [{ name: 'a' }, { name: 'a' }] },
      'spec.volumes[1].name: Duplicate value: "a"',
    ],
  ])('of a pod spec: %#', (spec, message) => {
    expect(causesOf(POD, pod(spec))).toContain(message);
  });

  it('only the image, the deadline and further tolerations of a pod may change', () => {
    const old = defaultObject(POD, pod({ containers: [container()] }));
    expect(
      causesOf(
        POD,
        pod({ containers: [container({ image: 'nginx:1.26' })], tolerations: [{ operator: 'Exists' }] }),
        old,
      ),
    ).not.toContain('pod updates');
    expect(causesOf(POD, pod({ containers: [container({ args: ['x'] })] }), old)).toContain(
      'spec: Forbidden: pod updates may not change fields other than',
    );
  });

  it.each<[JsonObject, string]>([
    [{}, 'spec.ports: Required value'],
    [{ ports: [{ port: 0 }] }, 'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive'],
    [{ ports: [{ port: 80 }, { port: 81 }] }, 'spec.ports[0].name: Required value'],
    [
      {
        ports: [
          { port: 80, name: 'a' },
          { port: 80, name: 'b' },
        ],
      },
      'spec.ports[1]: Duplicate value',
    ],
    [
      { ports: [{ port: 80 }], type: 'Odd' },
      'spec.type: Unsupported value: "Odd": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
    [
      { ports: [{ port: 80 }], clusterIP: '10.0.0.300' },
      'spec.clusterIPs[0]: Invalid value: "10.0.0.300": must be a valid IP address',
    ],
    [{ type: 'ExternalName' }, 'spec.externalName: Required value'],
    [
      { ports: [{ port: 80, nodePort: 30000 }] },
      "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
    ],
  ])('of a service: %#', (spec, message) => {
    expect(causesOf(SERVICE, service(spec))).toContain(message);
  });

  it('a cluster IP may not change once set', () => {
    const old = service({
      type: 'ClusterIP',
      clusterIP: '10.96.0.5',
      clusterIPs: ['10.96.0.5'],
      ports: [{ port: 80 }],
    });
    const changed = prepareUpdate(
      SERVICE,
      service({ clusterIP: '10.96.0.6', clusterIPs: ['10.96.0.5'], ports: [{ port: 80 }] }),
      old,
    );
    expect(causesOf(SERVICE, changed, old)).toBe(
      'spec.clusterIPs[0]: Invalid value: []string{"10.96.0.6"}: may not change once set',
    );
    expect(causesOf(SERVICE, prepareUpdate(SERVICE, service({ ports: [{ port: 81 }] }), old), old)).toBe('[]');
  });

  it.each<[JsonObject, string]>([
    [
      deployment({ selector: { matchLabels: { app: 'other' } } }),
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    ],
    [deployment({ selector: undefined }), 'spec.selector: Required value'],
    [deployment({ replicas: -1 }), 'spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
    [
      deployment({}, { containers: [container()], restartPolicy: 'Never' }),
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
    [
      deployment({ strategy: { type: 'Recreate', rollingUpdate: {} } }),
      "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    ],
  ])('of a deployment: %#', (object, message) => {
    expect(causesOf(DEPLOYMENT, object)).toContain(message);
  });

  it('a selector is immutable', () => {
    const other = deployment({
      selector: { matchLabels: { app: 'b' } },
      template: { metadata: { labels: { app: 'b' } }, spec: { containers: [container()] } },
    });
    expect(causesOf(DEPLOYMENT, other, defaultObject(DEPLOYMENT, deployment()))).toBe(
      'spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{"app":"b"}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: field is immutable',
    );
  });

  it('a job must say how it restarts', () => {
    expect(
      causesOf(resource('Job', 'batch'), {
        metadata: { name: 'j' },
        spec: { template: { spec: { containers: [container()] } } },
      }),
    ).toBe('spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"');
  });

  it('an immutable config map keeps its data', () => {
    const old = { metadata: { name: 'c' }, data: { a: '1' }, immutable: true };
    expect(causesOf(resource('ConfigMap'), { ...old, data: { a: '2' } }, old)).toBe(
      'data: Forbidden: field is immutable when `immutable` is set',
    );
  });
});

describe('what the server decides', () => {
  it('a new pod is pending and has a quality of service', () => {
    expect(
      prepareCreate(POD, pod({ containers: [container({ resources: { limits: { cpu: '1', memory: '1Gi' } } })] }))[
        'status'
      ],
    ).toEqual({ phase: 'Pending', qosClass: 'Guaranteed' });
    expect(
      prepareCreate(POD, { ...pod({ containers: [container()] }), status: { phase: 'Running' } })['status'],
    ).toEqual({ phase: 'Pending', qosClass: 'BestEffort' });
  });

  it('the generation counts changes of the spec, not of status, labels or spelled-out defaults', () => {
    const old = prepareCreate(DEPLOYMENT, defaultObject(DEPLOYMENT, deployment()));
    const generation = (object: JsonObject, subresource = '') =>
      dig(prepareUpdate(DEPLOYMENT, object, old, subresource), 'metadata', 'generation');
    expect(dig(old, 'metadata', 'generation')).toBe(1);
    expect(generation(deployment({ replicas: 1 }))).toBe(1);
    expect(generation({ ...deployment(), metadata: { name: 'web', labels: { a: 'b' } } })).toBe(1);
    expect(generation(deployment({ replicas: 2 }))).toBe(2);
    expect(generation({ ...old, status: { replicas: 3 } }, 'status')).toBe(1);
  });

  it('an update of the main resource keeps the status, an update of the status keeps the rest', () => {
    const old = { ...defaultObject(DEPLOYMENT, deployment()), status: { replicas: 1 } };
    expect(prepareUpdate(DEPLOYMENT, { ...deployment(), status: { replicas: 9 } }, old)['status']).toEqual({
      replicas: 1,
    });
    expect(
      dig(
        prepareUpdate(DEPLOYMENT, { ...deployment({ replicas: 7 }), status: { replicas: 9 } }, old, 'status'),
        'spec',
        'replicas',
      ),
    ).toBe(1);
  });

  it('scale reads and writes the replicas', () => {
    const object = defaultObject(DEPLOYMENT, deployment({ replicas: 3 }));
    expect(readScale(DEPLOYMENT, object)).toMatchObject({
      kind: 'Scale',
      spec: { replicas: 3 },
      status: { replicas: 0, selector: 'app=web' },
    });
    expect(dig(writeReplicas(DEPLOYMENT, object, 5), 'spec', 'replicas')).toBe(5);
    expect(readScale(POD, pod({}))).toBeUndefined();
  });
});

describe('properties', () => {
  const anyKind = fc.constantFrom(...builtinResources());
  /** Documents that look a little like Kubernetes, with wrong values in the right places. */
  const odd = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.jsonValue(),
      fc.dictionary(
        fc.constantFrom(
          'metadata',
          'spec',
          'template',
          'containers',
          'ports',
          'selector',
          'matchLabels',
          'rules',
          'webhooks',
          'data',
          'versions',
          'names',
          'name',
        ),
        tie('value'),
      ),
      fc.array(tie('value'), { maxLength: 3 }),
    ),
  })).value;

  it('no request body makes decoding, preparing, defaulting or validating throw', () => {
    fc.assert(
      fc.property(
        anyKind,
        fc.dictionary(fc.constantFrom('metadata', 'spec', 'status', 'data', 'webhooks', 'subsets', 'rules'), odd),
        (kind, body) => {
          const object = body as JsonObject;
          decodeProblems(kind, object);
          const ready = defaultObject(kind, prepareCreate(kind, object));
          validateObject(kind, ready);
          validateObject(kind, defaultObject(kind, prepareUpdate(kind, object, ready)), ready);
        },
      ),
      { numRuns: 80 },
    );
  });

  it('defaulting twice is the same as once', () => {
    fc.assert(
      fc.property(anyKind, fc.dictionary(fc.constantFrom('metadata', 'spec', 'ports'), odd), (kind, body) => {
        const once = defaultObject(kind, body);
        expect(defaultObject(kind, once)).toEqual(once);
      }),
      { numRuns: 80 },
    );
  });
});
