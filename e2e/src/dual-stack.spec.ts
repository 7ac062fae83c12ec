import type { KubeObject } from '@weft/kube';
import { PODS } from '@weft/kube';
import { AccessLog } from './cluster/access-log.js';
import { Asker } from './cluster/asker.js';
import { useCluster } from './cluster/use-cluster.js';
import { namespace, pod, service } from './workloads/objects.js';
import { answers, ANSWER_PORT } from './workloads/own-programs.js';
import { shell } from './workloads/programs.js';

type Family = 'IPv4' | 'IPv6';

/** A pod and a Service have addresses of the families that they have, and nothing of the mesh cares which one is used. */
describe('a cluster of both address families', () => {
  const cluster = useCluster({ name: 'dual', ipFamily: 'dual' });
  const addresses = new Map<string, Readonly<Record<Family, string>>>();
  let log: AccessLog;

  const inFamilies = (name: string, app: string, families: readonly Family[], headless = false): KubeObject => {
    const made = service({
      namespace: 'shop',
      name,
      selector: { app },
      ports: { [ANSWER_PORT]: ANSWER_PORT },
      headless,
    });
    const policy = families.length === 2 ? 'RequireDualStack' : 'SingleStack';
    return {
      ...made,
      spec: { ...(made as { spec: object }).spec, ipFamilies: families, ipFamilyPolicy: policy },
    } as KubeObject;
  };

  beforeAll(async () => {
    await cluster().apply([
      namespace('shop', true),
      namespace('plain', false),
      ...pod({ namespace: 'shop', name: 'client', node: 'node-1', containers: [shell()] }),
      ...pod({ namespace: 'plain', name: 'stranger', node: 'node-1', containers: [shell()] }),
      ...[
        ['near', 'node-1'],
        ['far', 'node-2'],
      ].flatMap(([name = '', node = '']) => [
        ...pod({ namespace: 'shop', name, node, containers: [answers(name)] }),
        inFamilies(`${name}-four`, name, ['IPv4']),
        inFamilies(`${name}-six`, name, ['IPv6']),
        inFamilies(`${name}-both`, name, ['IPv6', 'IPv4']),
        inFamilies(`${name}-headless-six`, name, ['IPv6'], true),
      ]),
    ]);
    await cluster().ready('shop', ['client', 'near', 'far']);
    await cluster().ready('plain', ['stranger']);
    for (const { metadata, status } of await cluster().kube.list(PODS)) {
      const of = (six: boolean): string => status?.podIPs?.find(({ ip }) => ip.includes(':') === six)?.ip ?? '';
      addresses.set(metadata?.name ?? '', { IPv4: of(false), IPv6: of(true) });
    }
    log = await AccessLog.start(cluster());
  }, 120_000);

  it.each(
    (['near', 'far'] as const).flatMap((server) => [
      ...(['four', 'six', 'both', 'headless-six'] as const).map((kind) => ({ server, by: `${server}-${kind}` })),
      { server, by: 'IPv4' },
      { server, by: 'IPv6' },
    ]),
  )('$server by $by: reached, with mutual TLS, from the address of the family', async ({ server, by }) => {
    const startMs = Date.now();
    const own = by === 'IPv4' || by === 'IPv6' ? addresses.get(server)?.[by] : undefined;
    const asker = await Asker.start(cluster(), { namespace: 'shop', pod: 'client' }, 10, {
      [`${own ?? by}:${ANSWER_PORT}`]: server,
    });
    const six = /^\[fd00:10:244:1:/;
    const four = /^10\.244\.1\./;
    const source = /six$|IPv6/.test(by)
      ? six
      : /four$|IPv4/.test(by)
        ? four
        : new RegExp(`${six.source}|${four.source}`);
    const wanted = { message: 'connection complete', direction: 'inbound', 'dst.workload': server, 'src.addr': source };
    const line = await log.line(wanted, startMs);
    expect(await asker.end()).toMatchObject({ failed: 0, wrong: 0 });
    expect(line).toMatchObject({
      'src.identity': 'spiffe://cluster.local/ns/shop/sa/client',
      'dst.identity': `spiffe://cluster.local/ns/shop/sa/${server}`,
    });
  });

  it('from outside of the mesh, in plaintext, over IPv6', async () => {
    const startMs = Date.now();
    const asker = await Asker.start(cluster(), { namespace: 'plain', pod: 'stranger' }, 10, {
      [`${addresses.get('far')?.IPv6 ?? ''}:${ANSWER_PORT}`]: 'far',
      [`far-six.shop:${ANSWER_PORT}`]: 'far',
    });
    const line = await log.line(
      { message: 'connection complete', 'dst.workload': 'far', 'src.workload': 'stranger' },
      startMs,
    );
    expect(await asker.end()).toMatchObject({ failed: 0, wrong: 0 });
    expect(line['src.identity']).toBeUndefined();
  });

  it('names have the records of the families of their Service', async () => {
    const lookUp = async (name: string, option: string): Promise<string> =>
      (await cluster().exec({ namespace: 'shop', pod: 'client' }, ['getent', option, name])).stdout;
    expect(await lookUp('far-six', 'ahostsv6')).toMatch(/^fd00:10:96::/);
    expect(await lookUp('far-headless-six', 'ahostsv6')).toContain(addresses.get('far')?.IPv6);
    expect(await lookUp('far-four', 'ahostsv4')).toMatch(/^10\.96\./);
    expect(await lookUp('far-both', 'ahostsv6')).toMatch(/^fd00:10:96::/);
    expect(await lookUp('far-both', 'ahostsv4')).toMatch(/^10\.96\./);
  });
});
