import type { KubeObject } from '@weft/kube';
import { SERVICE_ENTRIES } from '@weft/mesh-api';
import type { HostAddress } from '@weft/mesh-model';
import { GRPC_PORT, HTTP_PORT, TCP_PORT, TLS_PORT } from '../testing/proxy/echo-pod.js';
import { HttpsEcho } from '../testing/proxy/https-echo.js';
import { istio, object, service, SHOP } from '../testing/proxy/mesh-objects.js';
import { TestAuthority } from '../testing/test-authority.js';
import { useWaypoint } from '../testing/waypoint/use-waypoint.js';

const { rig, expectAnswers } = useWaypoint();

const secretOf = (name: string, texts: Readonly<Record<string, string>>) =>
  object({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: SHOP },
    data: Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
  });

type Addressed = KubeObject & { status?: { addresses?: readonly HostAddress[] } };

let count = 0;
interface Entry {
  readonly host: string;
  readonly ip: string;
  readonly web: string;
}

/** A new host outside of the cluster, in a namespace whose services go through the waypoint. */
async function entry(resolution: string, more: object = {}, rule?: object): Promise<Entry> {
  const n = ++count;
  const name = `entry-${n}`;
  const host = `${name}.test`;
  const ip = `240.240.0.${n}`;
  const spec = {
    hosts: [resolution === 'DYNAMIC_DNS' ? `*.${host}` : host],
    ports: [
      { number: 80, name: 'http', protocol: 'HTTP', targetPort: HTTP_PORT },
      { number: 9000, name: 'tcp', protocol: 'TCP', targetPort: TCP_PORT },
      { number: 443, name: 'tls', protocol: 'TLS', targetPort: TLS_PORT },
      { number: 7070, name: 'grpc', protocol: 'GRPC', targetPort: GRPC_PORT },
    ],
    resolution,
    ...(resolution === 'DYNAMIC_DNS' ? {} : { addresses: [ip] }),
    ...more,
  };
  const { hosts } = spec;
  // Written by whoever gives addresses to entries without.
  const status = resolution === 'DYNAMIC_DNS' ? { status: { addresses: [{ value: ip, host: hosts[0] }] } } : {};
  if (rule !== undefined) await rig().apply(istio('DestinationRule', name, { host: hosts[0], ...rule }));
  await rig().apply({ ...istio('ServiceEntry', name, spec), ...status });
  return { host, ip, web: `${ip}:80` };
}

const pods = (...names: readonly string[]): readonly string[] => names.map((name) => rig().podAddress(name));
const servers = async (authority: string, times: number): Promise<readonly string[]> => {
  const seen = new Set<string>();
  for (let i = 0; i < times; i++) seen.add((await rig().ask(authority)).server);
  return [...seen].sort();
};

