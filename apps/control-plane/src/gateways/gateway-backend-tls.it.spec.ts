import type { Condition, KubeObject } from '@weft/kube';
import { BACKEND_TLS_POLICIES } from '@weft/mesh-api';
import { EDGE, ingressGateway, WEB_PORT, webListener } from '../testing/gateway/gateway-rig.js';
import { EDGE_PARENT, useGateway } from '../testing/gateway/use-gateway.js';
import { backendTlsPolicy, certificateSecret, rootsMap } from '../testing/proxy/certificate-objects.js';
import { object, route, service, SHOP } from '../testing/proxy/mesh-objects.js';
import { TestAuthority } from '../testing/test-authority.js';

const { rig, newHost, routed, expectAnswers } = useGateway();
const SPIFFE_ID = 'spiffe://cluster.local/ns/shop/sa/echo';
let addresses = 0;

/** A Service of pod `v1`, with policies for it; and a host of the gateway that leads to its port. */
async function secured(
  name: string,
  policies: readonly KubeObject[],
  { port = 8443, kind = 'HTTPRoute' }: { readonly port?: number; readonly kind?: 'HTTPRoute' | 'GRPCRoute' } = {},
): Promise<string> {
  await rig().apply(
    rootsMap('roots', rig().authority.rootPem),
    service(name, `10.96.9.${++addresses}`, 'v1'),
    ...policies,
  );
  return routed([{ backendRefs: [{ name, port }] }], kind);
}

type Policy = KubeObject & {
  status?: { ancestors?: readonly { ancestorRef: { name: string }; conditions: readonly Condition[] }[] };
};

/** `<type> <status> <reason>` at the Gateway. */
async function conditions(name: string): Promise<string> {
  const policy = await rig().kube.client().get<Policy>(BACKEND_TLS_POLICIES, SHOP, name);
  const entry = policy?.status?.ancestors?.find(({ ancestorRef }) => ancestorRef.name === EDGE);
  return (entry?.conditions ?? []).map(({ type, status, reason }) => `${type} ${status} ${reason ?? ''}`).join(', ');
}

const becomes = (name: string, expected: string) => rig().settles(() => conditions(name), expected);
const GOOD = 'Accepted True Accepted, ResolvedRefs True ResolvedRefs';
const at = (sni: string, client = '') => ({ status: 200, server: 'v1', tls: { sni, client } });

