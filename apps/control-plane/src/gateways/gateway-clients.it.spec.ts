import { EDGE, ingressGateway, WEB_PORT, webListener } from '../testing/gateway/gateway-rig.js';
import { useGateway } from '../testing/gateway/use-gateway.js';
import { certificateSecret, rootsMap } from '../testing/proxy/certificate-objects.js';
import { object, SHOP } from '../testing/proxy/mesh-objects.js';
import type { Identity } from '../testing/proxy/secret-server.js';
import { TestAuthority } from '../testing/test-authority.js';

const { rig, routed, expectAnswers } = useGateway();
const EVERYBODY = 'spiffe://cluster.local/ns/shop/sa/admin';
const [HTTPS, PER_PORT] = [443, 8443];

const secure = (port: number) => ({
  name: `https-${port}`,
  port,
  protocol: 'HTTPS',
  tls: { certificateRefs: [{ name: 'server' }] },
  allowedRoutes: { namespaces: { from: 'All' } },
});
const listeners = [webListener('web', WEB_PORT), secure(HTTPS), secure(PER_PORT)];
const validation = (name: string, more: object = {}) => ({
  validation: { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name }], ...more },
});

interface Clients {
  readonly first: Identity;
  readonly second: Identity;
}

/** Two kinds of clients, of an authority each: `roots-1` is for the first, `roots-2` for the second. */
async function prepared(): Promise<Clients> {
  const [one, two] = await Promise.all([TestAuthority.create(Date.now()), TestAuthority.create(Date.now())]);
  const server = await rig().authority.issue('spiffe://cluster.local/ns/shop/sa/edge', {
    dnsNames: ['server.example'],
  });
  await rig().apply(
    certificateSecret('server', server),
    rootsMap('roots-1', one.rootPem),
    rootsMap('roots-2', two.rootPem),
  );
  return { first: await one.issue(EVERYBODY), second: await two.issue(EVERYBODY) };
}

const route = () => routed([{ backendRefs: [{ name: 'echo-v1', port: 80 }] }]);
const gateway = (frontend: object) => ingressGateway(EDGE, listeners, { tls: { frontend } });
const expects = (host: string, port: number, client: Identity | undefined, expected: number | 'refused') =>
  rig().settles(() => rig().askSecurely(port, host, client), expected);

/** By the names of the conformance suite, with the real Envoy. */
describe('certificates of clients', () => {
  it('GatewayFrontendClientCertificateValidation: by the default, and by what a port has of its own', async () => {
    const { first, second } = await prepared();
    const host = await route();
    await rig().apply(
      gateway({ default: validation('roots-1'), perPort: [{ port: PER_PORT, tls: validation('roots-2') }] }),
    );
    await expects(host, HTTPS, first, 200);
    await expects(host, HTTPS, second, 'refused');
    await expects(host, HTTPS, undefined, 'refused');
    await expects(host, PER_PORT, second, 200);
    await expects(host, PER_PORT, first, 'refused');
    await expectAnswers(host, [['/', 'v1']]);
  });

  it('GatewayFrontendClientCertificateValidationInsecureFallback: everybody is let in, and is nobody', async () => {
    const { first, second } = await prepared();
    const host = await route();
    await rig().apply(gateway({ default: validation('roots-1', { mode: 'AllowInsecureFallback' }) }));
    for (const client of [first, second, undefined]) await expects(host, HTTPS, client, 200);
    const policy = object({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'admins', namespace: SHOP },
      spec: {
        targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: EDGE }],
        rules: [{ from: [{ source: { principals: ['cluster.local/ns/shop/sa/admin'] } }] }],
      },
    });
    await rig().apply(policy);
    for (const client of [first, second, undefined]) await expects(host, HTTPS, client, 403);
    await rig().remove(policy);
    await expects(host, HTTPS, first, 200);
  });

  it('GatewayFrontendInvalidDefaultClientCertificateValidation: listeners for HTTPS are closed, others are not', async () => {
    const { first } = await prepared();
    const host = await route();
    await rig().apply(gateway({ default: validation('roots-1') }));
    await expects(host, HTTPS, first, 200);
    await rig().apply(gateway({ default: validation('nowhere'), perPort: [{ port: PER_PORT, tls: {} }] }));
    await expects(host, HTTPS, first, 'refused');
    await expects(host, HTTPS, undefined, 'refused');
    await expects(host, PER_PORT, undefined, 200);
    await expectAnswers(host, [['/', 'v1']]);
  });
});