describe('a ServiceEntry behind a waypoint: where its endpoints are', () => {
  it('DNS: at all addresses of its host; HTTP, TCP, gRPC, and TLS that is not looked into', async () => {
    const { host, ip, web } = await entry('DNS');
    rig().names.set(host, ...pods('v1', 'v2'));
    await expectAnswers(web, [['/', { status: 200 }]]);
    await rig().settles(() => servers(web, 12), ['v1', 'v2']);
    const names = ['v1', 'v2'];
    await rig().settles(async () => names.includes((await rig().read(`${ip}:9000`)) ?? ''), true);
    await rig().settles(async () => names.includes((await rig().read(`${ip}:443`, host)) ?? ''), true);
    await rig().settles(async () => (await rig().call(`${ip}:7070`, '/test.Echo/Say')).code, 0);
  });

  it('DNS: a name that does not resolve is answered 503 and says so, and is served as soon as it does', async () => {
    const { host, ip, web } = await entry('DNS');
    await rig().settles(async () => {
      const { status, server, body } = await rig().ask(web);
      return [status, server, body];
    }, [503, '', 'no healthy upstream']);
    expect(await rig().read(`${ip}:9000`)).toBeNull();
    rig().names.set(host, ...pods('v3'));
    await expectAnswers(web, [['/', 'v3']]);
    expect(JSON.parse(await rig().page('/debug/nackz'))).toEqual({ nacks: [] });
  });

  it('DNS with endpoints: by name and by address, each at its own port, and subsets by their labels', async () => {
    const { host, web } = await entry(
      'DNS',
      {
        endpoints: [
          { address: 'eu.endpoints.test', labels: { region: 'eu' } },
          { address: rig().podAddress('v2'), labels: { region: 'us' }, ports: { http: HTTP_PORT } },
        ],
      },
      {
        subsets: [
          { name: 'eu', labels: { region: 'eu' } },
          { name: 'us', labels: { region: 'us' } },
        ],
      },
    );
    rig().names.set('eu.endpoints.test', ...pods('v1'));
    const to = (subset: string) => [{ destination: { host, subset, port: { number: 80 } } }];
    await rig().settles(() => servers(web, 12), ['v1', 'v2']);
    await rig().apply(
      istio('VirtualService', host, {
        hosts: [host],
        http: [{ match: [{ uri: { prefix: '/eu' } }], route: to('eu') }, { route: to('us') }],
      }),
    );
    await expectAnswers(web, [
      ['/eu', 'v1'],
      ['/eu', 'v1'],
      ['/', 'v2'],
      ['/', 'v2'],
    ]);
  });

  it('DNS_ROUND_ROBIN: at an address of its host', async () => {
    const { host, web } = await entry('DNS_ROUND_ROBIN');
    rig().names.set(host, ...pods('v2'));
    await expectAnswers(web, [['/', 'v2']]);
  });

  it('STATIC: at the addresses of its endpoints; with a selector at those of pods and WorkloadEntries', async () => {
    const fixed = await entry('STATIC', { endpoints: [{ address: rig().podAddress('v1') }] });
    await expectAnswers(fixed.web, [['/', 'v1']]);
    await rig().apply({
      apiVersion: 'networking.istio.io/v1',
      kind: 'WorkloadEntry',
      metadata: { name: 'machine', namespace: 'shop' },
      spec: { address: rig().podAddress('v2'), labels: { version: 'v1', app: 'echo' } },
    } as never);
    const selected = await entry('STATIC', { workloadSelector: { labels: { app: 'echo', version: 'v1' } } });
    await rig().settles(() => servers(selected.web, 12), ['v1', 'v2']);
  });

  it('without addresses: by those that the mesh gave, so that two TCP hosts on one port are told apart', async () => {
    const servers = { 'first.far': 'v1', 'second.far': 'v2' };
    for (const [host, pod] of Object.entries(servers)) {
      rig().names.set(host, ...pods(pod));
      const ports = [{ number: 9000, name: 'tcp', protocol: 'TCP', targetPort: TCP_PORT }];
      await rig().apply(istio('ServiceEntry', host, { hosts: [host], ports, resolution: 'DNS' }));
    }
    for (const [host, pod] of Object.entries(servers))
      await rig().settles(async () => {
        const found = await rig().kube.client().get<Addressed>(SERVICE_ENTRIES, SHOP, host);
        const [four, six] = found?.status?.addresses ?? [];
        return [await rig().read(`${four?.value}:9000`), await rig().read(`[${six?.value}]:9000`)];
      }, [pod, pod]);
  });

  it('NONE: at the address that the client asked for', async () => {
    const [v1 = '', v2 = ''] = pods('v1', 'v2');
    await entry('NONE', {
      addresses: [`${v1}/32`, `${v2}/32`],
      ports: [
        { number: HTTP_PORT, name: 'http', protocol: 'HTTP' },
        { number: 9100, name: 'tcp', protocol: 'TCP', targetPort: TCP_PORT },
      ],
    });
    await expectAnswers(`${v1}:${HTTP_PORT}`, [['/', 'v1']]);
    await expectAnswers(`${v2}:${HTTP_PORT}`, [['/', 'v2']]);
    await rig().settles(() => rig().read(`${v2}:9100`), 'v2');
  });

  it('DYNAMIC_DNS: at the host that the request or the handshake names; others are refused', async () => {
    const ports = [
      { number: 80, name: 'http', protocol: 'HTTP', targetPort: HTTP_PORT },
      { number: 443, name: 'tls', protocol: 'TLS', targetPort: TLS_PORT },
    ];
    const { host, ip, web } = await entry('DYNAMIC_DNS', { ports });
    rig().names.set(`one.${host}`, ...pods('v1'));
    rig().names.set(`two.${host}`, ...pods('v2'));
    rig().names.set('elsewhere.test', ...pods('v3'));
    const at = (name: string, port = HTTP_PORT) => ({ host: `${name}:${port}` });
    await expectAnswers(web, [
      [at(`one.${host}`), 'v1'],
      [at(`two.${host}`), 'v2'],
      [at('elsewhere.test'), 404],
      // The proxy reaches other ports, too, but the entry does not open them.
      [at(`one.${host}`, TCP_PORT), 404],
      [{ host: `one.${host}` }, 404],
      [at(`missing.${host}`), 503],
    ]);
    await rig().settles(() => rig().read(`${ip}:443`, `two.${host}`), 'v2');
    expect(await rig().read(`${ip}:443`, 'elsewhere.test')).toBeNull();
    expect(await rig().read(`${ip}:443`, `missing.${host}`)).toBeNull();
  });
});

