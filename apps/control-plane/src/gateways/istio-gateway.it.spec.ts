import { askHttps, type HttpsQuestion } from '../testing/gateway/https-client.js';
import { EDGE } from '../testing/gateway/gateway-rig.js';
import { EDGE_PARENT, useGateway } from '../testing/gateway/use-gateway.js';
import { istio, object, route, SHOP } from '../testing/proxy/mesh-objects.js';
import { readStream } from '../testing/proxy/read-stream.js';

const { rig, newHost, expectAnswers, routed } = useGateway();

const SELECTOR = { 'gateway.networking.k8s.io/gateway-name': EDGE };
let ports = 8000;

const istioGateway = (name: string, servers: readonly object[], ns = SHOP) =>
  object({
    apiVersion: 'networking.istio.io/v1',
    kind: 'Gateway',
    metadata: { name, namespace: ns },
    spec: { selector: SELECTOR, servers },
  });
const server = (protocol: string, number: number, hosts: readonly string[], tls?: object) => ({
  port: { name: `${protocol.toLowerCase()}-${number}`, number, protocol },
  hosts,
  ...(tls === undefined ? {} : { tls }),
});
const to = (host: string, number = 80) => [{ destination: { host, port: { number } } }];
const secretOf = (name: string, texts: Readonly<Record<string, string>>) =>
  object({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: SHOP },
    data: Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
  });
const serverSecret = async (name: string, dnsNames: readonly string[], more: Readonly<Record<string, string>> = {}) => {
  const { certPem, keyPem } = await rig().authority.issue('spiffe://cluster.local/ns/out/sa/edge', { dnsNames });
  return secretOf(name, { 'tls.crt': certPem, 'tls.key': keyPem, ...more });
};
const clientCertificate = async () => {
  const { certPem, keyPem } = await rig().authority.issue('spiffe://cluster.local/ns/out/sa/client');
  return { cert: certPem, key: keyPem };
};
const https = (port: number, question: Omit<HttpsQuestion, 'roots'>) =>
  askHttps({ host: rig().address, port }, { roots: rig().authority.rootPem, ...question });
const conditionOf = async (name: string): Promise<string> => {
  const found = await rig().condition('networking.istio.io/v1', 'Gateway', name);
  return found === null ? '' : `${found.status} ${found.reason}: ${found.message}`;
};

describe("Istio's Gateway: HTTP", () => {
  it('opens its port for its hosts; VirtualServices that name it have the routes, in order', async () => {
    const port = ++ports;
    const [a, b, c] = [newHost(), newHost(), newHost()];
    await rig().apply(
      istioGateway('http', [server('HTTP', port, [a, `${SHOP}/${b}`, `other/${c}`, '*.wild.test'])]),
      istio('VirtualService', 'http', {
        hosts: [a, b, c, 'x.wild.test'],
        gateways: ['http'],
        http: [
          { match: [{ uri: { prefix: '/two' } }, { headers: { user: { exact: 'two' } } }], route: to('echo-v2') },
          { match: [{ uri: { exact: '/gone' } }], redirect: { authority: 'new.test', redirectCode: 302 } },
          { route: to('echo-v1') },
        ],
      }),
    );
    await expectAnswers(
      a,
      [
        ['/', 'v1'],
        ['/two', 'v2'],
        [{ headers: { user: 'two' } }, 'v2'],
        ['/gone', { status: 302, headers: { location: 'http://new.test/gone' } }],
      ],
      port,
    );
    await expectAnswers(b, [['/', 'v1']], port);
    await expectAnswers('x.wild.test', [['/', 'v1']], port);
    // Another namespace may have this host; nobody has that one.
    await expectAnswers(c, [['/', 404]], port);
    await expectAnswers('nobody.test', [['/', 404]], port);
  });

  it('match.gateways, and mesh beside a gateway: each rule where it is for', async () => {
    const [one, two] = [++ports, ++ports];
    const host = newHost();
    await rig().apply(
      istioGateway('first', [server('HTTP', one, ['*'])]),
      istioGateway('second', [server('HTTP', two, ['*'])]),
      istio('VirtualService', 'both', {
        hosts: [host],
        gateways: ['first', `${SHOP}/second`, 'mesh'],
        http: [
          { match: [{ gateways: ['mesh'] }], route: to('echo-v3') },
          { match: [{ gateways: ['second'] }], route: to('echo-v2') },
          { route: to('echo-v1') },
        ],
      }),
    );
    await expectAnswers(host, [['/', 'v1']], one);
    await expectAnswers(host, [['/', 'v2']], two);
  });

  it('exportTo: a VirtualService that the namespace of the gateway does not see has no routes there', async () => {
    const port = ++ports;
    const [seen, hidden] = [newHost(), newHost()];
    const virtual = (name: string, host: string, exportTo: readonly string[]) =>
      istio('VirtualService', name, {
        hosts: [host],
        gateways: ['exports'],
        exportTo,
        http: [{ route: to('echo-v1') }],
      });
    await rig().apply(
      istioGateway('exports', [server('HTTP', port, ['*'])]),
      virtual('hidden', hidden, ['elsewhere']),
      virtual('seen', seen, ['.']),
    );
    await expectAnswers(seen, [['/', 'v1']], port);
    await expectAnswers(hidden, [['/', 404]], port);
  });

  it('httpsRedirect: every request is sent to HTTPS', async () => {
    const port = ++ports;
    const host = newHost();
    await rig().apply(
      istioGateway('redirects', [server('HTTP', port, [host], { httpsRedirect: true })]),
      istio('VirtualService', 'redirects', {
        hosts: [host],
        gateways: ['redirects'],
        http: [{ route: to('echo-v1') }],
      }),
    );
    await expectAnswers(host, [['/a', { status: 301, headers: { location: `https://${host}/a` } }]], port);
  });

  it('shares the port of a listener of the Gateway API: hosts that its routes do not have', async () => {
    const host = newHost();
    const taken = await routed([{ backendRefs: [{ name: 'echo-v2', port: 80 }] }]);
    await rig().apply(
      istioGateway('shares', [server('HTTP', 80, ['*'])]),
      istio('VirtualService', 'shares', {
        hosts: [host, taken],
        gateways: ['shares'],
        http: [{ route: to('echo-v1') }],
      }),
    );
    await expectAnswers(host, [['/', 'v1']]);
    await expectAnswers(taken, [['/', 'v2']]);
  });
});

