import { DAEMON_SETS, DEPLOYMENTS, type KubeObject } from '@weft/kube';
import { SYSTEM_NAMESPACE } from '@weft/testing-mesh-deployment';
import { AccessLog, textOf } from './cluster/access-log.js';
import { Asker, type AskerCounts } from './cluster/asker.js';
import { smallPodRange } from './cluster/small-pod-range.js';
import { useCluster } from './cluster/use-cluster.js';
import { Ztunnels } from './cluster/ztunnels.js';
import { namespace, pod, service } from './workloads/objects.js';
import { answers, ANSWER_PORT } from './workloads/own-programs.js';
import { shell } from './workloads/programs.js';

/** Pods that come and go in the last test. `WEFT_SOAK_PODS=1000` is the long form. */
const CHURNED = Number(process.env['WEFT_SOAK_PODS'] ?? '100');
const BATCH = 20;
const RATE = 60;
const SERVERS = { near: 'node-1', far: 'node-2' } as const;
/** Not more than a machine twice as slow and busy needs; what is printed says how it was. */
const RECOVERY_MS = 30_000;

describe('faults of every kind', () => {
  const cluster = useCluster({ name: 'chaos' });
  let log: AccessLog;
  let asker: Asker;

  beforeAll(async () => {
    await cluster().apply([
      namespace('shop', true),
      namespace('crowd', true),
      ...pod({ namespace: 'shop', name: 'client', node: 'node-1', containers: [shell()] }),
      ...Object.entries(SERVERS).flatMap(([name, node]) => [
        ...pod({ namespace: 'shop', name, node, containers: [answers(name)] }),
        service({ namespace: 'shop', name, selector: { app: name }, ports: { [ANSWER_PORT]: ANSWER_PORT } }),
      ]),
    ]);
    await cluster().ready('shop', ['client', 'near', 'far']);
  }, 120_000);
  beforeEach(async () => {
    log = await AccessLog.start(cluster());
    asker = await start();
  });
  afterEach(() => {
    // Whatever broke: who answered was always who had been asked, and proved to be it.
    for (const line of log.lines()) {
      const name = /^(near|far)\.shop\./.exec(textOf(line, 'dst.service'))?.[1];
      if (name === undefined || line['message'] !== 'connection complete') continue;
      expect(line['dst.identity']).toBe(`spiffe://cluster.local/ns/shop/sa/${name}`);
    }
  });

  const start = (): Promise<Asker> =>
    Asker.start(
      cluster(),
      { namespace: 'shop', pod: 'client' },
      RATE,
      Object.fromEntries(Object.keys(SERVERS).map((name) => [`${name}:${ANSWER_PORT}`, name])),
    );
  const answered = async (): Promise<void> => {
    const endMs = performance.now() + RECOVERY_MS;
    for (;;) {
      const probe = await start();
      await new Promise((resolve) => setTimeout(resolve, 300));
      const { asked, answered: good } = await probe.end();
      if (asked > 0 && good === asked) return;
      if (performance.now() > endMs) throw new Error(`no service ${RECOVERY_MS} ms after the fault`);
    }
  };
  /** Ends the load: nobody was answered by a wrong one, every outage is over, and how long it took is printed. */
  const conclude = async (fault: string, untilMs = Infinity): Promise<AskerCounts> => {
    await answered();
    const counts = await asker.end();
    const spans = counts.outages.map(
      ({ target, fromMs, toMs, failed }) =>
        `${target.split(':')[0] ?? ''} ${failed} failed within ${toMs - fromMs} ms` +
        (untilMs === Infinity ? '' : ` (${Math.max(0, toMs - untilMs)} ms after the cause was gone)`),
    );
    process.stdout.write(
      `chaos: ${fault}: ${counts.asked} requests, ${counts.failed} failed, ${counts.wrong} answered by a wrong one; ` +
        `${spans.length === 0 ? 'no outage' : spans.join('; ')}\n`,
    );
    expect(counts.wrong).toBe(0);
    expect(counts.outages.filter(({ toMs }) => toMs < 0)).toEqual([]);
    return counts;
  };
  const inZtunnel = async (node: string, script: string): Promise<void> => {
    const name = (await new Ztunnels(cluster()).pods()).get(node)?.name ?? '';
    await cluster().exec({ namespace: SYSTEM_NAMESPACE, pod: name }, ['sh', '-c', script]);
  };

  it('ztunnel is killed: nothing goes around it, and it is back', async () => {
    await cluster().kill('ztunnel', 'node-2');
    const { outages } = await conclude('kill -9 of the ztunnel of node-2');
    // Those who do not use it notice nothing.
    expect(outages.filter(({ target }) => target.startsWith('near'))).toEqual([]);
  }, 90_000);

  it('ztunnel stands still for three seconds, and goes on where it was', async () => {
    await inZtunnel('node-2', 'kill -STOP -1; sleep 3; kill -CONT -1');
    const goneMs = Date.now();
    await conclude('SIGSTOP of the ztunnel of node-2 for 3 s', goneMs);
  }, 90_000);

  it('the network between the nodes is cut for five seconds', async () => {
    const rule = (verb: string): Promise<unknown> =>
      Promise.all(
        ['INPUT', 'FORWARD'].map((chain) =>
          cluster().onNode('node-2', ['iptables', '-w', verb, chain, '-i', 'eth0', '-j', 'DROP']),
        ),
      );
    await rule('-I');
    await new Promise((resolve) => setTimeout(resolve, 5000));
    await rule('-D');
    const goneMs = Date.now();
    const { outages } = await conclude('network cut between the nodes for 5 s', goneMs);
    expect(outages.filter(({ target }) => target.startsWith('near'))).toEqual([]);
  }, 90_000);

  it('certificates run out while control plane and CA are away: refused, never unproved, and well again with them', async () => {
    const env = (value: string | null): Promise<unknown> =>
      cluster().kubectlOk([
        'set',
        'env',
        '-n',
        SYSTEM_NAMESPACE,
        'ds/ztunnel',
        `SECRET_TTL${value === null ? '-' : `=${value}`}`,
      ]);
    const rolledOut = (): Promise<unknown> =>
      cluster().kubectlOk(['rollout', 'status', 'ds/ztunnel', '-n', SYSTEM_NAMESPACE], { timeoutMs: 60_000 });
    await asker.end();
    await env('20s');
    await rolledOut();
    await log.follow();
    asker = await start();
    await Promise.all([cluster().scale('weft-control-plane', 0), cluster().scale('weft-ca', 0)]);
    await new Promise((resolve) => setTimeout(resolve, 25_000));
    // Fresh tunnels, which have to show the certificates that are out of date.
    await cluster()
      .kill('ztunnel', 'node-2')
      .catch(() => undefined);
    const scaled = (name: string): Promise<unknown> =>
      cluster().kube.patch(DEPLOYMENTS, SYSTEM_NAMESPACE, name, { spec: { replicas: 1 } }, { kind: 'merge' });
    await Promise.all([scaled('weft-ca'), scaled('weft-control-plane')]);
    const backMs = Date.now();
    await conclude('certificates of 20 s expired while control plane and CA were away for 25 s', backMs);
    await env(null);
    await rolledOut();
    expect((await cluster().kube.get(DAEMON_SETS, SYSTEM_NAMESPACE, 'ztunnel'))?.metadata?.name).toBe('ztunnel');
  }, 150_000);

  it(
    `${CHURNED} pods come and go on few addresses`,
    async () => {
      await smallPodRange(cluster(), 'node-2', BATCH + 4);
      const member = (index: number): readonly KubeObject[] =>
        pod({
          namespace: 'crowd',
          name: `member-${index}`,
          node: 'node-2',
          serviceAccount: `account-${index % 7}`,
          containers: [shell()],
        });
      const startMs = performance.now();
      for (let first = 0; first < CHURNED; first += BATCH) {
        const batch = Array.from({ length: Math.min(BATCH, CHURNED - first) }, (_, i) => member(first + i));
        await cluster().apply(batch.flat());
        await cluster().ready(
          'crowd',
          batch.map((_, i) => `member-${first + i}`),
        );
        await cluster().delete(batch.flatMap((objects) => objects.slice(1)));
      }
      process.stdout.write(`chaos: ${CHURNED} pods churned in ${Math.round(performance.now() - startMs)} ms\n`);
      const { failed } = await conclude(`${CHURNED} pods churned`);
      expect(failed).toBe(0);
    },
    60_000 + CHURNED * 1500,
  );
});
