import { EDGE, ingressGateway, WEB_PORT, webListener } from '../testing/gateway/gateway-rig.js';
import { EDGE_PARENT, useGateway } from '../testing/gateway/use-gateway.js';
import { certificateSecret } from '../testing/proxy/certificate-objects.js';
import { GRPC_PORT, HTTP_PORT } from '../testing/proxy/echo-pod.js';
import { route, service } from '../testing/proxy/mesh-objects.js';

const { rig, newHost, routed } = useGateway();
const HTTPS = 443;

const secure = (name: string, hostname?: string) => ({
  name,
  port: HTTPS,
  protocol: 'HTTPS',
  ...(hostname === undefined ? {} : { hostname }),
  tls: { certificateRefs: [{ name: 'server' }] },
});
const listeners = [
  webListener('web', WEB_PORT),
  secure('any'),
  secure('second', 'second.test'),
  secure('wild', '*.wild.test'),
  secure('fourth', 'fourth.wild.test'),
];
const to = (sectionName: string, backend: string, more: object = {}) =>
  route(
    'HTTPRoute',
    `to-${sectionName}`,
    { ...EDGE_PARENT, sectionName },
    {
      rules: [{ backendRefs: [{ name: backend, port: 80 }] }],
      ...more,
    },
  );

/** By the names of the conformance suite, with the real Envoy and clients that speak HTTP/2. */
describe('listeners for HTTPS', () => {
  beforeAll(async () => {
    const server = await rig().authority.issue('spiffe://cluster.local/ns/shop/sa/edge', { dnsNames: ['first.test'] });
    await rig().apply(
      certificateSecret('server', server),
      ingressGateway(EDGE, listeners),
      to('any', 'echo-v1', { hostnames: ['first.test'] }),
      to('second', 'echo-v2'),
      to('wild', 'echo-v3'),
      to('fourth', 'echo-v1'),
    );
  });

  const asks = (serverName: string, host: string, expected: string) =>
    rig().settles(() => rig().askHttp2(HTTPS, { serverName, host }), expected);

  it.each([
    ['first.test', 'first.test', 'v1'],
    ['first.test', 'second.test', '421'],
    ['first.test', 'nobody.test', '404'],
    ['second.test', 'second.test', 'v2'],
    ['second.test', 'first.test', '421'],
    ['second.test', 'nobody.test', '421'],
    ['third.wild.test', 'third.wild.test', 'v3'],
    ['third.wild.test', 'fifth.wild.test', 'v3'],
    ['third.wild.test', 'fourth.wild.test', '421'],
    ['third.wild.test', 'second.test', '421'],
    ['third.wild.test', 'nobody.test', '421'],
    ['fourth.wild.test', 'fourth.wild.test', 'v1'],
    ['fourth.wild.test', 'fifth.wild.test', '421'],
    ['nobody.test', 'first.test', 'v1'],
    ['nobody.test', 'nobody.test', '404'],
  ])(
    'HTTPRouteHTTPSListenerDetectMisdirectedRequests: on a connection to %s, a request for %s: %s',
    (serverName, host, expected) => asks(serverName, host, expected),
  );

  it('a port that declares no protocol is spoken to in HTTP/1.1, though the client speaks HTTP/2', async () => {
    const host = newHost();
    await rig().apply(
      service('undeclared', '10.96.7.1', 'v2', { ports: [{ name: 'web', port: 80, targetPort: HTTP_PORT }] }),
      route(
        'HTTPRoute',
        host,
        { ...EDGE_PARENT, sectionName: 'any' },
        {
          hostnames: [host],
          rules: [{ backendRefs: [{ name: 'undeclared', port: 80 }] }],
        },
      ),
    );
    await asks(host, host, 'v2');
  });

  it('a port that declares no protocol is spoken to in HTTP/2 where a GRPCRoute sends to it', async () => {
    await rig().apply(
      service('calls', '10.96.7.2', 'v3', { ports: [{ name: 'calls', port: 7070, targetPort: GRPC_PORT }] }),
    );
    const host = await routed([{ backendRefs: [{ name: 'calls', port: 7070 }] }], 'GRPCRoute');
    await rig().settles(async () => (await rig().call(host, '/test.Echo/Say')).server, 'v3');
  });
});