describe("Istio's Gateway: TLS", () => {
  const bound = (name: string, host: string, rules: object) =>
    istio('VirtualService', name, { hosts: [host], gateways: [name], ...rules });
  const web = { http: [{ route: to('echo-v1') }] };

  it('SIMPLE: by the name in the handshake; without its Secret nothing, with it at once, the others all along', async () => {
    const port = ++ports;
    const [late, early] = [newHost(), newHost()];
    await rig().apply(
      await serverSecret('early', [early]),
      istioGateway('simple', [
        server('HTTPS', port, ['*'], { mode: 'SIMPLE', credentialName: 'early' }),
        {
          ...server('HTTPS', port, [late], { mode: 'SIMPLE', credentialName: 'late' }),
          port: { name: 'late', number: port, protocol: 'HTTPS' },
        },
      ]),
      istio('VirtualService', 'simple', { hosts: [early, late], gateways: ['simple'], ...web }),
    );
    await rig().settles(() => https(port, { host: early }), 'v1');
    expect(await https(port, { host: late })).toBe('no connection');
    await rig().settles(
      () => conditionOf('simple'),
      'False Conflicted: spec.servers[1].tls: there is no Secret shop/late; create it or correct the name',
    );
    await rig().apply(await serverSecret('late', [late]));
    await rig().settles(() => https(port, { host: late }), 'v1');
    expect(await https(port, { host: early })).toBe('v1');
  });

  it('MUTUAL with the roots in -cacert: who shows no certificate of theirs is refused; OPTIONAL_MUTUAL lets go without', async () => {
    const port = ++ports;
    const [strict, lax] = [newHost(), newHost()];
    const { rootPem } = rig().authority;
    await rig().apply(
      await serverSecret('strict', [strict]),
      secretOf('strict-cacert', { 'ca.crt': rootPem }),
      await serverSecret('lax', [lax], { 'ca.crt': rootPem }),
      istioGateway('mutual', [
        server('HTTPS', port, [strict], { mode: 'MUTUAL', credentialName: 'strict' }),
        {
          ...server('HTTPS', port, [lax], { mode: 'OPTIONAL_MUTUAL', credentialName: 'lax' }),
          port: { name: 'lax', number: port, protocol: 'HTTPS' },
        },
      ]),
      istio('VirtualService', 'mutual', { hosts: [strict, lax], gateways: ['mutual'], ...web }),
    );
    const mine = await clientCertificate();
    await rig().settles(() => https(port, { host: strict, ...mine }), 'v1');
    expect(await https(port, { host: strict })).toBe('no connection');
    expect(await https(port, { host: lax })).toBe('v1');
    expect(await https(port, { host: lax, ...mine })).toBe('v1');
  });

  it('nobody gets around the certificate by the name of another server: 421', async () => {
    const port = ++ports;
    const [domain, strict] = ['fronted.test', 'strict.fronted.test'];
    await rig().apply(
      await serverSecret('fronted', [`any.${domain}`, strict], { 'ca.crt': rig().authority.rootPem }),
      istioGateway('fronted', [
        server('HTTPS', port, [`*.${domain}`], { mode: 'SIMPLE', credentialName: 'fronted' }),
        {
          ...server('HTTPS', port, [strict], { mode: 'MUTUAL', credentialName: 'fronted' }),
          port: { name: 'strict', number: port, protocol: 'HTTPS' },
        },
      ]),
      istio('VirtualService', 'fronted', { hosts: [`*.${domain}`], gateways: ['fronted'], ...web }),
      istio('VirtualService', 'fronted-strict', { hosts: [strict], gateways: ['fronted'], ...web }),
    );
    await rig().settles(() => https(port, { host: `any.${domain}` }), 'v1');
    await rig().settles(() => https(port, { host: `any.${domain}`, authority: strict }), '421');
    expect(await https(port, { host: strict })).toBe('no connection');
    expect(await https(port, { host: strict, ...(await clientCertificate()) })).toBe('v1');
  });

  it('subjectAltNames: of clients with a good certificate only these', async () => {
    const port = ++ports;
    const host = newHost();
    const named = (name: string) => ({
      ...server('HTTPS', port, [host], { mode: 'MUTUAL', credentialName: 'named', subjectAltNames: [name] }),
    });
    await rig().apply(
      await serverSecret('named', [host], { 'ca.crt': rig().authority.rootPem }),
      istioGateway('named', [named('spiffe://cluster.local/ns/out/sa/client')]),
      bound('named', host, web),
    );
    const mine = await clientCertificate();
    await rig().settles(() => https(port, { host, ...mine }), 'v1');
    await rig().apply(istioGateway('named', [named('spiffe://cluster.local/ns/out/sa/other')]));
    await rig().settles(() => https(port, { host, ...mine }), 'no connection');
  });

  it('ISTIO_MUTUAL: by the certificates of the mesh', async () => {
    const port = ++ports;
    const host = newHost();
    await rig().apply(
      istioGateway('meshed', [server('HTTPS', port, [host], { mode: 'ISTIO_MUTUAL' })]),
      bound('meshed', host, web),
    );
    const mine = await clientCertificate();
    const known = { host: 'istiod.istio-system.svc' };
    await rig().apply(istioGateway('meshed', [server('HTTPS', port, ['*'], { mode: 'ISTIO_MUTUAL' })]));
    // The gateway's own certificate has that one name.
    await rig().settles(() => https(port, { ...known, ...mine }), '404');
    expect(await https(port, known)).toBe('no connection');
  });

  it('minProtocolVersion and cipherSuites: older clients, and other ciphers, are refused', async () => {
    const port = ++ports;
    const [modern, picky] = [newHost(), newHost()];
    await rig().apply(
      await serverSecret('versions', [modern, picky]),
      istioGateway('versions', [
        server('HTTPS', port, [modern], { mode: 'SIMPLE', credentialName: 'versions', minProtocolVersion: 'TLSV1_3' }),
        {
          ...server('HTTPS', port, [picky], {
            mode: 'SIMPLE',
            credentialName: 'versions',
            maxProtocolVersion: 'TLSV1_2',
            cipherSuites: ['ECDHE-ECDSA-AES256-GCM-SHA384', 'DES-CBC3-SHA', 'AES128-SHA', 'NO-SUCH-CIPHER'],
          }),
          port: { name: 'picky', number: port, protocol: 'HTTPS' },
        },
      ]),
      istio('VirtualService', 'versions', { hosts: [modern, picky], gateways: ['versions'], ...web }),
    );
    await rig().settles(() => https(port, { host: modern }), 'v1');
    expect(await https(port, { host: modern, maxVersion: 'TLSv1.2' })).toBe('no connection');
    expect(await https(port, { host: picky, ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' })).toBe('v1');
    expect(await https(port, { host: picky, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })).toBe('no connection');
  });

  it('PASSTHROUGH: by the name in the handshake, which the server answers itself; TLS that ends here for TCP', async () => {
    const [through, ended] = [++ports, ++ports];
    const [host, other] = [newHost(), newHost()];
    await rig().apply(
      await serverSecret('ended', [host]),
      istioGateway('through', [server('TLS', through, [host], { mode: 'PASSTHROUGH' })]),
      bound('through', host, { tls: [{ match: [{ sniHosts: [host] }], route: to('echo-v2', 443) }] }),
      istioGateway('ended', [server('TLS', ended, [host], { mode: 'SIMPLE', credentialName: 'ended' })]),
      bound('ended', host, { tcp: [{ route: to('echo-v3', 9000) }] }),
    );
    const read = (port: number, name: string) => readStream({ host: rig().address, port }, name);
    await rig().settles(() => read(through, host), 'v2');
    expect(await read(through, other)).toBeNull();
    await rig().settles(() => read(ended, host), 'v3');
    expect(await read(ended, other)).toBeNull();
  });

  it('TCP: the first rule that applies has the connections', async () => {
    const port = ++ports;
    await rig().apply(
      istioGateway('plain', [server('TCP', port, ['*'])]),
      istio('VirtualService', 'plain', {
        hosts: ['plain.test'],
        gateways: ['plain'],
        tcp: [
          { match: [{ port: 1 }], route: to('echo-v1', 9000) },
          { match: [{ port }], route: to('echo-v2', 9000) },
        ],
      }),
    );
    await rig().settles(() => readStream({ host: rig().address, port }), 'v2');
  });
});

describe("Istio's Gateway: what is wrong is said, and stops nothing else", () => {
  it('conflicts of ports and of names, modes and binds that are not supported', async () => {
    const port = ++ports;
    const host = newHost();
    await rig().apply(
      await serverSecret('good', [host]),
      istioGateway('good', [server('HTTPS', port, [host], { mode: 'SIMPLE', credentialName: 'good' })]),
      istio('VirtualService', 'good', { hosts: [host], gateways: ['good'], http: [{ route: to('echo-v1') }] }),
    );
    await rig().settles(() => https(port, { host }), 'v1');
    const bad: readonly [string, object, string][] = [
      [
        'bad-port',
        server('TCP', port, ['*']),
        `spec.servers[0].port: ${port} already serves TLS for Gateway shop/good; use another port`,
      ],
      [
        'bad-name',
        server('HTTPS', port, [host], { mode: 'SIMPLE', credentialName: 'good' }),
        `spec.servers[0].hosts: ${host} already belongs to Gateway shop/good on port ${port}; use another host`,
      ],
      [
        'bad-mode',
        server('TLS', ++ports, ['*'], { mode: 'AUTO_PASSTHROUGH' }),
        'spec.servers[0].tls.mode: AUTO_PASSTHROUGH is not supported; use PASSTHROUGH with the names of the services',
      ],
      [
        'bad-bind',
        { ...server('HTTP', ++ports, ['*']), bind: '192.0.2.1' },
        'spec.servers[0].bind: 192.0.2.1 is not supported; remove it: the gateway listens on every address',
      ],
    ];
    for (const [name, one, message] of bad) {
      await rig().apply(istioGateway(name, [one]));
      await rig().settles(() => conditionOf(name), `False Conflicted: ${message}`);
    }
    expect(await https(port, { host })).toBe('v1');
    expect(JSON.parse(await rig().page('/debug/nackz'))).toEqual({ nacks: [] });
  });
});

describe('a ServiceEntry behind a gateway', () => {
  it('is reached by its name, from an HTTPRoute and from a VirtualService', async () => {
    const port = ++ports;
    const [api, own] = ['api.outside.test', newHost()];
    rig().names.set(api, rig().podAddress('v2'));
    await rig().apply(
      istio('ServiceEntry', 'api', {
        hosts: [api],
        ports: [{ number: 80, name: 'http', protocol: 'HTTP', targetPort: 8080 }],
        resolution: 'DNS',
      }),
      istioGateway('outside', [server('HTTP', port, ['*'])]),
      istio('VirtualService', 'outside', { hosts: [own], gateways: ['outside'], http: [{ route: to(api) }] }),
      route('HTTPRoute', 'outside', EDGE_PARENT, {
        hostnames: [own],
        rules: [{ backendRefs: [{ group: 'networking.istio.io', kind: 'Hostname', name: api, port: 80 }] }],
      }),
    );
    await expectAnswers(own, [['/', 'v2']], port);
    await expectAnswers(own, [['/', 'v2']]);
  });
});
