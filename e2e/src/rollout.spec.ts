import type { KubeObject } from '@weft/kube';
import { until } from '@weft/testing-fixtures';
import { AccessLog, textOf } from './cluster/access-log.js';
import { Asker, type AskerCounts } from './cluster/asker.js';
import { useCluster } from './cluster/use-cluster.js';
import { whyFailed } from './cluster/why-failed.js';
import { namespace, pod, service } from './workloads/objects.js';
import { answers, ANSWER_PORT, type OnTerm } from './workloads/own-programs.js';
import { shell } from './workloads/programs.js';

const REPLICAS = 10;
/** Times `REPLICAS` pods are replaced. `WEFT_SOAK_ROLLOUTS` makes it longer. */
const ROLLOUTS = Number(process.env['WEFT_SOAK_ROLLOUTS'] ?? '10');
const ROLLOUTS_OF_THE_ABRUPT = 2;
const RATE = 200;
const ON_TERM: Readonly<Record<OnTerm, string>> = {
  drain: 'accepts until nobody comes',
  finish: 'closes its listener at once',
  exit: 'exits at once',
};

function deployment(onTerm: OnTerm): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      replicas: REPLICAS,
      strategy: { rollingUpdate: { maxSurge: '50%', maxUnavailable: 0 } },
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { terminationGracePeriodSeconds: 30, containers: [answers('web', onTerm)] },
      },
    },
  } as KubeObject;
}

/** No preStop hook anywhere: SIGTERM comes while the endpoint is still known to everybody, as Kubernetes does it. */
describe('pods of a service are replaced under load', () => {
  const cluster = useCluster({ name: 'rollout' });
  const rolledOut = async (): Promise<void> => {
    await cluster().kubectlOk(['rollout', 'status', 'deploy/web', '-n', 'shop'], { timeoutMs: 90_000 });
  };

  beforeAll(async () => {
    await cluster().apply([
      namespace('shop', true),
      ...pod({ namespace: 'shop', name: 'client', node: 'node-1', containers: [shell()] }),
      service({ namespace: 'shop', name: 'web', selector: { app: 'web' }, ports: { [ANSWER_PORT]: ANSWER_PORT } }),
    ]);
    await cluster().ready('shop', ['client']);
  }, 60_000);

  const replace = async (onTerm: OnTerm, times: number): Promise<AskerCounts> => {
    await cluster().apply([deployment(onTerm)]);
    await rolledOut();
    const asker = await Asker.start(cluster(), { namespace: 'shop', pod: 'client' }, RATE, {
      [`web:${ANSWER_PORT}`]: 'web',
    });
    const startMs = performance.now();
    for (let i = 0; i < times; i++) {
      await cluster().kubectlOk(['rollout', 'restart', 'deploy/web', '-n', 'shop']);
      await rolledOut();
    }
    const tookMs = performance.now() - startMs;
    const counts = await asker.end();
    process.stdout.write(
      `rollout: an application that on SIGTERM ${ON_TERM[onTerm]}: ` +
        `${times * REPLICAS} pods replaced in ${Math.round(tookMs)} ms, ${counts.asked} requests, ` +
        `${counts.failed} failed, slowest ${counts.slowestMs} ms\n`,
    );
    expect(counts.asked).toBeGreaterThan(100);
    return counts;
  };

  it(
    'no request fails when the application accepts until nobody comes any more',
    async () => {
      const log = await AccessLog.start(cluster());
      const counts = await replace('drain', ROLLOUTS);
      expect({ ...counts, why: whyFailed(counts.failures, log.lines()) }).toMatchObject({
        answered: counts.asked,
        failed: 0,
        wrong: 0,
        why: [],
      });
    },
    30_000 + ROLLOUTS * 20_000,
  );

  it.each(['finish', 'exit'] as const)(
    'of an application that does not (%s), only what had reached it is lost',
    async (onTerm) => {
      const log = await AccessLog.start(cluster());
      const { failures, wrong } = await replace(onTerm, ROLLOUTS_OF_THE_ABRUPT);
      expect(wrong).toBe(0);
      // Each of them was opened, and its bytes were handed over before the end of the application cut it.
      for (const failure of failures) {
        const [time = '', source] = failure.split(' ');
        const cut = (): boolean =>
          log
            .lines()
            .some(
              (line) =>
                line['src.addr'] === source &&
                line['direction'] === 'outbound' &&
                line['message'] === 'connection complete' &&
                line['bytes_recv'] === 0 &&
                textOf(line, 'time') > time,
            );
        await until(cut, 'the failed request was one that had reached the application').catch(() => {
          throw new Error(whyFailed([failure], log.lines()).join('\n'));
        });
      }
    },
    120_000,
  );
});
