import { NAMESPACES, PODS, type Pod } from '@weft/kube';
import { until } from '@weft/testing-fixtures';
import { AccessLog } from './cluster/access-log.js';
import type { RunningCommand } from './cluster/running-command.js';
import { useCluster } from './cluster/use-cluster.js';
import { namespace, pod, service } from './workloads/objects.js';
import { HTTP_PORT, nginx, redis, REDIS_PORT, shell } from './workloads/programs.js';

const NAMESPACE = 'legacy';
const MODE = 'istio.io/dataplane-mode';

describe('a namespace with running pods', () => {
  const cluster = useCluster({ name: 'enrolment' });
  const names = ['client', 'near', 'far'];

  beforeAll(async () => {
    await cluster().apply([
      namespace(NAMESPACE, false),
      ...pod({ namespace: NAMESPACE, name: 'client', node: 'node-1', containers: [shell()] }),
      ...(['near', 'far'] as const).flatMap((name, i) =>
        pod({
          namespace: NAMESPACE,
          name,
          node: `node-${i + 1}`,
          labels: { group: 'web' },
          containers: [nginx(), redis()],
        }),
      ),
      service({ namespace: NAMESPACE, name: 'web', selector: { group: 'web' }, ports: { 80: HTTP_PORT } }),
      service({ namespace: NAMESPACE, name: 'far', selector: { app: 'far' }, ports: { 7000: REDIS_PORT } }),
    ]);
    await cluster().ready(NAMESPACE, names);
  }, 120_000);
  afterEach(async () => {
    await mode(null);
    await enrolled(false);
  });

  const mode = async (value: string | null): Promise<void> => {
    await cluster().kube.patch(
      NAMESPACES,
      undefined,
      NAMESPACE,
      { metadata: { labels: { [MODE]: value } } },
      { kind: 'merge' },
    );
  };
  const pods = async (): Promise<readonly Pod[]> =>
    (await cluster().kube.list(PODS, { namespace: NAMESPACE })).filter(({ metadata }) =>
      names.includes(metadata?.name ?? ''),
    );
  const enrolled = (wanted: boolean): Promise<void> =>
    until(
      async () =>
        (await pods()).every(
          ({ metadata }) => (metadata?.annotations?.['ambient.istio.io/redirection'] === 'enabled') === wanted,
        ),
      `all pods are ${wanted ? 'in' : 'out of'} the mesh`,
      15_000,
    );
  /** What a restart of a pod or of one of its containers would change. */
  const lives = async (): Promise<unknown> =>
    (await pods()).map(({ metadata, status }) => ({
      uid: metadata?.uid,
      startTime: status?.startTime,
      containers: status?.containerStatuses?.map(({ containerID, restartCount, state }) => ({
        containerID,
        restartCount,
        startedAt: state?.running?.startedAt,
      })),
    }));
  const inClient = (script: string): RunningCommand =>
    cluster().kubectlStart(['exec', '-i', '-n', NAMESPACE, 'client', '--', 'sh', '-c', script]);

  it('moves in and out without a restart, and plaintext connections of before survive both', async () => {
    const before = await lives();
    const old = inClient('exec redis-cli -h far -p 7000');
    old.write('client id\n');
    await old.says(/^\d+\n$/);
    const id = old.stdout;
    const still = async (): Promise<void> => {
      const said = old.stdout.length;
      old.write('client id\n');
      await until(() => old.stdout.length > said || old.ended, 'the old connection answers');
      expect(old.stdout.slice(said)).toBe(id);
    };

    await mode('ambient');
    await enrolled(true);
    await still();
    const log = await AccessLog.start(cluster());
    const startMs = Date.now();
    await cluster().exec({ namespace: NAMESPACE, pod: 'client' }, ['redis-cli', '-h', 'far', '-p', '7000', 'ping']);
    const line = await log.line({ direction: 'inbound', 'dst.workload': 'far' }, startMs);
    expect(line['src.identity']).toBe('spiffe://cluster.local/ns/legacy/sa/client');
    await still();

    await mode(null);
    await enrolled(false);
    await still();
    expect(await lives()).toEqual(before);
    await old.stop();
  });

  it('plain to Layer 4 and back, three times: no new request fails', async () => {
    const loop = inClient(
      "while [ ! -e /tmp/stop ]; do curl -s --max-time 5 -o /dev/null -w '%{http_code} %{exitcode} %{local_port}->%{remote_ip} %{time_total} %{errormsg}\\n' http://web/; done",
    );
    const log = await AccessLog.start(cluster());
    const answers = (): string[] => loop.stdout.split('\n').slice(0, -1);
    const more = async (count: number): Promise<void> => {
      const goal = answers().length + count;
      await until(() => answers().length >= goal, `${count} more requests`, 20_000);
    };
    await more(20);
    const marks: string[] = [];
    for (let round = 0; round < 3; round++) {
      await mode('ambient');
      await enrolled(true);
      marks.push(`in after ${answers().length}`);
      await more(40);
      await mode(null);
      await enrolled(false);
      marks.push(`out after ${answers().length}`);
      await more(40);
    }
    await cluster().exec({ namespace: NAMESPACE, pod: 'client' }, ['touch', '/tmp/stop']);
    expect(await loop.exit).toBe(0);
    const failed = answers()
      .map((line, i) => `request ${i}: ${line}`)
      .filter((line) => !line.includes(': 200 0 '));
    // A failure is shown with what the proxies say of its connection.
    const ports = failed.map((line) => / (\d+)->/.exec(line)?.[1] ?? 'none');
    const told = log.lines().filter((line) => ports.some((port) => JSON.stringify(line).includes(`:${port}"`)));
    expect({ failed, marks, told }).toEqual({ failed: [], marks, told: [] });
    expect(answers().length).toBeGreaterThan(250);
  });

  it('a connection of the mesh that outlives the release is closed, not left hanging', async () => {
    await mode('ambient');
    await enrolled(true);
    const log = await AccessLog.start(cluster());
    const download = inClient(
      'curl -sSN --max-time 60 http://web/big | { head -c 100000 >/dev/null; echo begun; cat >/dev/null; }; echo over',
    );
    await download.says(/begun/);
    await mode(null);
    await download.says(/over/, 8000);
    const line = await log.line({ message: 'connection complete', direction: 'outbound', 'src.workload': 'client' });
    expect(line['src.identity']).toBe('spiffe://cluster.local/ns/legacy/sa/client');
  });

  it('a label on a pod alone is enough, and `none` on a pod keeps it out of an enrolled namespace', async () => {
    const state = async (name: string): Promise<string | undefined> =>
      (await cluster().kube.get(PODS, NAMESPACE, name))?.metadata?.annotations?.['ambient.istio.io/redirection'];
    await cluster().kubectlOk(['label', 'pod', '-n', NAMESPACE, 'far', `${MODE}=ambient`]);
    await until(async () => (await state('far')) === 'enabled', 'the labelled pod is in the mesh');
    expect(await state('near')).toBeUndefined();
    await cluster().kubectlOk(['label', 'pod', '--overwrite', '-n', NAMESPACE, 'far', `${MODE}=none`]);
    await mode('ambient');
    await until(
      async () => (await state('near')) === 'enabled' && (await state('client')) === 'enabled',
      'the others are in the mesh',
    );
    await until(async () => (await state('far')) === undefined, 'the pod with none is out of it');
    const answer = await cluster().exec({ namespace: NAMESPACE, pod: 'client' }, [
      'redis-cli',
      '-h',
      'far',
      '-p',
      '7000',
      'ping',
    ]);
    expect(answer.stdout).toBe('PONG\n');
    await cluster().kubectlOk(['label', 'pod', '-n', NAMESPACE, 'far', `${MODE}-`]);
  });
});
