import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeClient, NODES, PODS } from '@weft/kube';
import { createLogger, systemClock } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { ApiServer } from '@weft/testing-kube-apiserver';
import { Controllers } from './controllers.js';
import { FakeKubelet } from './testing/fake-kubelet.js';

const manifest = (version: string, replicas = 3): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default, annotations: {kubernetes.io/change-cause: "version ${version}"}}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: none, command: [sleep, "${version}"], ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]}
`;
const job = `
apiVersion: batch/v1
kind: Job
metadata: {name: load, namespace: default}
spec:
  completions: 2
  template:
    spec: {restartPolicy: Never, containers: [{name: main, image: none, command: ["true"]}]}
`;
const workload = (kind: string, version: string): string => `
apiVersion: apps/v1
kind: ${kind}
metadata: {name: agent, namespace: default}
spec:
  ${kind === 'StatefulSet' ? 'serviceName: agent\n  replicas: 2' : 'revisionHistoryLimit: 5'}
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: main, image: none, command: [sleep, "${version}"]}]}
`;

/** The controllers on the embedded API server, driven by the real kubectl. */
describe('kubectl', () => {
  let folder: string;
  let api: ApiServer;
  let kube: KubeClient;
  let kubelet: FakeKubelet;
  let controllers: Controllers;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weft-controllers-'));
    const log = createLogger('test', 'silent');
    const listeners = [{ host: '127.0.0.1', port: 0 }];
    api = new ApiServer({ listeners, serviceCidr: '10.96.0.0/16', clusterDomain: 'cluster.local', log });
    await api.start();
    const kubeconfig = api.adminKubeconfig(`https://127.0.0.1:${api.ports[0]!}`);
    writeFileSync(join(folder, 'kubeconfig'), kubeconfig);
    kube = KubeClient.fromKubeconfig(kubeconfig);
    for (const name of ['n1', 'n2'])
      await kube.create(NODES, { metadata: { name, labels: { 'kubernetes.io/hostname': name } } });
    kubelet = new FakeKubelet(kube);
    await kubelet.start();
    controllers = new Controllers({ kube, log, clock: systemClock });
    await controllers.start();
  });
  afterEach(async () => {
    await controllers.stop();
    await kubelet.stop();
    kube.close();
    await api.stop();
    rmSync(folder, { recursive: true });
  });

  function kubectl(args: string, stdin = ''): Promise<string> {
    const env = { PATH: process.env['PATH'], HOME: folder, KUBECONFIG: join(folder, 'kubeconfig') };
    return new Promise((resolve, reject) => {
      const child = execFile('kubectl', args.split(' '), { env, timeout: 30_000 }, (error, stdout, stderr) =>
        error === null ? resolve(stdout) : reject(new Error(`kubectl ${args}: ${stderr}${stdout}`)),
      );
      child.stdin?.end(stdin);
    });
  }
  const versions = async (): Promise<(string | undefined)[]> =>
    (await kube.list(PODS, { labelSelector: 'app in (web,agent)' }))
      .filter(({ metadata }) => metadata?.deletionTimestamp === undefined)
      .map(({ spec }) => spec?.containers[0]?.command?.[1]);

  it('rollout status, restart, history, undo, pause, resume and scale of a Deployment', async () => {
    await kubectl('apply -f -', manifest('1'));
    expect(await kubectl('rollout status deployment/web --timeout=20s')).toContain('successfully rolled out');
    await kubectl('apply -f -', manifest('2'));
    expect(await kubectl('rollout status deployment/web --timeout=20s')).toContain('successfully rolled out');
    expect(await versions()).toEqual(['2', '2', '2']);
    expect(await kubectl('rollout history deployment/web')).toMatch(/1\s+version 1\n2\s+version 2/);
    await kubectl('rollout undo deployment/web');
    await kubectl('rollout status deployment/web --timeout=20s');
    expect(await versions()).toEqual(['1', '1', '1']);
    await kubectl('rollout restart deployment/web');
    await kubectl('rollout status deployment/web --timeout=20s');
    await kubectl('rollout pause deployment/web');
    await kubectl('set env deployment/web A=b');
    await kubectl('scale deployment/web --replicas=5');
    await until(async () => (await versions()).length === 5, 'five pods');
    expect((await kube.list(PODS)).some(({ spec }) => spec?.containers[0]?.env !== undefined)).toBe(false);
    await kubectl('rollout resume deployment/web');
    await kubectl('rollout status deployment/web --timeout=20s');
    expect(await kubectl('get deployment web')).toMatch(/web\s+5\/5\s+5\s+5/);
    expect(
      await kubectl(
        'get endpointslices -l kubernetes.io/service-name=web -o jsonpath={.items[*].endpoints[*].conditions.ready}',
      ),
    ).toBe('true true true true true');
    await kubectl('wait --for=condition=Available deployment/web --timeout=5s');
  });

  it('a rollout that cannot make progress is reported as failed by rollout status', async () => {
    await kubelet.stop();
    await kubectl('apply -f -', manifest('1'));
    await kubectl('patch deployment web -p {"spec":{"progressDeadlineSeconds":1,"minReadySeconds":0}}');
    await expect(kubectl('rollout status deployment/web --timeout=20s')).rejects.toThrow(
      'exceeded its progress deadline',
    );
  });

  it('wait for a Job to complete', async () => {
    await kubectl('apply -f -', job);
    const finished = new Set<string>();
    await until(async () => {
      for (const { metadata, status } of kubelet.pods) {
        const name = metadata?.name ?? '';
        if (status?.phase !== 'Running' || finished.has(name)) continue;
        finished.add(name);
        await kubelet.finish(`default/${name}`, 'Succeeded');
      }
      return finished.size === 2;
    }, 'both pods ran');
    await kubectl('wait --for=condition=complete job/load --timeout=10s');
    expect(await kubectl('get job load')).toMatch(/load\s+Complete\s+2\/2/);
  });

  it.each(['DaemonSet', 'StatefulSet'])(
    'rollout status, history and undo of a %s',
    async (kind) => {
      const name = `${kind.toLowerCase()}/agent`;
      await kubectl('apply -f -', workload(kind, '1'));
      await kubectl(`rollout status ${name} --timeout=20s`);
      await kubectl('apply -f -', workload(kind, '2'));
      await kubectl(`rollout status ${name} --timeout=20s`);
      expect(await versions()).toEqual(['2', '2']);
      await kubectl(`rollout undo ${name} --to-revision=1`);
      await kubectl(`rollout status ${name} --timeout=20s`);
      expect(await versions()).toEqual(['1', '1']);
      expect(await kubectl(`rollout history ${name}`)).toMatch(/REVISION.*\n2.*\n3/);
    },
    60_000,
  );
});
