import type { KubeObject } from '@weft/kube';
import { settles, until } from '@weft/testing-fixtures';
import { AccessLog } from './cluster/access-log.js';
import { AT_ONCE_MS } from './cluster/at-once.js';
import { podAddresses } from './cluster/pod-addresses.js';
import { useCluster } from './cluster/use-cluster.js';
import { Ztunnels } from './cluster/ztunnels.js';
import { namespace, pod, service } from './workloads/objects.js';
import { HTTP_PORT, nginx, redis, REDIS_PORT, shell } from './workloads/programs.js';

/** alice and bob are in the namespace of the server, mallory in another one of the mesh, carol outside the mesh. */
const CLIENTS = { alice: 'shop', bob: 'shop', mallory: 'other', carol: 'plain' } as const;
type Client = keyof typeof CLIENTS;
const NAMES = Object.keys(CLIENTS) as Client[];
type Port = 'http' | 'redis';
const IDENTITY = (name: Client): string => `cluster.local/ns/${CLIENTS[name]}/sa/${name}`;
const EVERYBODY = 'alice bob mallory carol';

describe('policies', () => {
  const cluster = useCluster({ name: 'policy' });
  let ztunnels: Ztunnels;
  let log: AccessLog;
  let address: Readonly<Record<string, string>>;
  let applied: KubeObject[] = [];

  beforeAll(async () => {
    await cluster().apply([
      namespace('shop', true),
      namespace('other', true),
      namespace('plain', false),
      ...NAMES.flatMap((name) => pod({ namespace: CLIENTS[name], name, node: 'node-1', containers: [shell()] })),
      ...pod({ namespace: 'shop', name: 'web', node: 'node-2', containers: [nginx(), redis()] }),
      ...pod({ namespace: 'shop', name: 'second', node: 'node-2', containers: [nginx(), redis()] }),
      ...['web', 'second'].map((name) =>
        service({ namespace: 'shop', name, selector: { app: name }, ports: { 80: HTTP_PORT, 7000: REDIS_PORT } }),
      ),
    ]);
    await cluster().ready('shop', ['alice', 'bob', 'web', 'second']);
    await cluster().ready('other', ['mallory']);
    await cluster().ready('plain', ['carol']);
    address = { ...(await podAddresses(cluster(), 'shop')), ...(await podAddresses(cluster(), 'plain')) };
    ztunnels = new Ztunnels(cluster());
    log = await AccessLog.start(cluster());
  }, 120_000);

  afterEach(async () => {
    if (applied.length > 0) await cluster().delete(applied);
    applied = [];
    await ztunnels.holdPolicies([]);
    await settles(() => reached('web'), { http: EVERYBODY, redis: EVERYBODY });
  });

  const apply = async (...objects: KubeObject[]): Promise<void> => {
    applied.push(...objects);
    if (objects.length > 0) await cluster().apply(objects);
  };
  const authorization = (name: string, spec: object, ns = 'shop'): KubeObject =>
    ({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name, namespace: ns },
      spec,
    }) as KubeObject;
  const peer = (name: string, spec: object, ns = 'shop'): KubeObject =>
    ({
      apiVersion: 'security.istio.io/v1',
      kind: 'PeerAuthentication',
      metadata: { name, namespace: ns },
      spec,
    }) as KubeObject;

  /** Which ports of a server a client reaches, in one visit. */
  const visit = async (client: Client, server: string): Promise<ReadonlySet<Port>> => {
    const http = `curl -sS --max-time 3 http://${server}.shop/ | grep -q '^${server} saw' && echo http`;
    const onRedis = `timeout 3 redis-cli -h ${server}.shop -p 7000 ping | grep -q PONG && echo redis`;
    const { stdout } = await cluster().exec({ namespace: CLIENTS[client], pod: client }, [
      'sh',
      '-c',
      `${http}; ${onRedis}`,
    ]);
    return new Set(stdout.trim().split('\n') as Port[]);
  };
  const reach = async (client: Client, server: string, port: Port): Promise<boolean> =>
    (await visit(client, server)).has(port);
  /** Who gets through. */
  const reached = async (server: string): Promise<Record<Port, string>> => {
    const visits = await Promise.all(NAMES.map((name) => visit(name, server)));
    const through = (port: Port): string => NAMES.filter((_, i) => visits[i]!.has(port)).join(' ');
    return { http: through('http'), redis: through('redis') };
  };

  describe('AuthorizationPolicy', () => {
    const from = (source: object): object => ({ from: [{ source }] });
    const to = (operation: object): object => ({ to: [{ operation }] });
    const ip = (name: string): string => `ip of ${name}`;
    /** Rules name addresses by pod, which are known only later. */
    const filled = (spec: object): object =>
      JSON.parse(JSON.stringify(spec).replace(/ip of (\w+)/g, (_, name: string) => address[name] ?? '')) as object;

    it.each<[string, object, string, string]>([
      // what, spec, who reaches HTTP, who reaches Redis
      ['ALLOW principals', { action: 'ALLOW', rules: [from({ principals: [IDENTITY('alice')] })] }, 'alice', 'alice'],
      [
        'ALLOW notPrincipals lets those without identity in',
        { action: 'ALLOW', rules: [from({ notPrincipals: [IDENTITY('alice')] })] },
        'bob mallory carol',
        'bob mallory carol',
      ],
      ['ALLOW principals by suffix', { action: 'ALLOW', rules: [from({ principals: ['*/sa/bob'] })] }, 'bob', 'bob'],
      [
        'ALLOW principals by prefix',
        { action: 'ALLOW', rules: [from({ principals: ['cluster.local/ns/shop/*'] })] },
        'alice bob',
        'alice bob',
      ],
      [
        'ALLOW any principal wants an identity',
        { action: 'ALLOW', rules: [from({ principals: ['*'] })] },
        'alice bob mallory',
        'alice bob mallory',
      ],
      ['ALLOW namespaces', { action: 'ALLOW', rules: [from({ namespaces: ['shop'] })] }, 'alice bob', 'alice bob'],
      [
        'ALLOW notNamespaces',
        { action: 'ALLOW', rules: [from({ notNamespaces: ['shop'] })] },
        'mallory carol',
        'mallory carol',
      ],
      [
        'ALLOW ipBlocks',
        { action: 'ALLOW', rules: [from({ ipBlocks: [ip('alice'), ip('carol')] })] },
        'alice carol',
        'alice carol',
      ],
      [
        'ALLOW ipBlocks by range',
        { action: 'ALLOW', rules: [from({ ipBlocks: ['10.244.1.0/24'] })] },
        EVERYBODY,
        EVERYBODY,
      ],
      [
        'ALLOW notIpBlocks',
        { action: 'ALLOW', rules: [from({ ipBlocks: ['10.244.0.0/16'], notIpBlocks: [ip('bob')] })] },
        'alice mallory carol',
        'alice mallory carol',
      ],
      ['ALLOW ports', { action: 'ALLOW', rules: [to({ ports: [String(HTTP_PORT)] })] }, EVERYBODY, ''],
      ['ALLOW notPorts', { action: 'ALLOW', rules: [to({ notPorts: [String(HTTP_PORT)] })] }, '', EVERYBODY],
      [
        'ALLOW principal and port together',
        {
          action: 'ALLOW',
          rules: [{ ...from({ principals: [IDENTITY('alice')] }), ...to({ ports: [String(REDIS_PORT)] }) }],
        },
        '',
        'alice',
      ],
      [
        'ALLOW one rule or the other',
        { action: 'ALLOW', rules: [from({ principals: [IDENTITY('alice')] }), from({ namespaces: ['other'] })] },
        'alice mallory',
        'alice mallory',
      ],
      ['ALLOW without rules lets nobody in', { action: 'ALLOW' }, '', ''],
      ['ALLOW with an empty rule lets everybody in', { action: 'ALLOW', rules: [{}] }, EVERYBODY, EVERYBODY],
      [
        'ALLOW with Layer-7 conditions never matches here',
        { action: 'ALLOW', rules: [to({ methods: ['GET'] })] },
        '',
        '',
      ],
      [
        'DENY principals',
        { action: 'DENY', rules: [from({ principals: [IDENTITY('alice')] })] },
        'bob mallory carol',
        'bob mallory carol',
      ],
      [
        'DENY notPrincipals',
        { action: 'DENY', rules: [from({ notPrincipals: [IDENTITY('alice')] })] },
        'alice',
        'alice',
      ],
      [
        'DENY namespaces',
        { action: 'DENY', rules: [from({ namespaces: ['shop'] })] },
        'mallory carol',
        'mallory carol',
      ],
      ['DENY notNamespaces', { action: 'DENY', rules: [from({ notNamespaces: ['shop'] })] }, 'alice bob', 'alice bob'],
      [
        'DENY ipBlocks',
        { action: 'DENY', rules: [from({ ipBlocks: [ip('bob'), ip('carol')] })] },
        'alice mallory',
        'alice mallory',
      ],
      ['DENY notIpBlocks', { action: 'DENY', rules: [from({ notIpBlocks: [ip('bob')] })] }, 'bob', 'bob'],
      ['DENY ports', { action: 'DENY', rules: [to({ ports: [String(HTTP_PORT)] })] }, '', EVERYBODY],
      ['DENY notPorts', { action: 'DENY', rules: [to({ notPorts: [String(HTTP_PORT)] })] }, EVERYBODY, ''],
      [
        'DENY with Layer-7 conditions alone denies nothing here',
        { action: 'DENY', rules: [to({ paths: ['/secret'] })] },
        EVERYBODY,
        EVERYBODY,
      ],
    ])('%s', async (_, spec, http, onRedis) => {
      await apply(authorization('rule', filled({ selector: { matchLabels: { app: 'web' } }, ...spec })));
      await ztunnels.holdPolicies(['shop/rule']);
      await settles(() => reached('web'), { http, redis: onRedis });
    });

    it('holds for the workloads it selects and no others', async () => {
      await apply(authorization('one', { selector: { matchLabels: { app: 'web' } }, action: 'DENY', rules: [{}] }));
      await settles(() => reached('web'), { http: '', redis: '' });
      expect(await reached('second')).toEqual({ http: EVERYBODY, redis: EVERYBODY });
    });

    it('without a selector holds for its namespace, in the root namespace for the mesh; DENY beats ALLOW', async () => {
      await apply(authorization('all', { action: 'ALLOW', rules: [from({ principals: ['*'] })] }));
      await settles(async () => (await reached('second')).http, 'alice bob mallory');
      await apply(
        authorization('mesh', { action: 'DENY', rules: [from({ principals: [IDENTITY('alice')] })] }, 'istio-system'),
      );
      await settles(async () => (await reached('web')).http, 'bob mallory');
    });

    it('a denial is logged with the policy and both identities', async () => {
      const startMs = Date.now();
      await apply(authorization('no-bob', { action: 'DENY', rules: [from({ principals: [IDENTITY('bob')] })] }));
      await until(async () => !(await reach('bob', 'web', 'http')), 'bob is refused');
      expect(await log.line({ direction: 'inbound', 'src.workload': 'bob', error: /policy/ }, startMs)).toMatchObject({
        error: expect.stringContaining('shop/no-bob') as string,
        'src.identity': `spiffe://${IDENTITY('bob')}`,
        'dst.identity': 'spiffe://cluster.local/ns/shop/sa/web',
        'dst.workload': 'web',
        'dst.namespace': 'shop',
      });
    });

    it('a live connection that a new policy forbids closes within 1 s; others go on', async () => {
      const download = (name: Client): ReturnType<ReturnType<typeof cluster>['kubectlStart']> =>
        cluster().kubectlStart([
          'exec',
          '-n',
          CLIENTS[name],
          name,
          '--',
          'sh',
          '-c',
          'curl -sSN --max-time 30 http://web.shop/big | { head -c 100000 >/dev/null; echo begun; cat >/dev/null; }; echo over',
        ]);
      const [alice, bob] = [download('alice'), download('bob')];
      await Promise.all([alice.says(/begun/), bob.says(/begun/)]);
      await apply(authorization('no-alice', { action: 'DENY', rules: [from({ principals: [IDENTITY('alice')] })] }));
      const appliedMs = performance.now();
      await alice.says(/over/);
      expect(performance.now() - appliedMs).toBeLessThan(AT_ONCE_MS);
      expect(bob.stdout).toBe('begun\n');
      await log.line({ direction: 'inbound', 'src.workload': 'alice', error: /policy change/ });
      await bob.stop();
    });
  });

  describe('PeerAuthentication', () => {
    const STRICT = { mtls: { mode: 'STRICT' } };
    const WEB = { selector: { matchLabels: { app: 'web' } } };
    const state = async (): Promise<string> => {
      const [web, second] = await Promise.all([visit('carol', 'web'), visit('carol', 'second')]);
      return [web.has('http') && 'web', second.has('http') && 'second', web.has('redis') && 'redis of web']
        .filter(Boolean)
        .join(', ');
    };
    const ALL = 'web, second, redis of web';

    it.each<[string, readonly KubeObject[], string]>([
      ['PERMISSIVE is the default', [], ALL],
      ['STRICT in the root namespace refuses plaintext everywhere', [peer('default', STRICT, 'istio-system')], ''],
      [
        'PERMISSIVE of a namespace overrides a STRICT mesh',
        [peer('default', STRICT, 'istio-system'), peer('default', { mtls: { mode: 'PERMISSIVE' } })],
        ALL,
      ],
      ['STRICT of a namespace', [peer('default', STRICT)], ''],
      ['STRICT of one workload', [peer('web', { ...WEB, ...STRICT })], 'second'],
      [
        'PERMISSIVE of one workload in a STRICT namespace',
        [peer('default', STRICT), peer('web', { ...WEB, mtls: { mode: 'PERMISSIVE' } })],
        'web, redis of web',
      ],
      [
        'STRICT with a PERMISSIVE port',
        [peer('web', { ...WEB, ...STRICT, portLevelMtls: { [REDIS_PORT]: { mode: 'PERMISSIVE' } } })],
        'second, redis of web',
      ],
      [
        'PERMISSIVE with a STRICT port',
        [peer('web', { ...WEB, mtls: { mode: 'PERMISSIVE' }, portLevelMtls: { [REDIS_PORT]: { mode: 'STRICT' } } })],
        'web, second',
      ],
    ])('%s', async (_, objects, expected) => {
      await apply(...objects);
      // A combination passes through others while its objects arrive one by one.
      await settles(state, expected);
      expect(await visit('alice', 'web')).toEqual(new Set(['http', 'redis']));
      expect(await reach('mallory', 'second', 'http')).toBe(true);
    });

    it('STRICT closes live plaintext connections within 1 s, and leaves pods with HTTP probes Ready', async () => {
      const plain = cluster().kubectlStart([
        'exec',
        '-n',
        'plain',
        'carol',
        '--',
        'sh',
        '-c',
        'curl -sSN --max-time 30 http://web.shop/big | { head -c 100000 >/dev/null; echo begun; cat >/dev/null; }; echo over',
      ]);
      await plain.says(/begun/);
      await apply(peer('default', STRICT));
      const appliedMs = performance.now();
      await plain.says(/over/);
      expect(performance.now() - appliedMs).toBeLessThan(AT_ONCE_MS);
      await cluster().apply(pod({ namespace: 'shop', name: 'fresh', node: 'node-2', containers: [nginx()] }));
      await cluster().ready('shop', ['fresh', 'web', 'second'], 20_000);
      // Three more rounds of the probe, then still Ready and never restarted.
      const unready = ['wait', '-n', 'shop', '--for=condition=Ready=False', 'pod/fresh', '--timeout=4s'];
      expect((await cluster().kubectl(unready)).stderr).toContain('timed out');
      const restarts = await cluster().kubectlOk([
        'get',
        'pods',
        '-n',
        'shop',
        '-o',
        'jsonpath={.items[*].status.containerStatuses[*].restartCount}',
      ]);
      expect(new Set(restarts.split(' '))).toEqual(new Set(['0']));
    });
  });
});
