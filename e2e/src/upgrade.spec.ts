import { PODS } from '@weft/kube';
import { until } from '@weft/testing-fixtures';
import { SYSTEM_NAMESPACE } from '@weft/testing-mesh-deployment';
import { AccessLog } from './cluster/access-log.js';
import { Asker } from './cluster/asker.js';
import type { RunningCommand } from './cluster/running-command.js';
import { useCluster } from './cluster/use-cluster.js';
import { whyFailed } from './cluster/why-failed.js';
import { namespace, pod, service } from './workloads/objects.js';
import { answers, ANSWER_PORT } from './workloads/own-programs.js';
import {
  HTTP_PORT,
  nginx,
  POSTGRES_PORT,
  POSTGRES_UID,
  postgres,
  redis,
  REDIS_PORT,
  shell,
} from './workloads/programs.js';

/** Every rollout replaces the ztunnel of both nodes. `WEFT_SOAK_ROLLOUTS` makes it longer. */
const ROLLOUTS = Number(process.env['WEFT_SOAK_ROLLOUTS'] ?? '10');
const ROLLOUT_MS = 60_000;
const RATE = 200;
const PART_OF_FILE = ['--range', '0-8388607', '--limit-rate', '512k'];
const WHOLE_PART = '8388608 0';

/** A long-lived connection. Every answer to `question` names it, so the answers on one connection are equal. */
interface Session {
  readonly what: string;
  readonly question: string;
  readonly command: RunningCommand;
}

const linesOf = ({ command }: Session): readonly string[] => command.stdout.split('\n').filter(Boolean);

describe('an upgrade of ztunnel under load', () => {
  const cluster = useCluster({ name: 'upgrade' });

  beforeAll(async () => {
    await cluster().apply([
      namespace('shop', true),
      ...pod({ namespace: 'shop', name: 'client', node: 'node-1', containers: [shell()] }),
      ...pod({ namespace: 'shop', name: 'far', node: 'node-2', containers: [answers('far'), redis(), nginx()] }),
      ...pod({ namespace: 'shop', name: 'near', node: 'node-1', containers: [answers('near'), redis()] }),
      ...pod({ namespace: 'shop', name: 'db', node: 'node-2', runAsUser: POSTGRES_UID, containers: [postgres()] }),
      ...['far', 'near'].map((name) =>
        service({
          namespace: 'shop',
          name,
          selector: { app: name },
          ports: { [ANSWER_PORT]: ANSWER_PORT, [REDIS_PORT]: REDIS_PORT, 80: HTTP_PORT },
        }),
      ),
      service({ namespace: 'shop', name: 'db', selector: { app: 'db' }, ports: { [POSTGRES_PORT]: POSTGRES_PORT } }),
    ]);
    await cluster().ready('shop', ['client', 'far', 'near', 'db']);
  }, 120_000);

  const inClient = (...argv: readonly string[]): RunningCommand =>
    cluster().kubectlStart(['exec', '-i', '-n', 'shop', 'client', '--', ...argv]);
  const openSessions = (): readonly Session[] => [
    { what: 'redis on the other node', question: 'client id\n', command: inClient('redis-cli', '-h', 'far') },
    { what: 'redis on the same node', question: 'client id\n', command: inClient('redis-cli', '-h', 'near') },
    {
      what: 'psql',
      question: 'select pg_backend_pid();\n',
      command: inClient('psql', '-h', 'db', '-U', 'postgres', '-qAt'),
    },
  ];
  /** One more answer on each; those that give none or come from another connection are named. */
  const ask = async (sessions: readonly Session[]): Promise<readonly string[]> => {
    const asked = sessions.map((session) => ({ session, before: linesOf(session).length }));
    for (const { command, question } of sessions) command.write(question);
    const answered = ({ session, before }: (typeof asked)[number]): boolean => linesOf(session).length > before;
    await until(() => asked.every((each) => answered(each) || each.session.command.ended), 'sessions answer').catch(
      () => undefined,
    );
    return asked
      .filter((each) => !answered(each) || new Set(linesOf(each.session)).size !== 1)
      .map(({ session }) => `${session.what}: ${JSON.stringify(session.command.stdout)} ${session.command.stderr}`);
  };
  const download = (): RunningCommand =>
    inClient('curl', '-sS', '-o', '/dev/null', '-w', '%{size_download} %{exitcode}', ...PART_OF_FILE, 'http://far/big');
  const oldZtunnels = async (): Promise<number> =>
    (await cluster().kube.list(PODS, { namespace: SYSTEM_NAMESPACE, labelSelector: 'app=ztunnel' })).length -
    cluster().nodes.length;

  it(
    'fails no new connection and breaks no established one, and the replaced processes end with their connections',
    async () => {
      const log = await AccessLog.start(cluster());
      const asker = await Asker.start(cluster(), { namespace: 'shop', pod: 'client' }, RATE, {
        [`far:${ANSWER_PORT}`]: 'far',
        [`near:${ANSWER_PORT}`]: 'near',
      });
      const sessions: Session[] = [];
      const downloads: RunningCommand[] = [];
      const broken = new Set<string>();
      const startMs = performance.now();
      for (let round = 0; round < ROLLOUTS; round++) {
        sessions.push(...openSessions());
        downloads.push(download());
        for (const problem of await ask(sessions)) broken.add(problem);
        await cluster().kubectlOk(['rollout', 'restart', 'ds/ztunnel', '-n', SYSTEM_NAMESPACE]);
        await cluster().kubectlOk(['rollout', 'status', 'ds/ztunnel', '-n', SYSTEM_NAMESPACE], {
          timeoutMs: ROLLOUT_MS,
        });
        await log.follow();
      }
      const tookMs = performance.now() - startMs;
      const alive = await oldZtunnels();
      const counts = await asker.end();
      for (const problem of await ask(sessions)) broken.add(problem);
      await until(() => downloads.every(({ ended }) => ended), 'the downloads are over', 60_000);
      process.stdout.write(
        `upgrade: ${ROLLOUTS * cluster().nodes.length} ztunnels replaced in ${Math.round(tookMs)} ms; ` +
          `${counts.asked} new connections, ${counts.failed} failed, slowest ${counts.slowestMs} ms; ` +
          `${sessions.length} sessions and ${downloads.length} downloads across them, ${broken.size} sessions broken; ` +
          `${alive} replaced ztunnels still served old connections at the end\n`,
      );
      expect({ ...counts, why: whyFailed(counts.failures, log.lines()) }).toMatchObject({
        answered: counts.asked,
        failed: 0,
        wrong: 0,
        why: [],
      });
      expect(counts.asked).toBeGreaterThan(100);
      expect([...broken]).toEqual([]);
      expect(downloads.map(({ stdout, stderr }) => stdout + stderr)).toEqual(downloads.map(() => WHOLE_PART));
      expect(alive).toBeGreaterThan(0);

      // A process that was replaced ends when its last connection does, long before the limit, and says what became of them.
      await Promise.all(sessions.map(({ command }) => command.stop()));
      await until(async () => (await oldZtunnels()) === 0, 'the replaced ztunnels are gone', 30_000);
      const replaced = ROLLOUTS * cluster().nodes.length;
      const said = () => log.lines().filter(({ message }) => message === 'drained: every connection ended by itself');
      await until(() => said().length === replaced, 'each of them has said what became of its connections');
      expect(said().map((line) => line['broken'])).toEqual(Array.from({ length: replaced }, () => 0));
    },
    30_000 + ROLLOUTS * 15_000,
  );
});
