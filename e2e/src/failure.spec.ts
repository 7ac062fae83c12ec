import { PODS, type KubeObject } from '@weft/kube';
import { until } from '@weft/testing-fixtures';
import { SYSTEM_NAMESPACE } from '@weft/testing-mesh-deployment';
import { AccessLog } from './cluster/access-log.js';
import { podAddresses } from './cluster/pod-addresses.js';
import { useCluster } from './cluster/use-cluster.js';
import { namespace, pod, service } from './workloads/objects.js';
import { HTTP_PORT, nginx, redis, REDIS_PORT, shell } from './workloads/programs.js';

/** Whatever is wrong with one object or one process is told where one looks for it, and other workloads do not notice. */
describe('what goes wrong', () => {
  const cluster = useCluster({ name: 'failure' });
  let log: AccessLog;

  beforeAll(async () => {
    await cluster().apply([
      namespace('shop', true),
      namespace('plain', false),
      ...pod({ namespace: 'plain', name: 'stranger', node: 'node-1', containers: [shell()] }),
      ...pod({ namespace: 'shop', name: 'client', node: 'node-1', containers: [shell()] }),
      ...pod({ namespace: 'shop', name: 'web', node: 'node-2', containers: [nginx(), redis()] }),
      ...pod({ namespace: 'shop', name: 'near', node: 'node-1', containers: [nginx(), redis()] }),
      ...['web', 'near'].map((name) =>
        service({ namespace: 'shop', name, selector: { app: name }, ports: { 80: HTTP_PORT, 7000: REDIS_PORT } }),
      ),
    ]);
    await cluster().ready('shop', ['client', 'web', 'near']);
    await cluster().ready('plain', ['stranger']);
    log = await AccessLog.start(cluster());
  }, 120_000);
  afterEach(async () => {
    await until(
      async () => (await fetch('web')).startsWith('web saw'),
      'the other workload is served as before',
      15_000,
    );
  });

  const fetch = async (host: string): Promise<string> => {
    const argv = ['curl', '-sS', '--max-time', '5', `http://${host}/`];
    const { stdout, stderr } = await cluster().exec({ namespace: 'shop', pod: 'client' }, argv);
    return stdout + stderr;
  };
  const authorization = (name: string, spec: object): KubeObject =>
    ({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name, namespace: 'shop' },
      spec,
    }) as KubeObject;
  const conditions = async (name: string): Promise<string> =>
    cluster().kubectlOk([
      ...['get', 'authorizationpolicy', '-n', 'shop', name, '-o'],
      'jsonpath={range .status.conditions[*]}{.type}={.status} {.reason}: {.message}{"\\n"}{end}',
    ]);

  describe('a policy', () => {
    it('with an impossible address range is refused with field and cure, and the next policy is enforced all the same', async () => {
      const bad = authorization('bad', {
        action: 'DENY',
        rules: [{ from: [{ source: { ipBlocks: ['10.244.0.0/99'] } }] }],
      });
      const good = authorization('good', {
        selector: { matchLabels: { app: 'near' } },
        action: 'DENY',
        rules: [{ from: [{ source: { principals: ['cluster.local/ns/shop/sa/client'] } }] }],
      });
      const { code, stderr } = await cluster().kubectl(['apply', '-f', '-'], { stdin: JSON.stringify(bad) });
      expect(code).not.toBe(0);
      expect(stderr).toContain(
        'spec.rules[0].from[0].source.ipBlocks[0]: "10.244.0.0/99" is not an IP address or CIDR; write 10.0.0.1, 10.0.0.0/8',
      );
      await cluster().apply([good]);
      await until(async () => /Accepted|=True/.test(await conditions('good')), 'the good one is accepted');
      await until(async () => !(await fetch('near')).startsWith('near saw'), 'the good one holds');
      await cluster().delete([good]);
      await until(async () => (await fetch('near')).startsWith('near saw'), 'all is as before');
    });

    it('with an unknown field is refused with its path; an unchecked one is taken without it', async () => {
      const rules = [{ to: [{ operation: { ports: ['9'] } }] }];
      const text = JSON.stringify(authorization('typo', { action: 'DENY', rules, rulez: [{}] }));
      const strict = await cluster().kubectl(['apply', '-f', '-'], { stdin: text });
      expect(strict.code).not.toBe(0);
      expect(strict.stderr).toContain('unknown field "spec.rulez"');
      await cluster().kubectlOk(['apply', '--validate=false', '-f', '-'], { stdin: text });
      const stored = await cluster().kubectlOk(['get', 'authorizationpolicy', '-n', 'shop', 'typo', '-o', 'json']);
      const { spec } = JSON.parse(stored) as { readonly spec: object };
      expect(spec).toEqual({ action: 'DENY', rules });
      await cluster().kubectlOk(['delete', 'authorizationpolicy', '-n', 'shop', 'typo']);
    });

    it.each([
      ['a wrong type', { action: 'DENY', rules: 'all' }, /spec\.rules/],
      ['an unknown action', { action: 'FORBID' }, /spec\.action/],
    ])('with %s is refused with its path', async (_, spec, path) => {
      const { code, stderr } = await cluster().kubectl(['apply', '-f', '-'], {
        stdin: JSON.stringify(authorization('wrong', spec)),
      });
      expect(code).not.toBe(0);
      expect(stderr).toMatch(path);
    });
  });

  describe('a Service', () => {
    it('without endpoints ends connections at once, with a log line that names it', async () => {
      await cluster().apply([
        service({ namespace: 'shop', name: 'hollow', selector: { app: 'nobody' }, ports: { 80: HTTP_PORT } }),
      ]);
      const startMs = Date.now();
      const line = log.line({ direction: 'outbound', 'src.workload': 'client', error: /hollow/ }, startMs);
      await until(async () => {
        const answer = await fetch('hollow');
        // Its own limit is five seconds.
        expect(answer).not.toContain('timed out');
        return !answer.includes('Could not resolve');
      }, 'the name is known');
      expect((await line)['error']).toMatch(/no healthy upstream.*hollow\.shop\.svc\.cluster\.local/);
    });

    it('that claims the address of another is refused with the reason', async () => {
      const address = await cluster().kubectlOk([
        'get',
        'service',
        '-n',
        'shop',
        'web',
        '-o',
        'jsonpath={.spec.clusterIP}',
      ]);
      const thief = service({
        namespace: 'shop',
        name: 'thief',
        selector: { app: 'near' },
        ports: { 80: HTTP_PORT },
        clusterIp: address,
      });
      const { code, stderr } = await cluster().kubectl(['apply', '-f', '-'], { stdin: JSON.stringify(thief) });
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/spec\.clusterIP.*already allocated/);
    });

    it('keeps its address when a ServiceEntry claims it too', async () => {
      const address = await cluster().kubectlOk([
        'get',
        'service',
        '-n',
        'shop',
        'web',
        '-o',
        'jsonpath={.spec.clusterIP}',
      ]);
      const thief = {
        apiVersion: 'networking.istio.io/v1',
        kind: 'ServiceEntry',
        metadata: { name: 'thief', namespace: 'plain' },
        spec: {
          hosts: ['thief.example.com'],
          addresses: [address],
          ports: [{ number: 80, name: 'tcp', protocol: 'TCP', targetPort: HTTP_PORT }],
          location: 'MESH_INTERNAL',
          resolution: 'STATIC',
          endpoints: [{ address: (await podAddresses(cluster(), 'shop'))['near'] }],
        },
      } as KubeObject;
      await cluster().apply([thief]);
      const accepted = 'jsonpath={.status.conditions[*].type}';
      await until(
        async () => (await cluster().kubectlOk(['get', 'serviceentry', '-n', 'plain', 'thief', '-o', accepted])) !== '',
        'the entry has a status',
      );
      for (let i = 0; i < 5; i++) expect(await fetch('web')).toMatch(/^web saw/);
      await cluster().delete([thief]);
    });
  });

  describe('a pod', () => {
    it('that dies while it is enrolled leaves nothing behind, and the next one joins', async () => {
      const names = Array.from({ length: 4 }, (_, i) => `mayfly-${i}`);
      const mortal = { ...shell(), command: ['sh', '-c', 'exit 0'] };
      await cluster().apply(
        names.flatMap((name) => pod({ namespace: 'shop', name, node: 'node-1', containers: [mortal] })),
      );
      const running = names.map((name) => `${name}-r`);
      await cluster().apply(
        running.flatMap((name) => pod({ namespace: 'plain', name, node: 'node-1', containers: [shell()] })),
      );
      await cluster().ready('plain', running);
      // Enrolment of running pods by label, and their deletion at the same moment.
      await Promise.all(
        running.map(async (name) => {
          await cluster().kubectlOk(['label', 'pod', '-n', 'plain', name, 'istio.io/dataplane-mode=ambient']);
          await cluster().kubectlOk(['delete', 'pod', '-n', 'plain', name, '--grace-period=0', '--force']);
        }),
      );
      await cluster().kubectlOk(['delete', 'pod', '-n', 'shop', ...names, '--grace-period=0', '--force']);
      await cluster().apply(pod({ namespace: 'shop', name: 'next', node: 'node-1', containers: [nginx()] }));
      await cluster().ready('shop', ['next'], 30_000);
      const { next } = await podAddresses(cluster(), 'shop');
      expect(await fetch(`${next ?? ''}:${HTTP_PORT}`)).toContain('next saw');
      await until(async () => {
        const agent = (
          await cluster().kube.list(PODS, { namespace: SYSTEM_NAMESPACE, labelSelector: 'app=weft-cni-node' })
        ).find(({ spec }) => spec?.nodeName === 'node-1')?.status?.podIP;
        const page = (await cluster().onNode('node-1', ['curl', '-sS', `http://${agent ?? ''}:15014/metrics`])).stdout;
        // client, near and next: nothing of the dead is kept.
        return /^weft_cni_enrolled_pods 3$/m.test(page);
      }, 'the agent knows the living pods alone');
    });

    it('of the mesh that cannot be enrolled does not start uncaptured, and its event says why', async () => {
      const agents = ['daemonset', 'weft-cni-node', '-n', SYSTEM_NAMESPACE];
      const away = '{"spec":{"template":{"spec":{"nodeSelector":{"nowhere":"true"}}}}}';
      await cluster().kubectlOk(['patch', ...agents, '--type=merge', '-p', away]);
      await cluster().kubectlOk([
        'wait',
        '-n',
        SYSTEM_NAMESPACE,
        '--for=delete',
        'pod',
        '-l',
        'app=weft-cni-node',
        '--timeout=30s',
      ]);
      await cluster().apply(pod({ namespace: 'shop', name: 'early', node: 'node-1', containers: [nginx()] }));
      const events = (): Promise<string> =>
        cluster().kubectlOk([
          'get',
          'events',
          '-n',
          'shop',
          '--field-selector',
          'involvedObject.name=early',
          '-o',
          'wide',
        ]);
      await until(async () => /FailedCreatePodSandBox/.test(await events()), 'an event tells', 15_000);
      expect((await cluster().kube.get(PODS, 'shop', 'early'))?.status?.phase).toBe('Pending');
      expect(await fetch('web')).toMatch(/^web saw/);
      const back = '{"spec":{"template":{"spec":{"nodeSelector":null}}}}';
      await cluster().kubectlOk(['patch', ...agents, '--type=merge', '-p', back]);
      await cluster().ready('shop', ['early'], 40_000);
    });
  });

  describe('a ztunnel that is killed during transfers', () => {
    it('lets nothing out in plaintext, comes back, and serves new connections; pods and the other node go on', async () => {
      const packets = await cluster().watchPackets();
      const download = cluster().kubectlStart([
        ...['exec', '-n', 'shop', 'client', '--', 'sh', '-c'],
        'curl -sSN --max-time 30 http://web/big | { head -c 1000000 > /dev/null; echo begun; cat > /dev/null; }; echo over',
      ]);
      const local = cluster().kubectlStart([
        'exec',
        '-i',
        '-n',
        'plain',
        'stranger',
        '--',
        'redis-cli',
        '-h',
        'web.shop',
        '-p',
        '7000',
      ]);
      local.write('client id\n');
      await Promise.all([download.says(/begun/), local.says(/^\d+\n$/)]);
      const id = local.stdout;
      const shopPods = async (): Promise<string> =>
        (await cluster().kube.list(PODS, { namespace: 'shop' }))
          .map(
            ({ metadata, status }) =>
              `${metadata?.uid ?? ''} ${status?.containerStatuses?.map((c) => c.restartCount).join() ?? ''}`,
          )
          .join('\n');
      const before = await shopPods();
      const startMs = Date.now();

      await cluster().kill('ztunnel', 'node-1');
      await download.says(/over/, 10_000);
      await until(async () => (await fetch('web')).startsWith('web saw'), 'new connections are made', 20_000);
      await until(async () => (await fetch('near')).startsWith('near saw'), 'on the same node too', 20_000);

      const { client, web, near } = await podAddresses(cluster(), 'shop');
      expect(await packets.portsBetween(client ?? '', web ?? '', startMs)).toEqual([15008]);
      expect(await packets.portsBetween(client ?? '', near ?? '', startMs)).toEqual([15008]);
      expect(await shopPods()).toBe(before);
      // The connection into the other node never noticed.
      local.write('client id\n');
      await until(() => local.stdout.length > id.length || local.ended, 'the other node answers');
      expect(local.stdout).toBe(id + id);
      await local.stop();
      packets.stop();
      await log.follow();
    });
  });
});