/** By the names of the conformance suite, with the real Envoy. */
describe('BackendTLSPolicy', () => {
  it('BackendTLSPolicy: the name and the roots are verified, and the roots are followed', async () => {
    const stranger = await TestAuthority.create(Date.now());
    await rig().apply(rootsMap('stranger', stranger.rootPem));
    const ref = (name: string) => ({ caCertificateRefs: [{ group: '', kind: 'ConfigMap', name }] });
    const good = await secured('tls-good', [backendTlsPolicy('good', { name: 'tls-good', sectionName: 'secure' })]);
    const host = await secured('tls-host', [
      backendTlsPolicy('host', { name: 'tls-host' }, { hostname: 'mismatch.example.com' }),
    ]);
    const roots = await secured('tls-roots', [backendTlsPolicy('of-stranger', { name: 'tls-roots' }, ref('stranger'))]);
    await expectAnswers(good, [['/', at('abc.example.com')]]);
    await expectAnswers(host, [['/', 503]]);
    await expectAnswers(roots, [['/', 503]]);
    for (const name of ['good', 'host', 'of-stranger']) await becomes(name, GOOD);
    await rig().apply(rootsMap('stranger', rig().authority.rootPem));
    await expectAnswers(roots, [['/', at('abc.example.com')]]);
    await rig().apply(rootsMap('stranger', ''));
    await becomes('of-stranger', 'Accepted False NoValidCACertificate, ResolvedRefs False InvalidCACertificateRef');
    await expectAnswers(roots, [['/', 503]]);
    await rig().apply(rootsMap('stranger', rig().authority.rootPem));
    await becomes('of-stranger', GOOD);
    await expectAnswers(roots, [['/', at('abc.example.com')]]);
  });

  it('BackendTLSPolicyConflictResolution: the oldest for a target is in force, one for a port goes before one for all', async () => {
    const of = (name: string, target: { name: string; sectionName?: string }, hostname: string) =>
      backendTlsPolicy(name, target, { hostname });
    const whole = await secured('tls-twice', [
      of('whole-1', { name: 'tls-twice' }, 'other.example.com'),
      of('whole-2', { name: 'tls-twice' }, 'abc.example.com'),
    ]);
    const port = await secured('tls-port-twice', [
      of('port-1', { name: 'tls-port-twice', sectionName: 'secure' }, 'other.example.com'),
      of('port-2', { name: 'tls-port-twice', sectionName: 'secure' }, 'abc.example.com'),
    ]);
    const both = [
      of('general', { name: 'tls-both' }, 'abc.example.com'),
      of('of-port', { name: 'tls-both', sectionName: 'secure' }, 'other.example.com'),
    ];
    const ofPort = await secured('tls-both', both);
    const general = await routed([{ backendRefs: [{ name: 'tls-both', port: 9443 }] }]);
    for (const host of [whole, port, ofPort]) await expectAnswers(host, [['/', at('other.example.com')]]);
    await expectAnswers(general, [['/', at('abc.example.com')]]);
    for (const name of ['whole-1', 'port-1', 'general', 'of-port']) await becomes(name, GOOD);
    for (const name of ['whole-2', 'port-2'])
      await becomes(name, 'Accepted False Conflicted, ResolvedRefs True ResolvedRefs');
  });

  it.each([
    [
      'BackendTLSPolicyInvalidCACertificateRef: there is none',
      'none',
      { name: 'nonexistent' },
      'InvalidCACertificateRef',
    ],
    [
      'BackendTLSPolicyInvalidCACertificateRef: it is malformed',
      'malformed',
      { name: 'malformed' },
      'InvalidCACertificateRef',
    ],
    ['BackendTLSPolicyInvalidKind', 'kind', { group: 'invalid.io', kind: 'InvalidKind', name: 'x' }, 'InvalidKind'],
  ])('%s', async (_what, name, reference, reason) => {
    const caCertificateRefs = [{ group: '', kind: 'ConfigMap', ...reference }];
    await rig().apply(
      object({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'malformed', namespace: SHOP } }),
    );
    const host = await secured(`tls-${name}`, [backendTlsPolicy(name, { name: `tls-${name}` }, { caCertificateRefs })]);
    await becomes(name, `Accepted False NoValidCACertificate, ResolvedRefs False ${reason}`);
    await expectAnswers(host, [['/', 503]]);
  });

  it('of several references those that lead to roots are used, and the others told', async () => {
    const caCertificateRefs = ['nowhere', 'roots'].map((name) => ({ group: '', kind: 'ConfigMap', name }));
    const host = await secured('tls-some', [backendTlsPolicy('some', { name: 'tls-some' }, { caCertificateRefs })]);
    await expectAnswers(host, [['/', at('abc.example.com')]]);
    await becomes('some', 'Accepted True Accepted, ResolvedRefs False InvalidCACertificateRef');
  });

  it('wellKnownCACertificates: those of the system know nothing of the servers here, and others are not known', async () => {
    const known = (wellKnownCACertificates: string) => ({ caCertificateRefs: [], wellKnownCACertificates });
    const system = await secured('tls-system', [backendTlsPolicy('system', { name: 'tls-system' }, known('System'))]);
    const other = await secured('tls-other', [
      backendTlsPolicy('other', { name: 'tls-other' }, known('acme.org/ours')),
    ]);
    await expectAnswers(system, [['/', 503]]);
    await expectAnswers(other, [['/', 503]]);
    await becomes('system', GOOD);
    await becomes('other', 'Accepted False Invalid, ResolvedRefs True ResolvedRefs');
  });

  it('BackendTLSPolicyObservedGenerationBump', async () => {
    await secured('tls-bump', [backendTlsPolicy('bump', { name: 'tls-bump' })]);
    const observed = async () => {
      const policy = await rig().kube.client().get<Policy>(BACKEND_TLS_POLICIES, SHOP, 'bump');
      const all = policy?.status?.ancestors?.flatMap((one) => one.conditions) ?? [];
      return [...new Set(all.map(({ observedGeneration }) => observedGeneration))].join();
    };
    await rig().settles(observed, '1');
    await rig().apply(backendTlsPolicy('bump', { name: 'tls-bump' }, { hostname: 'foo.example.com' }));
    await rig().settles(observed, '2');
  });

  it('BackendTLSPolicySANValidation: one of the names is enough, and the hostname is not one of them', async () => {
    const dns = (hostname: string) => ({ type: 'Hostname', hostname });
    const uri = (value: string) => ({ type: 'URI', uri: value });
    const cases: readonly (readonly [string, readonly object[], number])[] = [
      ['dns', [dns('other.example.com')], 200],
      ['dns-mismatch', [dns('mismatch.example.com')], 503],
      ['wildcard', [dns('*.example.com')], 200],
      ['uri', [uri(SPIFFE_ID)], 200],
      ['uri-mismatch', [uri('spiffe://cluster.local/ns/shop/sa/other')], 503],
      ['several', [dns('mismatch.example.com'), uri(SPIFFE_ID)], 200],
      ['several-mismatch', [dns('mismatch.example.com'), uri('spiffe://abc.example.com/x')], 503],
    ];
    for (const [name, subjectAltNames, status] of cases) {
      const policy = backendTlsPolicy(`san-${name}`, { name: `tls-san-${name}` }, { subjectAltNames });
      const host = await secured(`tls-san-${name}`, [policy]);
      await becomes(`san-${name}`, GOOD);
      await expectAnswers(host, [['/', status]]);
    }
  });

  it('BackendTLSPolicyGRPCRoute', async () => {
    const policy = (name: string, hostname?: string) => [
      backendTlsPolicy(name, { name }, hostname === undefined ? {} : { hostname }),
    ];
    const grpc = { port: 7443, kind: 'GRPCRoute' } as const;
    const good = await secured('grpc-good', policy('grpc-good'), grpc);
    const mismatch = await secured('grpc-host', policy('grpc-host', 'mismatch.example.com'), grpc);
    await rig().settles(async () => (await rig().call(good, '/test.Echo/Say')).server, 'v1');
    const unavailable = 14;
    await rig().settles(async () => (await rig().call(mismatch, '/test.Echo/Say')).code, unavailable);
  });
});

