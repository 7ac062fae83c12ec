import { PassThrough } from 'node:stream';
import { until } from '@weft/testing-fixtures';
import type { ApiServer } from './api-server.js';
import type { ExecSession, KubeletConnector } from './streaming/kubelet-connector.js';
import { Kubectl } from './testing/kubectl.js';
import { ApiClient, startServer } from './testing/test-server.js';

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web } }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: nginx, image: "nginx:1" }, { name: side, image: "side:1" }] }
`;
const CRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: widgets.example.com }
spec:
  group: example.com
  scope: Namespaced
  names: { plural: widgets, kind: Widget, shortNames: [wd] }
  versions:
  - name: v1
    served: true
    storage: true
    subresources: { status: {}, scale: { specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas } }
    additionalPrinterColumns: [{ name: Size, type: string, jsonPath: .spec.size }]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: { type: string, enum: [small, large], description: How much of it there is. }
              replicas: { type: integer, default: 1 }
          status: { type: object, properties: { replicas: { type: integer } } }
`;
const widget = (name: string, size: string, more = ''): string =>
  `apiVersion: example.com/v1\nkind: Widget\nmetadata: { name: ${name} }\nspec: { size: ${size}${more} }\n`;
const pod = (name: string): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name}, labels: { app: ${name} } }\nspec: { nodeName: n1, containers: [{ name: main, image: none }] }\n`;

const kubelet: KubeletConnector = {
  logs: (_ref, { follow }, signal) => {
    async function* lines(): AsyncGenerator<Buffer> {
      yield Buffer.from('first line\n');
      if (follow) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    }
    return Promise.resolve(lines());
  },
  exec: (_ref, { command, stdin: wantsInput }) => {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const finish = (code: number): number => {
      stdout.end();
      stderr.end();
      return code;
    };
    stdout.write(`ran ${command.join(' ')}\n`);
    if (wantsInput) stdin.pipe(stdout, { end: false });
    const exit = wantsInput
      ? new Promise<number>((resolve) => stdin.on('end', () => resolve(finish(0))))
      : Promise.resolve(finish(command[0] === 'false' ? 7 : 0));
    const session: ExecSession = { stdin, stdout, stderr, exit, resize: () => undefined, kill: () => stdin.destroy() };
    return Promise.resolve(session);
  },
};

describe('the real kubectl', () => {
  let server: ApiServer;
  let api: ApiClient;
  let kubectl: Kubectl;

  beforeAll(async () => {
    server = await startServer({ kubelet });
    api = new ApiClient(server);
    kubectl = new Kubectl(server);
    await kubectl.run('apply -f -', DEPLOYMENT);
  });
  afterAll(async () => {
    kubectl.dispose();
    await server.stop();
  });

  describe('get', () => {
    it('prints tables, wide, yaml, json, jsonpath and names', async () => {
      expect(await kubectl.run('get deployments')).toMatch(/^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +0\/2 /);
      expect(await kubectl.run('get deploy web -o wide')).toMatch(
        /CONTAINERS +IMAGES +SELECTOR\n.*nginx,side +nginx:1,side:1 +app=web/,
      );
      expect(await kubectl.run('get deploy web -o yaml')).toContain('kind: Deployment');
      expect(JSON.parse(await kubectl.run('get deploy web -o json'))).toMatchObject({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web' },
      });
      expect(await kubectl.run("get deploy -o jsonpath='{.items[*].spec.replicas}'")).toBe('2');
      expect(await kubectl.run('get deploy -o name')).toBe('deployment.apps/web\n');
      expect(await kubectl.run('get ns,sa -A')).toMatch(/namespace\/default +Active/);
      expect(await kubectl.run('get deploy --show-labels')).toContain('app=web');
    });

    it('selects by label and field', async () => {
      await kubectl.run('apply -f -', `${pod('s1')}---\n${pod('s2')}`);
      expect(await kubectl.run('get pods -l app=s1 -o name')).toBe('pod/s1\n');
      expect(await kubectl.run("get pods -l 'app in (s1,s2),app!=s1' -o name")).toBe('pod/s2\n');
      expect(await kubectl.run('get pods --field-selector metadata.name=s2,spec.nodeName=n1 -o name')).toBe('pod/s2\n');
      expect((await kubectl.try('get pods --field-selector spec.nope=1')).stderr).toContain(
        'field label not supported',
      );
    });

    it('-w prints every change as a row', async () => {
      const watch = kubectl.start('get pods w1 -w');
      await kubectl.run('apply -f -', pod('w1'));
      const again = kubectl.start('get pods -w --field-selector metadata.name=w1');
      await again.until('w1');
      await api.patch('/api/v1/namespaces/default/pods/w1/status', 'merge', { status: { phase: 'Running' } });
      await again.until('Running');
      watch.stop();
      again.stop();
    });

    it('what is not there is NotFound', async () => {
      expect((await kubectl.try('get pod none')).stderr).toContain(
        'Error from server (NotFound): pods "none" not found',
      );
      expect((await kubectl.try('get nothings')).stderr).toContain(
        'the server doesn\'t have a resource type "nothings"',
      );
    });
  });

  it('describe', async () => {
    const text = await kubectl.run('describe deploy web');
    expect(text).toMatch(/Replicas: +2 desired/);
    expect(text).toMatch(/StrategyType: +RollingUpdate/);
    expect(await kubectl.run('describe ns default')).toMatch(/Status: +Active/);
  });

  it('create of many kinds, from flags (sent as protobuf) and from files', async () => {
    await kubectl.run('create ns made');
    await kubectl.run('create deployment d --image=nginx --replicas=3 -n made');
    await kubectl.run('create configmap c --from-literal=a=b -n made');
    await kubectl.run('create secret generic s --from-literal=p=q -n made');
    await kubectl.run('create sa robot -n made');
    await kubectl.run('create service clusterip svc --tcp=80:http -n made');
    await kubectl.run('create job j --image=busybox -n made -- echo hi');
    await kubectl.run("create cronjob cj --image=busybox --schedule='*/5 * * * *' -n made");
    await kubectl.run('create role r --verb=get --resource=pods -n made');
    await kubectl.run('run p --image=nginx -n made');
    expect(
      await kubectl.run(
        "get deploy d -n made -o jsonpath='{.spec.replicas} {.spec.template.spec.containers[0].image}'",
      ),
    ).toBe('3 nginx');
    expect(await kubectl.run("get secret s -n made -o jsonpath='{.data.p}'")).toBe('cQ==');
    expect(
      await kubectl.run("get svc svc -n made -o jsonpath='{.spec.ports[0].port} {.spec.ports[0].targetPort}'"),
    ).toBe('80 http');
    expect(await kubectl.run("get job j -n made -o jsonpath='{.spec.template.spec.containers[0].command}'")).toBe(
      '["echo","hi"]',
    );
    expect(await kubectl.run('create token robot -n made --audience=x')).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+/);
    expect((await kubectl.try('create ns made')).stderr).toContain('AlreadyExists');
    expect(await kubectl.run('create ns dry --dry-run=server')).toContain('created (server dry run)');
    await kubectl.run('delete ns made');
    expect((await kubectl.try('get ns made')).stderr).toContain('NotFound');
  });

  describe('apply', () => {
    it('client-side: created, unchanged, configured; fields that go from the file go from the object', async () => {
      const map = (data: string): string =>
        `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: applied }\ndata: ${data}\n`;
      expect(await kubectl.run('apply -f -', map('{ a: "1", b: "2" }'))).toBe('configmap/applied created\n');
      expect(await kubectl.run('apply -f -', map('{ a: "1", b: "2" }'))).toBe('configmap/applied unchanged\n');
      expect(await kubectl.run('apply -f -', map('{ a: "3" }'))).toBe('configmap/applied configured\n');
      expect(await kubectl.run("get cm applied -o jsonpath='{.data}'")).toBe('{"a":"3"}');
      expect((await kubectl.try('diff -f -', map('{ a: "4" }'))).stdout).toContain('+  a: "4"');
    });

    it('client-side: containers merge by name', async () => {
      await kubectl.run('apply -f -', DEPLOYMENT.replace('nginx:1', 'nginx:2'));
      expect(await kubectl.run("get deploy web -o jsonpath='{.spec.template.spec.containers[*].image}'")).toBe(
        'nginx:2 side:1',
      );
    });

    it('--server-side: ownership, conflicts with the owner named, --force-conflicts', async () => {
      const map = (value: string): string =>
        `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: shared }\ndata: { a: "${value}" }\n`;
      expect(await kubectl.run('apply --server-side --field-manager=one -f -', map('1'))).toBe(
        'configmap/shared serverside-applied\n',
      );
      const { code, stderr } = await kubectl.try('apply --server-side --field-manager=two -f -', map('2'));
      expect(code).not.toBe(0);
      expect(stderr).toContain('Apply failed with 1 conflict: conflict with "one": .data.a');
      await kubectl.run('apply --server-side --field-manager=two --force-conflicts -f -', map('2'));
      expect(await kubectl.run("get cm shared -o jsonpath='{.data.a}'")).toBe('2');
      expect(
        await kubectl.run("get cm shared --show-managed-fields -o jsonpath='{.metadata.managedFields[*].manager}'"),
      ).toBe('two');
    });

    it('unknown fields are named', async () => {
      const { stderr } = await kubectl.try('apply -f -', DEPLOYMENT.replace('replicas: 2', 'replicaz: 2'));
      expect(stderr).toContain('unknown field "spec.replicaz"');
    });
  });

  it('patch: strategic, merge and JSON', async () => {
    await kubectl.run(
      `patch deploy web -p '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"side:2"}]}}}}'`,
    );
    await kubectl.run(`patch deploy web --type=merge -p '{"metadata":{"labels":{"merged":"yes"}}}'`);
    await kubectl.run(`patch deploy web --type=json -p '[{"op":"replace","path":"/spec/replicas","value":3}]'`);
    const { spec, metadata } = JSON.parse(await kubectl.run('get deploy web -o json')) as {
      spec: { replicas: number; template: { spec: { containers: { image: string }[] } } };
      metadata: { labels: Record<string, string> };
    };
    expect([spec.replicas, metadata.labels['merged'], spec.template.spec.containers[1]!.image]).toEqual([
      3,
      'yes',
      'side:2',
    ]);
  });

  it('label, annotate, scale, expose, set image', async () => {
    await kubectl.run('label deploy web tier=front');
    expect((await kubectl.try('label deploy web tier=back')).stderr).toContain('--overwrite is false');
    await kubectl.run('label deploy web tier=back --overwrite');
    await kubectl.run('label deploy web tier-');
    await kubectl.run('annotate deploy web note=hello');
    await kubectl.run('scale deploy web --replicas=5');
    await kubectl.run('set image deploy/web nginx=nginx:3');
    await kubectl.run('expose deploy web --port=80');
    expect(
      await kubectl.run(
        "get deploy web -o jsonpath='{.spec.replicas} {.metadata.annotations.note} {.spec.template.spec.containers[0].image}'",
      ),
    ).toBe('5 hello nginx:3');
    expect(await kubectl.run("get svc web -o jsonpath='{.spec.selector.app}'")).toBe('web');
  });

  describe('delete', () => {
    it('waits for finalizers', async () => {
      await kubectl.run('create cm held --from-literal=a=b');
      await kubectl.run(`patch cm held --type=merge -p '{"metadata":{"finalizers":["example.com/x"]}}'`);
      const deleting = kubectl.run('delete cm held');
      await until(
        async () => (await kubectl.run("get cm held -o jsonpath='{.metadata.deletionTimestamp}'")) !== '',
        'deletion starts',
      );
      await kubectl.run(`patch cm held --type=merge -p '{"metadata":{"finalizers":null}}'`);
      expect(await deleting).toContain('configmap "held" deleted');
    });

    it('cascades to dependents, or leaves them', async () => {
      for (const cascade of ['background', 'foreground', 'orphan']) {
        await kubectl.run('create cm owner');
        const uid = await kubectl.run("get cm owner -o jsonpath='{.metadata.uid}'");
        const owner = `[{ apiVersion: v1, kind: ConfigMap, name: owner, uid: ${uid}, blockOwnerDeletion: true }]`;
        await kubectl.run(
          'apply -f -',
          `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: child-${cascade}, ownerReferences: ${owner} }\n`,
        );
        await kubectl.run(`delete cm owner --cascade=${cascade}`);
        const left = async (): Promise<string> => kubectl.run(`get cm child-${cascade} --ignore-not-found -o name`);
        if (cascade === 'orphan') expect(await left()).toBe('configmap/child-orphan\n');
        else await until(async () => (await left()) === '', 'child is gone');
      }
    });

    it('--force --grace-period=0 and selectors', async () => {
      await kubectl.run('apply -f -', pod('forced'));
      await kubectl.run('delete pod forced --force --grace-period=0');
      await kubectl.run('apply -f -', pod('sel').replace('nodeName: n1,', ''));
      expect(await kubectl.run('delete pods -l app=sel')).toContain('pod "sel" deleted');
    });
  });

  it('logs, logs -f and exec', async () => {
    await kubectl.run('apply -f -', pod('runner'));
    expect(await kubectl.run('logs runner')).toBe('first line\n');
    const follow = kubectl.start('logs -f runner');
    await follow.until('first line');
    follow.stop();
    expect(await kubectl.run('exec runner -- echo hi')).toBe('ran echo hi\n');
    expect(await kubectl.run('exec -i runner -- cat', 'typed\n')).toBe('ran cat\ntyped\n');
    expect(await kubectl.try('exec runner -- false')).toEqual({
      code: 7,
      stdout: 'ran false\n',
      stderr: 'command terminated with exit code 7\n',
    });
  });

  it('api-resources, api-versions, version, explain, whoami, can-i', async () => {
    const resources = await kubectl.run('api-resources');
    for (const name of ['pods ', 'deployments ', 'endpointslices ', 'customresourcedefinitions ', 'leases '])
      expect(resources).toContain(name);
    expect(await kubectl.run('api-resources --namespaced=false --api-group=apiextensions.k8s.io -o name')).toBe(
      'customresourcedefinitions.apiextensions.k8s.io\n',
    );
    expect(await kubectl.run('api-versions')).toContain('apps/v1\n');
    expect(await kubectl.run('version')).toContain('Server Version: v1.32');
    expect(await kubectl.run('explain pod.spec.containers')).toMatch(/FIELD: containers <\[\]Container>/);
    expect(await kubectl.run('auth whoami')).toContain('kubernetes-admin');
    expect(await kubectl.run('auth can-i create pods')).toBe('yes\n');
    expect(await kubectl.run('get --raw /readyz')).toBe('ok');
  });

  it('wait for a condition, a field and a deletion', async () => {
    await kubectl.run('apply -f -', pod('awaited'));
    const waiting = kubectl.run('wait --for=condition=Ready pod/awaited --timeout=10s');
    await api.patch('/api/v1/namespaces/default/pods/awaited/status', 'merge', {
      status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
    });
    expect(await waiting).toContain('condition met');
    await kubectl.run(`wait --for=jsonpath='{.status.phase}'=Running pod/awaited --timeout=10s`);
    const deletion = kubectl.run('wait --for=delete pod/awaited --timeout=10s');
    await kubectl.run('delete pod awaited --force --grace-period=0');
    await deletion;
  });

  it('rollout status and rollout restart', async () => {
    const path = '/apis/apps/v1/namespaces/default/deployments/web';
    const rollout = kubectl.start('rollout status deploy/web --timeout=10s');
    await rollout.until('Waiting for deployment');
    const { body } = await api.get(path);
    const { generation } = body['metadata'] as { generation: number };
    const { replicas } = body['spec'] as { replicas: number };
    await api.patch(`${path}/status`, 'merge', {
      status: {
        observedGeneration: generation,
        replicas,
        updatedReplicas: replicas,
        readyReplicas: replicas,
        availableReplicas: replicas,
        conditions: [{ type: 'Available', status: 'True' }],
      },
    });
    await rollout.until('successfully rolled out');
    await kubectl.run('rollout restart deploy/web');
    expect(await kubectl.run("get deploy web -o jsonpath='{.spec.template.metadata.annotations}'")).toContain(
      'restartedAt',
    );
  });

  it('custom resources: define, validate, print, scale, explain, apply on both sides, delete', async () => {
    await kubectl.run('apply -f -', CRD);
    await kubectl.run('wait --for=condition=Established crd/widgets.example.com --timeout=10s');
    expect(await kubectl.run('apply -f -', widget('a', 'small'))).toBe('widget.example.com/a created\n');
    expect(await kubectl.run('get wd')).toMatch(/^NAME +SIZE\na +small\n/);
    await kubectl.run('scale wd/a --replicas=4');
    expect(await kubectl.run("get wd a -o jsonpath='{.spec.replicas}'")).toBe('4');
    expect(await kubectl.run('explain widget.spec.size')).toContain('How much of it there is.');
    expect(await kubectl.run('apply --server-side -f -', widget('b', 'large'))).toContain('serverside-applied');
    expect((await kubectl.try('apply -f -', widget('c', 'huge'))).stderr).toContain(
      'spec.size: Unsupported value: "huge"',
    );
    expect((await kubectl.try('apply -f -', widget('c', 'small', ', nope: 1'))).stderr).toContain(
      'unknown field "spec.nope"',
    );
    expect(
      (
        await kubectl.try(
          'create -f - --validate=false',
          'apiVersion: example.com/v1\nkind: Widget\nmetadata: { name: d }\nspec: {}\n',
        )
      ).stderr,
    ).toContain('spec.size: Required value');
    expect(await kubectl.run('delete crd widgets.example.com')).toContain('deleted');
    expect((await kubectl.try('get wd')).code).not.toBe(0);
  });

  it('events are shown', async () => {
    await kubectl.run('create cm eventful');
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'eventful.1' },
      involvedObject: { kind: 'ConfigMap', name: 'eventful', namespace: 'default', apiVersion: 'v1' },
      reason: 'Tested',
      message: 'it works',
      type: 'Warning',
      count: 2,
      lastTimestamp: new Date().toISOString(),
    };
    await api.post('/api/v1/namespaces/default/events', event);
    expect(await kubectl.run('get events')).toMatch(/Warning +Tested +configmap\/eventful +it works/);
    expect(
      await kubectl.run("get events.v1.events.k8s.io -o jsonpath='{.items[0].note} {.items[0].regarding.name}'"),
    ).toBe('it works eventful');
    expect(await kubectl.run('events --for cm/eventful')).toContain('Tested');
  });
});
