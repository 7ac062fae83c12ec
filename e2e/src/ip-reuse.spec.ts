import { PODS } from '@weft/kube';
import { until } from '@weft/testing-fixtures';
import { AccessLog, textOf } from './cluster/access-log.js';
import { Asker } from './cluster/asker.js';
import { smallPodRange } from './cluster/small-pod-range.js';
import { useCluster } from './cluster/use-cluster.js';
import { namespace, pod, service } from './workloads/objects.js';
import { answers, ANSWER_PORT } from './workloads/own-programs.js';
import { shell } from './workloads/programs.js';

const COLOURS = ['red', 'blue', 'green'] as const;
const ADDRESSES = 5;
/** Pods of every colour are replaced this many times. `WEFT_SOAK_ROUNDS` makes it longer. */
const ROUNDS = Number(process.env['WEFT_SOAK_ROUNDS'] ?? '8');
const RATE = 120;

describe('addresses of pods that are used again by other workloads', () => {
  const cluster = useCluster({ name: 'reuse' });
  const serverPod = (colour: string, round: number) =>
    pod({
      namespace: 'shop',
      name: `${colour}-${round}`,
      node: 'node-2',
      serviceAccount: colour,
      labels: { colour },
      containers: [answers(colour)],
    });

  beforeAll(async () => {
    await cluster().apply([
      namespace('shop', true),
      ...pod({ namespace: 'shop', name: 'client', node: 'node-1', containers: [shell()] }),
      ...COLOURS.map((colour) =>
        service({ namespace: 'shop', name: colour, selector: { colour }, ports: { [ANSWER_PORT]: ANSWER_PORT } }),
      ),
    ]);
    await smallPodRange(cluster(), 'node-2', ADDRESSES);
    await cluster().apply(COLOURS.flatMap((colour) => serverPod(colour, 0)));
    await cluster().ready('shop', ['client', ...COLOURS.map((colour) => `${colour}-0`)]);
  }, 120_000);

  const inClient = (...argv: readonly string[]) => cluster().exec({ namespace: 'shop', pod: 'client' }, argv);

  it('under load no request ever reaches another identity than it was meant for', async () => {
    const log = await AccessLog.start(cluster());
    const asker = await Asker.start(
      cluster(),
      { namespace: 'shop', pod: 'client' },
      RATE,
      Object.fromEntries(COLOURS.map((colour) => [`${colour}:${ANSWER_PORT}`, colour])),
    );
    const holders = new Map<string, Set<string>>();
    for (let round = 1; round <= ROUNDS; round++) {
      for (const { metadata, status } of await cluster().kube.list(PODS, { namespace: 'shop' })) {
        const colour = metadata?.labels?.['colour'];
        const ip = status?.podIP ?? '';
        if (colour === undefined || ip === '') continue;
        holders.set(ip, (holders.get(ip) ?? new Set()).add(colour));
      }
      // All at once: each finds the addresses that the others have just left.
      await cluster().delete(COLOURS.flatMap((colour) => serverPod(colour, round - 1).slice(1)));
      const turned = [...COLOURS.slice(round % COLOURS.length), ...COLOURS.slice(0, round % COLOURS.length)];
      await cluster().apply(turned.flatMap((colour) => serverPod(colour, round)));
      await cluster().ready(
        'shop',
        COLOURS.map((colour) => `${colour}-${round}`),
      );
    }
    const { asked, answered, wrong, failed, failures } = await asker.end();
    const reused = [...holders.values()].filter((colours) => colours.size > 1).length;
    const mismatches = log
      .lines()
      .filter(({ error }) => typeof error === 'string' && error.includes('identity mismatch'));
    process.stdout.write(
      `ip reuse: ${ROUNDS * COLOURS.length} pods replaced on ${ADDRESSES} addresses, ${reused} of them held by several ` +
        `identities; ${asked} requests, ${answered} answered by the right one, ${wrong} by a wrong one, ${failed} failed while ` +
        `there was no endpoint, ${mismatches.length} stopped by the identity of the peer\n`,
    );
    expect(reused).toBeGreaterThan(1);
    expect({ wrong, failures: failures.filter((failure) => failure.includes('answered by')) }).toEqual({
      wrong: 0,
      failures: [],
    });
    expect(answered).toBeGreaterThan(ROUNDS * COLOURS.length);
    for (const line of log.lines()) {
      const colour = /^(red|blue|green)\./.exec(textOf(line, 'dst.service'))?.[1];
      if (colour === undefined || line['message'] !== 'connection complete') continue;
      expect(line['dst.identity']).toBe(`spiffe://cluster.local/ns/shop/sa/${colour}`);
    }
  }, 200_000);

  it('tunnels to a pod that is deleted close at once', async () => {
    await cluster().apply(serverPod('red', 1000));
    await cluster().ready('shop', ['red-1000']);
    const { status } = await cluster()
      .kube.get(PODS, 'shop', 'red-1000')
      .then((found) => found!);
    const ip = status?.podIP ?? '';
    const tunnels = async (): Promise<number> =>
      (await inClient('ss', '-Htn', 'state', 'established', 'dst', `${ip}:15008`)).stdout.split('\n').filter(Boolean)
        .length;
    const warm = await Asker.start(cluster(), { namespace: 'shop', pod: 'client' }, 5, {
      [`${ip}:${ANSWER_PORT}`]: 'red',
    });
    await until(async () => (await tunnels()) > 0, 'there is a tunnel');
    expect(await warm.end()).toMatchObject({ failed: 0, wrong: 0 });
    const gone = cluster().kubectlStart(['delete', 'pod', '-n', 'shop', 'red-1000', '--wait']);
    await gone.exit;
    const deletedMs = performance.now();
    await until(async () => (await tunnels()) === 0, 'the tunnels are closed', 5000);
    process.stdout.write(
      `ip reuse: no tunnel ${Math.round(performance.now() - deletedMs)} ms after the pod was gone\n`,
    );
  }, 60_000);
});