describe('a ServiceEntry behind a waypoint: TLS to it', () => {
  const https: HttpsEcho[] = [];
  afterAll(() => https.forEach((one) => one.close()));

  /** An HTTPS server with a certificate of these names, known by them. */
  async function secureServer(name: string, dnsNames: readonly string[], clientRoots?: string): Promise<number> {
    const { certPem: cert, keyPem: key } = await rig().authority.issue('spiffe://cluster.local/ns/out/sa/side', {
      dnsNames,
    });
    const server = new HttpsEcho({ name, cert, key, ...(clientRoots === undefined ? {} : { clientRoots }) });
    https.push(server);
    for (const dnsName of dnsNames) rig().names.set(dnsName, rig().podAddress('v1'));
    return server.listen(rig().podAddress('v1'));
  }
  const plain = (targetPort: number) => ({ ports: [{ number: 80, name: 'http', protocol: 'HTTP', targetPort }] });
  const roots = async (): Promise<string> => rig().file('roots.pem', rig().authority.rootPem);

  it('SIMPLE: requests that come in plain text leave over TLS, to a server whose certificate has the host', async () => {
    const tls = { mode: 'SIMPLE', caCertificates: await roots() };
    const port = await secureServer('secure', [`entry-${count + 1}.test`]);
    const { host, web } = await entry('DNS', plain(port), { trafficPolicy: { tls } });
    await expectAnswers(web, [['/', { status: 200, server: 'secure', seen: { 'x-sni': host } }]]);
  });

  it('SIMPLE: a server whose certificate has another name is not spoken to', async () => {
    const tls = { mode: 'SIMPLE', caCertificates: await roots() };
    const port = await secureServer('other', ['other.test']);
    const { host, web } = await entry('DNS', plain(port), { trafficPolicy: { tls } });
    rig().names.set(host, rig().podAddress('v1'));
    await expectAnswers(web, [['/', 503]]);
    const failed = await rig().envoy.admin(`/stats?filter=${host}.*ssl.fail_verify_san`);
    expect(Number(/: (\d+)/.exec(failed)?.[1])).toBeGreaterThan(0);
  });

  it('sni, subjectAltNames: other names than the host; those of the ServiceEntry if the rule has none', async () => {
    const caCertificates = await roots();
    const port = await secureServer('named', ['named.test']);
    const byRule = await entry('DNS', plain(port), {
      trafficPolicy: { tls: { mode: 'SIMPLE', caCertificates, sni: 'asked.test', subjectAltNames: ['named.test'] } },
    });
    const byEntry = await entry(
      'DNS',
      { ...plain(port), subjectAltNames: ['named.test'] },
      { trafficPolicy: { tls: { mode: 'SIMPLE', caCertificates } } },
    );
    for (const { host } of [byRule, byEntry]) rig().names.set(host, rig().podAddress('v1'));
    await expectAnswers(byRule.web, [['/', { status: 200, server: 'named', seen: { 'x-sni': 'asked.test' } }]]);
    await expectAnswers(byEntry.web, [['/', { status: 200, server: 'named', seen: { 'x-sni': byEntry.host } }]]);
  });

  it('DYNAMIC_DNS: the host of each request is asked for, and its certificate must have it', async () => {
    const caCertificates = await roots();
    const domain = `entry-${count + 1}.test`;
    const port = await secureServer('wild', [`good.${domain}`]);
    const { host, web } = await entry('DYNAMIC_DNS', plain(port), {
      trafficPolicy: { tls: { mode: 'SIMPLE', caCertificates } },
    });
    rig().names.set(`bad.${host}`, rig().podAddress('v1'));
    await expectAnswers(web, [
      [{ host: `good.${host}:${port}` }, { status: 200, server: 'wild', seen: { 'x-sni': `good.${host}` } }],
      [{ host: `bad.${host}:${port}` }, 503],
    ]);
  });

  it('MUTUAL with files: the waypoint shows its certificate', async () => {
    const { certPem, keyPem } = await rig().authority.issue('spiffe://cluster.local/ns/shop/sa/by-file');
    const port = await secureServer('mutual', ['mutual.test'], rig().authority.rootPem);
    const { host, web } = await entry('DNS', plain(port), {
      trafficPolicy: {
        tls: {
          mode: 'MUTUAL',
          subjectAltNames: ['mutual.test'],
          caCertificates: await roots(),
          clientCertificate: await rig().file('client.pem', certPem),
          privateKey: await rig().file('client.key', keyPem),
        },
      },
    });
    rig().names.set(host, rig().podAddress('v1'));
    await rig().settles(async () => (await rig().ask(web)).echo.headers?.['x-client']?.includes('sa/by-file'), true);
  });

  it('credentialName, MUTUAL: the Secret in the namespace of the waypoint; nothing without it, and a new one is used', async () => {
    const secret = async (account: string) => {
      const { certPem, keyPem } = await rig().authority.issue(`spiffe://cluster.local/ns/shop/sa/${account}`);
      return secretOf('client', { 'tls.crt': certPem, 'tls.key': keyPem, 'ca.crt': rig().authority.rootPem });
    };
    const port = await secureServer('by-secret', ['by-secret.test'], rig().authority.rootPem);
    const { host, web } = await entry('DNS', plain(port), {
      trafficPolicy: {
        tls: { mode: 'MUTUAL', credentialName: 'client', subjectAltNames: ['by-secret.test'] },
        // Connections that stand keep the certificate that they were made with.
        connectionPool: { http: { maxRequestsPerConnection: 1 } },
      },
    });
    rig().names.set(host, rig().podAddress('v1'));
    await expectAnswers(web, [['/', 503]]);
    const shows = async (account: string): Promise<void> => {
      await rig().apply(await secret(account));
      await rig().settles(async () => (await rig().ask(web)).echo.headers?.['x-client'], expected(account));
    };
    const expected = (account: string) =>
      `URI:spiffe://cluster.local/ns/shop/sa/${account}, DNS:istiod.istio-system.svc`;
    await shows('first');
    await shows('second');
    // Another waypoint, or nobody, may have asked for it: it is told to this one alone, and not to people.
    expect(await rig().page('/debug/config_dump?waypoint=shop/wp')).not.toContain('PRIVATE KEY');
  });

  it('credentialName, SIMPLE: roots from the Secret, also from one of their own; a server of other roots is not spoken to', async () => {
    const port = await secureServer('rooted', ['rooted.test']);
    const simple = (credentialName: string) => ({
      trafficPolicy: { tls: { mode: 'SIMPLE', credentialName, subjectAltNames: ['rooted.test'] } },
    });
    const strangers = (await TestAuthority.create(Date.now())).rootPem;
    await rig().apply(
      secretOf('roots', { cacert: rig().authority.rootPem }),
      secretOf('other-roots', { 'ca.crt': strangers }),
      secretOf('own-cacert', { 'ca.crt': rig().authority.rootPem }),
      secretOf('broken', { 'ca.crt': 'no certificate' }),
    );
    for (const [credentialName, status] of [
      ['roots', 200],
      ['own', 200],
      ['other-roots', 503],
      ['broken', 503],
    ] as const) {
      const { host, web } = await entry('DNS', plain(port), simple(credentialName));
      rig().names.set(host, rig().podAddress('v1'));
      await expectAnswers(web, [['/', status]]);
    }
  });
});

describe('a ServiceEntry as destination of another service', () => {
  it('is reached by name; one that only the address of the client could tell is not reached', async () => {
    const { host } = await entry('DNS');
    rig().names.set(host, ...pods('v3'));
    const none = await entry('NONE');
    const to = (name: string) => [{ destination: { host: name, port: { number: 80 } } }];
    await rig().apply(
      service('front', '10.96.2.1', 'v1'),
      istio('VirtualService', 'front', {
        hosts: ['front'],
        http: [{ match: [{ uri: { prefix: '/none' } }], route: to(none.host) }, { route: to(host) }],
      }),
    );
    await expectAnswers('10.96.2.1:80', [
      ['/', 'v3'],
      ['/none', 500],
    ]);
  });
});
