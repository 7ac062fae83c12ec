import { NAMESPACES, PODS } from '@weft/kube';
import { until } from '@weft/testing-fixtures';
import { useCluster } from './cluster/use-cluster.js';

const deployment = (name: string, replicas: number, generation: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: main
          image: none
          command: [sh, -c, 'echo ${generation} started; exec sleep 3600']
          env: [{ name: GENERATION, value: ${generation} }]
`;
const configMap = (name: string, data: string): string => `
apiVersion: v1
kind: ConfigMap
metadata: { name: ${name} }
data: ${data}
`;

/** The acceptance list of the local cluster: what people and tools do with the real kubectl. */
describe('kubectl on a local cluster', () => {
  const cluster = useCluster({ name: 'kubectl', mesh: false });
  let namespace: string;
  let number = 0;
  const k = (args: string, stdin?: string): Promise<string> =>
    cluster().kubectlOk(['-n', namespace, ...args.split(' ')], stdin === undefined ? {} : { stdin });
  const words = (...args: string[]): Promise<string> => cluster().kubectlOk(['-n', namespace, ...args]);
  /** What a failing kubectl prints; fails if it succeeds. */
  const refused = async (args: string, stdin?: string): Promise<string> => {
    const result = await cluster().kubectl(['-n', namespace, ...args.split(' ')], stdin === undefined ? {} : { stdin });
    expect(`${args} ended with ${result.code === 0 ? 0 : 1}`).toBe(`${args} ended with 1`);
    return result.stderr;
  };
  const json = async <T = Record<string, never>>(args: string): Promise<T> =>
    JSON.parse(await k(`${args} -o json`)) as T;
  const apply = (text: string): Promise<string> => k('apply -f -', text);

  beforeEach(async () => {
    namespace = `t${++number}`;
    await cluster().kube.create(NAMESPACES, { metadata: { name: namespace } });
  });

  describe('reading', () => {
    beforeEach(async () => {
      await apply(deployment('web', 2, 'one'));
      await k('rollout status deployment/web --timeout=30s');
    });

    it('get prints a table, and a wide one with node and address', async () => {
      const table = await k('get pods');
      expect(table).toMatch(/^NAME +READY +STATUS +RESTARTS +AGE\n/);
      expect(table.match(/^web-\S+ +1\/1 +Running +0 +\d+s$/gm)).toHaveLength(2);
      expect(await k('get pods -o wide')).toMatch(/web-\S+ +1\/1 +Running +0 +\d+s +10\.244\.\d+\.\d+ +node-\d /);
      expect(await k('get deployment,replicaset')).toMatch(/deployment\.apps\/web +2\/2 +2 +2 /);
      expect(await k('get pods --no-headers -o name')).toMatch(/^pod\/web-\S+\npod\/web-\S+\n$/);
    });

    it('get -o yaml, json, jsonpath, custom-columns and sort-by', async () => {
      expect(await k('get deployment web -o yaml')).toMatch(/^apiVersion: apps\/v1\nkind: Deployment\n/);
      expect(await json('get deployment web')).toMatchObject({ status: { readyReplicas: 2 } });
      expect(await k('get deployment web -o jsonpath={.spec.template.spec.containers[0].name}')).toBe('main');
      expect(await k('get pods -o custom-columns=P:.status.phase --no-headers')).toBe('Running\nRunning\n');
      expect(await k('get pods --sort-by=.metadata.name -o name')).toMatch(/^pod\/web/);
    });

    it('label and field selectors', async () => {
      const [first = ''] = (await k('get pods -o name')).split('\n');
      await k(`label ${first} tier=front`);
      expect(await k('get pods -l app=web,tier=front -o name')).toBe(`${first}\n`);
      expect(await k('get pods -l tier!=front -o name')).not.toContain(first);
      expect(await words('get', 'pods', '-l', 'tier in (front, back)', '-o', 'name')).toBe(`${first}\n`);
      expect(await k(`get pods --field-selector metadata.name=${first.slice(4)} -o name`)).toBe(`${first}\n`);
      expect(
        (await k('get pods --field-selector spec.nodeName=node-1,status.phase=Running -o name')).split('\n'),
      ).toHaveLength(2);
      expect(await k('get pods -A -l app=web -o name')).toMatch(/pod\/web/);
    });

    it('get -w prints changes as they come', async () => {
      const watch = cluster().kubectlStart([
        '-n',
        namespace,
        'get',
        'configmap',
        'seen',
        '-w',
        '--ignore-not-found',
        '-o',
        'jsonpath={.data.v}{"\\n"}',
      ]);
      await apply(configMap('seen', '{ v: first }'));
      const table = cluster().kubectlStart(['-n', namespace, 'get', 'configmaps', '-w']);
      await table.says(/seen/);
      await apply(configMap('seen', '{ v: second, w: x }'));
      await table.says(/seen +2 /);
      await Promise.all([watch.stop(), table.stop()]);
    });

    it('describe shows pods with events, deployments and nodes', async () => {
      const [pod = ''] = (await k('get pods -o name')).split('\n');
      const text = await k(`describe ${pod}`);
      expect(text).toMatch(/Status: +Running/);
      expect(text).toMatch(/Controlled By: +ReplicaSet\/web-/);
      expect(text).toMatch(/Normal +Scheduled/);
      expect(text).toMatch(/Normal +Started/);
      expect(await k('describe deployment web')).toMatch(/Replicas: +2 desired \| 2 updated \| 2 total \| 2 available/);
      const node = await k('describe node node-1');
      expect(node).toMatch(/Non-terminated Pods:/);
      expect(node).toMatch(/Ready +True/);
    });

    it('api-resources, api-versions, version, explain, cluster-info and auth can-i', async () => {
      expect(await k('api-resources --api-group=apps')).toMatch(/deployments +deploy +apps\/v1 +true +Deployment/);
      expect(await k('api-versions')).toContain('coordination.k8s.io/v1\n');
      expect(await k('version')).toMatch(/Server Version: v1\.\d+/);
      expect(await k('explain deployment.spec.replicas')).toMatch(/KIND: +Deployment[^]*FIELD: replicas <integer>/);
      expect(await k('cluster-info')).toContain('is running at');
      expect(await k('auth can-i create pods')).toBe('yes\n');
      expect(await k('auth whoami')).toMatch(/Username/);
    });
  });

  describe('writing', () => {
    it('create refuses what exists; apply client-side makes the three-way difference', async () => {
      await k('create configmap settings --from-literal=a=1');
      expect(await refused('create configmap settings --from-literal=a=1')).toContain('already exists');
      expect(await apply(configMap('app', '{ a: "1", b: "2" }'))).toBe('configmap/app created\n');
      await words('patch', 'configmap', 'app', '--type=merge', '-p', '{"data":{"c":"3"}}');
      expect(await apply(configMap('app', '{ a: "1" }'))).toBe('configmap/app configured\n');
      expect(await json('get configmap app')).toHaveProperty('data', { a: '1', c: '3' });
      expect(await apply(configMap('app', '{ a: "1" }'))).toBe('configmap/app unchanged\n');
      expect(await k('diff -f -', configMap('app', '{ a: "1" }'))).toBe('');
    });

    it('apply --server-side keeps owners apart: a conflict names the other manager, --force-conflicts takes over', async () => {
      const as = (manager: string, data: string, more = ''): Promise<string> =>
        k(`apply --server-side --field-manager=${manager}${more} -f -`, configMap('shared', data));
      await as('alice', '{ a: "1", b: "2" }');
      await as('bob', '{ c: "3" }');
      const conflict = await refused('apply --server-side --field-manager=bob -f -', configMap('shared', '{ a: "9" }'));
      expect(conflict).toMatch(/conflict with "alice"[^]*\.data\.a/);
      await as('bob', '{ a: "9" }', ' --force-conflicts');
      await as('alice', '{ b: "2" }');
      expect(await json('get configmap shared')).toHaveProperty('data', { a: '9', b: '2' });
      const { metadata } = await json<{ metadata: { managedFields: { manager: string; operation: string }[] } }>(
        'get configmap shared --show-managed-fields',
      );
      expect(metadata.managedFields.map(({ manager, operation }) => `${manager} ${operation}`).sort()).toEqual([
        'alice Apply',
        'bob Apply',
      ]);
    });

    it('patch: merge, strategic merge by container name, JSON', async () => {
      await apply(deployment('web', 1, 'one'));
      const strategic =
        '{"spec":{"template":{"spec":{"containers":[{"name":"main","env":[{"name":"MORE","value":"x"}]}]}}}}';
      await words('patch', 'deployment', 'web', '-p', strategic);
      const env = '{.spec.template.spec.containers[0].env[*].name}';
      expect((await words('get', 'deployment', 'web', '-o', `jsonpath=${env}`)).split(' ').sort()).toEqual([
        'GENERATION',
        'MORE',
      ]);
      await words(
        'patch',
        'deployment',
        'web',
        '--type=merge',
        '-p',
        '{"metadata":{"labels":{"x":"y"}},"spec":{"paused":true}}',
      );
      await words(
        'patch',
        'deployment',
        'web',
        '--type=json',
        '-p',
        '[{"op":"test","path":"/spec/paused","value":true},{"op":"replace","path":"/spec/replicas","value":0}]',
      );
      expect(await json('get deployment web')).toMatchObject({
        metadata: { labels: { x: 'y' } },
        spec: { replicas: 0 },
      });
      const wrong = await cluster().kubectl([
        '-n',
        namespace,
        'patch',
        'deployment',
        'web',
        '--type=json',
        '-p',
        '[{"op":"test","path":"/spec/paused","value":false}]',
      ]);
      expect(wrong.code).not.toBe(0);
    });

    it('label and annotate, with --overwrite and removal', async () => {
      await apply(configMap('app', '{}'));
      await k('label configmap app stage=one');
      expect(await refused('label configmap app stage=two')).toContain('--overwrite');
      await k('label --overwrite configmap app stage=two');
      await words('annotate', 'configmap', 'app', 'note=some words here');
      expect(await json('get configmap app')).toMatchObject({
        metadata: { labels: { stage: 'two' }, annotations: { note: 'some words here' } },
      });
      await k('label configmap app stage-');
      expect((await json<{ metadata: { labels?: object } }>('get configmap app')).metadata.labels ?? {}).toEqual({});
    });

    it('scale through the scale subresource, and wait', async () => {
      await apply(deployment('web', 1, 'one'));
      await k('scale deployment web --replicas=3');
      await words('wait', 'deployment/web', '--for=jsonpath={.status.readyReplicas}=3', '--timeout=30s');
      expect(await refused('scale deployment web --current-replicas=1 --replicas=2')).toMatch(
        /Expected replicas to be 1/,
      );
      await k('wait --for=condition=Available deployment/web --timeout=10s');
      await k('scale deployment web --replicas=0');
      await k('wait --for=delete pod -l app=web --timeout=30s');
      expect(await refused('wait --for=condition=Available=False deployment/web --timeout=0s')).toMatch(
        /timed out|condition/,
      );
    });

    it('rollout status, restart, history and undo', async () => {
      await apply(deployment('web', 2, 'one'));
      await k('rollout status deployment/web --timeout=30s');
      await apply(deployment('web', 2, 'two'));
      expect(await k('rollout status deployment/web --timeout=30s')).toContain('successfully rolled out');
      const generations = async (): Promise<string> =>
        await words(
          'get',
          'pods',
          '-l',
          'app=web',
          '--field-selector',
          'status.phase=Running',
          '-o',
          'jsonpath={.items[*].spec.containers[0].env[0].value}',
        );
      await until(async () => (await generations()) === 'two two', 'the new pods alone run', 20_000);
      await k('rollout undo deployment/web');
      await k('rollout status deployment/web --timeout=30s');
      await until(async () => (await generations()) === 'one one', 'the old pods are back', 20_000);
      expect(await k('rollout history deployment/web')).toMatch(/^2 [^]*^3 /m);
      await k('rollout restart deployment/web');
      await k('rollout status deployment/web --timeout=30s');
      expect(await k('get deployment web -o yaml')).toContain('kubectl.kubernetes.io/restartedAt');
    });

    it('replace, set, edit by an editor program, and dry runs that change nothing', async () => {
      await apply(deployment('web', 0, 'one'));
      await k('set env deployment/web COLOR=blue');
      await k('set image deployment/web main=other');
      expect(await k('get deployment web -o jsonpath={.spec.template.spec.containers[0].image}')).toBe('other');
      expect(await refused('replace -f -', configMap('app', '{ a: b }'))).toContain('not found');
      expect(await k('apply --dry-run=server -f -', configMap('app', '{ a: b }'))).toContain('server dry run');
      expect(await refused('get configmap app')).toContain('NotFound');
    });

    it('generateName makes names of its own; metadata.name is not needed', async () => {
      const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { generateName: part- }\n';
      const names = [await k('create -f - -o name', text), await k('create -f - -o name', text)];
      for (const name of names) expect(name).toMatch(/^configmap\/part-[a-z0-9]{5}\n$/);
      expect(names[0]).not.toBe(names[1]);
    });
  });

  describe('deleting', () => {
    it('a finalizer holds the object until it is taken off', async () => {
      await apply('apiVersion: v1\nkind: ConfigMap\nmetadata: { name: held, finalizers: [example.com/hold] }\n');
      await k('delete configmap held --wait=false');
      expect(await k('get configmap held -o jsonpath={.metadata.deletionTimestamp}')).toMatch(/^\d{4}-/);
      await words('patch', 'configmap', 'held', '--type=json', '-p', '[{"op":"remove","path":"/metadata/finalizers"}]');
      await k('wait --for=delete configmap/held --timeout=10s');
    });

    it('cascade: background takes dependents along, orphan leaves them, foreground waits for them', async () => {
      await apply(deployment('a', 1, 'one'));
      await apply(deployment('b', 1, 'one'));
      await apply(deployment('c', 1, 'one'));
      for (const name of ['a', 'b', 'c']) await k(`rollout status deployment/${name} --timeout=30s`);
      await k('delete deployment a');
      await k('wait --for=delete replicaset,pod -l app=a --timeout=30s');
      await k('delete deployment b --cascade=orphan');
      expect(await k('get replicaset -l app=b -o jsonpath={.items[*].metadata.ownerReferences}')).toBe('');
      expect(await k('get pods -l app=b --no-headers')).toMatch(/1\/1 +Running/);
      await k('delete deployment c --cascade=foreground');
      expect(await k('get replicaset,pod -l app=c -o name')).toBe('');
    });

    it('deleting a namespace empties it', async () => {
      await apply(deployment('web', 1, 'one'));
      await k('rollout status deployment/web --timeout=30s');
      await k(`delete namespace ${namespace} --timeout=40s`);
      expect(await k('get pods -o name')).toBe('');
    });
  });

  describe('pods', () => {
    const pod = (name: string, script: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers: [{ name: main, image: none, command: [sh, -c, ${JSON.stringify(script)}] }]
`;

    it('logs, --tail, --timestamps, and logs -f until the end of the pod', async () => {
      await apply(
        pod('talker', 'echo one; echo two; echo three >&2; until [ -e /tmp/go ]; do sleep 0.05; done; echo four'),
      );
      await k('wait --for=condition=Ready pod/talker --timeout=30s');
      const follow = cluster().kubectlStart(['-n', namespace, 'logs', '-f', 'talker']);
      await follow.says(/one\ntwo\nthree\n/);
      expect(await k('logs talker --tail=1')).toBe('three\n');
      expect(await k('logs talker --timestamps --tail=1')).toMatch(/^\d{4}-\d\d-\d\dT\S+Z three\n$/);
      await k('exec talker -- touch /tmp/go');
      expect(await follow.exit).toBe(0);
      expect(follow.stdout).toBe('one\ntwo\nthree\nfour\n');
      await words('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/talker', '--timeout=10s');
    });

    it('logs --previous shows the container that crashed', async () => {
      await apply(pod('crasher', 'echo run >> /dev/stderr; exit 3').replace('Never', 'Always'));
      await until(
        async () =>
          (await json<{ status: { containerStatuses?: { restartCount: number }[] } }>('get pod crasher')).status
            .containerStatuses?.[0]?.restartCount !== 0,
        'it restarts',
        20_000,
      );
      expect(await k('logs crasher --previous')).toBe('run\n');
      const { status } = await json<{ status: { containerStatuses: { lastState: object }[] } }>('get pod crasher');
      expect(status.containerStatuses[0]!.lastState).toMatchObject({ terminated: { exitCode: 3 } });
    });

    it('exec carries standard input and both outputs, and ends with the exit code of the program', async () => {
      await apply(pod('box', 'exec sleep 3600'));
      await k('wait --for=condition=Ready pod/box --timeout=30s');
      const run = await cluster().exec({ namespace, pod: 'box' }, ['sh', '-c', 'cat; echo oops >&2; exit 7'], {
        stdin: 'some input\n',
      });
      expect(run).toMatchObject({ code: 7, stdout: 'some input\n' });
      expect(run.stderr).toContain('oops\n');
      const big = 'x'.repeat(300_000);
      expect((await cluster().exec({ namespace, pod: 'box' }, ['cat'], { stdin: big })).stdout).toBe(big);
      expect((await cluster().exec({ namespace, pod: 'box' }, ['no-such-program'])).code).not.toBe(0);
      expect(await refused('exec nobody -- true')).toContain('not found');
      const terminal = cluster().kubectlStart(['-n', namespace, 'exec', '-i', 'box', '--', 'sh']);
      terminal.write('echo $((6*7))\n');
      await terminal.says(/42/);
      terminal.write('exit 5\n');
      terminal.endInput();
      expect(await terminal.exit).toBe(5);
    });

    it('a pod runs in a network of its own, with its address, environment, mounted token and DNS', async () => {
      await apply(pod('box', 'exec sleep 3600'));
      await k('wait --for=condition=Ready pod/box --timeout=30s');
      const inside = async (script: string): Promise<string> =>
        (await cluster().exec({ namespace, pod: 'box' }, ['sh', '-c', script])).stdout.trim();
      const address = await k('get pod box -o jsonpath={.status.podIP}');
      expect(await inside('ip -4 -o addr show eth0')).toContain(`inet ${address}/`);
      expect(await inside('hostname')).toBe('box');
      expect(await inside('cat /etc/resolv.conf')).toContain(`search ${namespace}.svc.cluster.local`);
      const get = 'curl -sS --max-time 5 --cacert $D/ca.crt -H "Authorization: Bearer $(cat $D/token)"';
      const api = await inside(
        `D=/var/run/secrets/kubernetes.io/serviceaccount; ${get} https://kubernetes.default.svc/api/v1/namespaces/$(cat $D/namespace)`,
      );
      expect(JSON.parse(api)).toMatchObject({ kind: 'Namespace', metadata: { name: namespace } });
    });

    it('Jobs complete, DaemonSets run on every node, StatefulSets name their pods in order', async () => {
      await apply(`
apiVersion: batch/v1
kind: Job
metadata: { name: once }
spec:
  template: { spec: { restartPolicy: Never, containers: [{ name: main, image: none, command: [echo, done] }] } }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: every }
spec:
  selector: { matchLabels: { app: every } }
  template:
    metadata: { labels: { app: every } }
    spec: { terminationGracePeriodSeconds: 1, containers: [{ name: main, image: none, command: [sleep, '3600'] }] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: ordered }
spec:
  replicas: 2
  serviceName: ordered
  selector: { matchLabels: { app: ordered } }
  template:
    metadata: { labels: { app: ordered } }
    spec: { terminationGracePeriodSeconds: 1, containers: [{ name: main, image: none, command: [sleep, '3600'] }] }
`);
      await k('wait --for=condition=Complete job/once --timeout=30s');
      expect(await k('logs job/once')).toBe('done\n');
      await k('rollout status daemonset/every --timeout=30s');
      expect((await k('get pods -l app=every -o jsonpath={.items[*].spec.nodeName}')).split(' ').sort()).toEqual(
        cluster().nodes,
      );
      await k('rollout status statefulset/ordered --timeout=30s');
      expect(await k('get pods -l app=ordered -o name')).toBe('pod/ordered-0\npod/ordered-1\n');
    });
  });

  describe('custom resources', () => {
    const crd = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: looms.weaving.example.com }
spec:
  group: weaving.example.com
  scope: Namespaced
  names: { plural: looms, singular: loom, kind: Loom, shortNames: [lm] }
  versions:
    - name: v1
      served: true
      storage: true
      subresources:
        status: {}
        scale: { specReplicasPath: .spec.shuttles, statusReplicasPath: .status.shuttles }
      additionalPrinterColumns: [{ name: Width, type: integer, jsonPath: .spec.width }]
      schema:
        openAPIV3Schema:
          type: object
          required: [spec]
          properties:
            spec:
              type: object
              required: [width]
              properties:
                width: { type: integer, minimum: 1, maximum: 400 }
                weave: { type: string, enum: [plain, twill], default: plain }
                shuttles: { type: integer, default: 1 }
            status: { type: object, properties: { shuttles: { type: integer }, phase: { type: string } } }
`;
    const loom = (spec: string): string =>
      `apiVersion: weaving.example.com/v1\nkind: Loom\nmetadata: { name: l }\nspec: ${spec}\n`;

    beforeEach(async () => {
      await apply(crd);
      await k('wait --for=condition=Established crd/looms.weaving.example.com --timeout=10s');
    });

    it('are defaulted, validated with the path of the fault, and printed with their columns', async () => {
      await apply(loom('{ width: 120 }'));
      expect(await json('get loom l')).toHaveProperty('spec', { width: 120, weave: 'plain', shuttles: 1 });
      expect(await k('get lm')).toMatch(/NAME +WIDTH\nl +120\n/);
      expect(await refused('apply -f -', loom('{ width: 9999 }'))).toContain('spec.width');
      expect(await refused('apply -f -', loom('{ width: wide }'))).toMatch(/spec\.width.*(integer|type)/);
      expect(await refused('apply -f -', loom('{ width: 10, weave: velvet }'))).toMatch(
        /spec\.weave.*(plain|Unsupported)/,
      );
      expect(await refused('apply -f -', loom('{ weave: twill }'))).toMatch(/spec\.width.*Required/);
      expect(await refused('apply -f -', loom('{ width: 10, colour: red }'))).toContain('spec.colour');
      expect(await k('explain loom.spec.width')).toContain('<integer>');
    });

    it('have a status and a scale subresource of their own', async () => {
      await apply(loom('{ width: 120 }'));
      await words('patch', 'loom', 'l', '--type=merge', '-p', '{"status":{"phase":"ignored here"}}');
      expect((await json<{ status?: object }>('get loom l')).status).toBeUndefined();
      await words(
        'patch',
        'loom',
        'l',
        '--subresource=status',
        '--type=merge',
        '-p',
        '{"status":{"phase":"weaving"},"spec":{"width":1}}',
      );
      expect(await json('get loom l')).toMatchObject({ spec: { width: 120 }, status: { phase: 'weaving' } });
      await k('scale loom l --replicas=4');
      expect((await json<{ spec: object }>('get loom l')).spec).toMatchObject({ shuttles: 4 });
    });

    it('go away with their definition', async () => {
      await apply(loom('{ width: 1 }'));
      await k('delete crd looms.weaving.example.com --timeout=10s');
      expect(await refused('get looms')).toMatch(/doesn't have a resource type|not find the requested resource/);
    });
  });

  describe('service account tokens', () => {
    it('kubectl create token gives a token that a TokenReview accepts for its audience alone', async () => {
      await k('create serviceaccount robot');
      const token = (await k('create token robot --audience=istio-ca --duration=1h')).trim();
      const review = async (body: string, audience: string): Promise<Record<string, unknown>> =>
        (
          JSON.parse(
            await k(
              'create -o json -f -',
              `apiVersion: authentication.k8s.io/v1\nkind: TokenReview\nspec: { token: ${body}, audiences: [${audience}] }\n`,
            ),
          ) as { status: Record<string, unknown> }
        ).status;
      expect(await review(token, 'istio-ca')).toMatchObject({
        authenticated: true,
        audiences: ['istio-ca'],
        user: { username: `system:serviceaccount:${namespace}:robot` },
      });
      expect((await review(token, 'somebody-else'))['authenticated']).not.toBe(true);
      expect((await review(`${token.slice(0, -4)}AAAA`, 'istio-ca'))['authenticated']).not.toBe(true);
      expect(await refused('create token nobody')).toContain('not found');
    });

    it('a token works as a login until its service account is gone', async () => {
      await k('create serviceaccount robot');
      const token = (await k('create token robot')).trim();
      const { code, stdout } = await cluster().kubectl([
        '--token',
        token,
        'auth',
        'whoami',
        '-o',
        'jsonpath={.status.userInfo.username}',
        '--kubeconfig',
        cluster().kubeconfigPath,
      ]);
      expect({ code, stdout }).toEqual({ code: 0, stdout: `system:serviceaccount:${namespace}:robot` });
    });
  });

  describe('bad input is refused with the place and the reason, and changes nothing', () => {
    it.each([
      ['malformed YAML', 'apiVersion: v1\nkind: [', /error converting YAML|yaml:/],
      ['no kind', 'apiVersion: v1\nmetadata: { name: x }\n', /kind/i],
      ['an unknown kind', 'apiVersion: v1\nkind: Gizmo\nmetadata: { name: x }\n', /no matches for kind "Gizmo"/],
      [
        'an unknown field',
        'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\ndatum: {}\n',
        /unknown field "datum"/,
      ],
      ['a wrong type', 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\ndata: [1]\n', /data/],
      ['a wrong type deep inside', deployment('x', 1, 'one').replace('replicas: 1', 'replicas: many'), /replicas/],
      [
        'a name that is none',
        'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: Not_A_Name }\n',
        /metadata\.name: Invalid value: "Not_A_Name"/,
      ],
      [
        'a selector that misses its template',
        deployment('x', 1, 'one').replace('labels: { app: x }', 'labels: { app: other }'),
        /selector.*does not match template/,
      ],
      [
        'a missing required field',
        'apiVersion: v1\nkind: Pod\nmetadata: { name: x }\nspec: { containers: [{ command: [sh] }] }\n',
        /spec\.containers\[0\]\.name: Required value/,
      ],
    ])('%s', async (_, text, reason) => {
      expect(await refused('apply -f -', text)).toMatch(reason);
      expect(await k('get pods,deployments,configmaps --field-selector metadata.name=x -o name')).toBe('');
    });

    it('immutable fields stay', async () => {
      await apply(deployment('web', 0, 'one'));
      const other = deployment('web', 0, 'one').replaceAll('app: web', 'app: other');
      expect(await refused('apply -f -', other)).toMatch(/spec\.selector.*immutable/);
    });

    it('a stale resourceVersion is a conflict', async () => {
      await apply(configMap('app', '{ a: "1" }'));
      const old = await k('get configmap app -o yaml');
      await words('patch', 'configmap', 'app', '--type=merge', '-p', '{"data":{"a":"2"}}');
      expect(await refused('replace -f -', old)).toMatch(/Conflict|the object has been modified/);
    });

    it('a bad object in a list does not stop the others', async () => {
      const text = `${configMap('good', '{ a: b }')}---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: Bad_Name }\n---\n${configMap('fine', '{}')}`;
      expect(await refused('apply -f -', text)).toContain('Bad_Name');
      expect(await k('get configmap good fine -o name')).toBe('configmap/good\nconfigmap/fine\n');
    });

    it('a pod whose program is missing waits with the reason', async () => {
      await apply(
        'apiVersion: v1\nkind: Pod\nmetadata: { name: x }\nspec: { containers: [{ name: main, image: none, command: [/no/such/program] }] }\n',
      );
      await until(async () => /no\/such\/program/.test(await k('describe pod x')), 'the reason is told', 15_000);
      expect((await cluster().kube.get(PODS, namespace, 'x'))?.status?.phase).not.toBe('Succeeded');
    });
  });
});