describe('listeners with TLS, and BackendTLSPolicy', () => {
  const web = webListener('web', WEB_PORT);
  const tls = (more: object) => ({ name: 'tls', port: 8443, protocol: 'TLS', ...more });
  afterEach(() => rig().apply(ingressGateway(EDGE, [web])));

  it('BackendTLSPolicyTLSRouteTerminate: what came encrypted goes on encrypted anew', async () => {
    const identity = await rig().authority.issue(SPIFFE_ID, { dnsNames: ['terminated.example.com'] });
    await rig().apply(
      certificateSecret('terminated', identity),
      ingressGateway(EDGE, [web, tls({ tls: { mode: 'Terminate', certificateRefs: [{ name: 'terminated' }] } })]),
      route('TLSRoute', 'terminated', EDGE_PARENT, {
        hostnames: ['terminated.example.com'],
        rules: [{ backendRefs: [{ name: 'tls-stream', port: 443 }] }],
      }),
    );
    await secured('tls-stream', [backendTlsPolicy('stream', { name: 'tls-stream' })]);
    await rig().settles(() => rig().read(8443, 'terminated.example.com'), 'v1');
    await becomes('stream', GOOD);
    await rig().apply(backendTlsPolicy('stream', { name: 'tls-stream' }, { hostname: 'mismatch.example.com' }));
    await rig().settles(() => rig().read(8443, 'terminated.example.com'), null);
  });

  it('what is passed through is the client’s, and is not encrypted once more', async () => {
    await secured('tls-passed', [backendTlsPolicy('passed', { name: 'tls-passed' })]);
    const host = newHost();
    await rig().apply(
      ingressGateway(EDGE, [web, tls({ tls: { mode: 'Passthrough' } })]),
      route('TLSRoute', 'passed', EDGE_PARENT, {
        hostnames: [host],
        rules: [{ backendRefs: [{ name: 'tls-passed', port: 443 }] }],
      }),
    );
    await rig().settles(() => rig().read(8443, host), 'v1');
  });
});

describe('certificates that a Gateway shows', () => {
  it('GatewayTLSBackendClientCertificate: shown where a BackendTLSPolicy asks for TLS', async () => {
    const shown = 'spiffe://cluster.local/ns/shop/sa/edge-client';
    await rig().apply(
      certificateSecret('shown', await rig().authority.issue(shown, { dnsNames: ['edge.example.com'] })),
    );
    const host = await secured('tls-client', [backendTlsPolicy('client', { name: 'tls-client' })]);
    const web = webListener('web', WEB_PORT);
    await expectAnswers(host, [['/', at('abc.example.com')]]);
    const tls = { backend: { clientCertificateRef: { name: 'shown' } } };
    await rig().apply(ingressGateway(EDGE, [web], { tls }));
    await expectAnswers(host, [['/', at('abc.example.com', `URI:${shown}, DNS:edge.example.com`)]]);
    await rig().apply(ingressGateway(EDGE, [web]));
    await expectAnswers(host, [['/', at('abc.example.com')]]);
  });
});
