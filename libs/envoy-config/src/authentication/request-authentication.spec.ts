import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { MeshModel } from '@weft/mesh-model';
import { TokenIssuer } from '@weft/testing-fixtures';
import { attached } from '../testing/custom-mesh.js';
import { loadMesh } from '../testing/load-mesh.js';
import { WaypointEnvoy } from '../testing/waypoint-envoy.js';
import { jwksSources } from './jwks-sources.js';

const alice = new TokenIssuer('https://alice.example.com/');
const bob = new TokenIssuer('bob');
const rotated = new TokenIssuer(alice.name, 'k2');
/** Has signed nothing. */
const nobody = new TokenIssuer('nobody');

const own = { issuer: alice.name, jwks: alice.jwks };
const KEYS_URL = 'https://alice.example.com/keys';

/** One service for each; by its name. */
const RULES: Readonly<Record<string, readonly object[]>> = {
  plain: [own],
  headers: [{ ...own, fromHeaders: [{ name: 'x-token', prefix: 'Token ' }, { name: 'x-bare' }] }],
  params: [{ ...own, fromParams: ['token'] }],
  cookies: [{ ...own, fromCookies: ['session'] }],
  payload: [{ ...own, outputPayloadToHeader: 'x-payload' }],
  claims: [
    {
      ...own,
      outputClaimToHeaders: [
        { header: 'x-sub', claim: 'sub' },
        { header: 'x-level', claim: 'nested.level' },
      ],
    },
  ],
  forwarded: [{ ...own, forwardOriginalToken: true }],
  audiences: [{ ...own, audiences: ['web', 'shop'] }],
  issuers: [own, { issuer: bob.name, jwks: bob.jwks }],
  fetched: [{ issuer: alice.name, jwksUri: KEYS_URL, timeout: '9s' }],
  unfetched: [{ issuer: alice.name, jwksUri: 'https://alice.example.com/gone' }],
  discovered: [{ issuer: alice.name }],
  routed: [{ ...own, spaceDelimitedClaims: ['roles'] }],
};
const NAMES = Object.keys(RULES);
const addressOf = (name: string): string => `10.96.1.${NAMES.indexOf(name) + 1}`;
const hostOf = (name: string): string => `${name}.shop.svc.cluster.local`;

const service = (name: string): object => ({
  kind: 'Service',
  metadata: { name, namespace: 'shop' },
  spec: { clusterIP: addressOf(name), ports: [{ name: 'http', port: 80 }] },
});
const authentication = (name: string): object => ({
  kind: 'RequestAuthentication',
  metadata: { name, namespace: 'shop' },
  spec: { targetRefs: [{ group: '', kind: 'Service', name }], jwtRules: RULES[name] },
});

const claimRoute = (name: string, headers: object, withoutHeaders: object = {}) => ({
  match: [{ headers, withoutHeaders }],
  directResponse: { status: 200, body: { string: name } },
});
const routes = {
  kind: 'VirtualService',
  metadata: { name: 'routed', namespace: 'shop' },
  spec: {
    hosts: [hostOf('routed')],
    gateways: ['mesh'],
    http: [
      claimRoute('group', { '@request.auth.claims.group': { exact: 'admin' } }),
      claimRoute('nested', { '@request.auth.claims[nested][level]': { prefix: 'hi' } }),
      claimRoute('role', { '@request.auth.claims.roles': { exact: 'editor' } }),
      claimRoute('scope', { '@request.auth.claims.scope': { exact: 'write' } }),
      claimRoute('without', {}, { '@request.auth.claims.sub': { exact: 'me' } }),
      { directResponse: { status: 200, body: { string: 'rest' } } },
    ],
  },
};

function mesh(keys: string | null = alice.jwks): MeshModel {
  const model = loadMesh([...attached().slice(0, 2), ...NAMES.map(service), ...NAMES.map(authentication), routes]);
  if (keys !== null) {
    model.sources.jwks.set(KEYS_URL, keys);
    model.sources.jwks.set('https://alice.example.com/.well-known/openid-configuration', keys);
  }
  return model;
}

describe('a RequestAuthentication, by a real Envoy', () => {
  let web: Server;
  let envoy: WaypointEnvoy;

  const start = (model: MeshModel): Promise<WaypointEnvoy> => {
    const { port } = web.address() as AddressInfo;
    return WaypointEnvoy.start(
      model,
      Object.fromEntries(NAMES.map((name) => [`${hostOf(name)}:80`, port])),
      nobody.jwks,
    );
  };
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  /** What the service was sent, or the status of the refusal. */
  async function sent(name: string, headers: Record<string, string>, path = '/', at = envoy) {
    const { status, body } = await at.ask({
      address: addressOf(name),
      headers: { host: hostOf(name), ...headers },
      path,
    });
    return status === 200 ? (JSON.parse(body) as { url: string; headers: IncomingHttpHeaders }) : status;
  }
  const status = async (name: string, headers: Record<string, string>, path?: string): Promise<number> => {
    const answer = await sent(name, headers, path);
    return typeof answer === 'number' ? answer : 200;
  };

  beforeAll(async () => {
    web = createServer(({ url, headers }, response) => response.end(JSON.stringify({ url, headers })));
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    envoy = await start(mesh());
  });
  afterAll(async () => {
    await envoy.stop();
    web.close();
    web.closeAllConnections();
  });

  it('lets requests without a token through, and refuses a bad one', async () => {
    expect(await status('plain', {})).toBe(200);
    expect(await status('plain', bearer(alice.tokenOf({ sub: 'me' })))).toBe(200);
    expect(await status('plain', bearer('nonsense'))).toBe(401);
    expect(await status('plain', bearer(alice.tokenOf({ exp: 1 })))).toBe(401);
    expect(await status('plain', bearer(alice.tokenOf({ nbf: 9_999_999_999 })))).toBe(401);
    // Of this issuer by its claim only.
    expect(await status('plain', bearer(nobody.tokenOf({ iss: alice.name })))).toBe(401);
    expect(await status('plain', bearer(bob.tokenOf({})))).toBe(401);
  });

  it('`access_token` in the query has the token, if nothing else is said', async () => {
    expect(await status('plain', {}, '/?access_token=nonsense')).toBe(401);
    expect(await status('plain', {}, `/?access_token=${alice.tokenOf({})}`)).toBe(200);
  });

  it('`fromHeaders`: the token comes after the prefix, and no other header is read', async () => {
    const token = alice.tokenOf({});
    expect(await sent('headers', { 'x-token': `Token ${token}` })).not.toHaveProperty('headers.x-token');
    expect(await status('headers', { 'x-token': 'Token nonsense' })).toBe(401);
    expect(await status('headers', { 'x-bare': token })).toBe(200);
    expect(await status('headers', { 'x-bare': 'nonsense' })).toBe(401);
    expect(await status('headers', bearer('nonsense'))).toBe(200);
  });

  it('`fromParams`: the token is in the query', async () => {
    expect(await sent('params', {}, `/a?token=${alice.tokenOf({})}&b=1`)).toHaveProperty('url', '/a?b=1');
    expect(await status('params', {}, '/a?token=nonsense')).toBe(401);
    expect(await status('params', bearer('nonsense'))).toBe(200);
  });

  it('`fromCookies`: the token is in a cookie', async () => {
    expect(await status('cookies', { cookie: `a=b; session=${alice.tokenOf({})}` })).toBe(200);
    expect(await status('cookies', { cookie: 'session=nonsense' })).toBe(401);
    expect(await status('cookies', { cookie: 'other=nonsense' })).toBe(200);
  });

  it('`outputPayloadToHeader`: the payload goes along as base64url', async () => {
    const answer = await sent('payload', bearer(alice.tokenOf({ sub: 'me' })));
    const payload = (answer as { headers: IncomingHttpHeaders }).headers['x-payload'] as string;
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({ iss: alice.name, sub: 'me' });
    // Nobody can send it in the place of the proxy.
    expect(await sent('payload', { 'x-payload': 'forged' })).not.toHaveProperty('headers.x-payload');
  });

  it('`outputClaimToHeaders`: claims go along, those of nested objects too', async () => {
    const token = alice.tokenOf({ sub: 'me', nested: { level: 7 } });
    expect(await sent('claims', { ...bearer(token), 'x-sub': 'forged' })).toMatchObject({
      headers: { 'x-sub': 'me', 'x-level': '7' },
    });
    expect(await sent('claims', { 'x-sub': 'forged' })).not.toHaveProperty('headers.x-sub');
  });

  it('`forwardOriginalToken`: the service gets the token, without it does not', async () => {
    const token = bearer(alice.tokenOf({}));
    expect(await sent('forwarded', token)).toMatchObject({ headers: token });
    expect(await sent('plain', token)).not.toHaveProperty('headers.authorization');
  });

  it('`audiences`: the token is for one of them', async () => {
    expect(await status('audiences', bearer(alice.tokenOf({ aud: ['x', 'shop'] })))).toBe(200);
    expect(await status('audiences', bearer(alice.tokenOf({ aud: 'web' })))).toBe(200);
    expect(await status('audiences', bearer(alice.tokenOf({ aud: 'x' })))).toBe(403);
    expect(await status('audiences', bearer(alice.tokenOf({})))).toBe(403);
  });

  it('several issuers: each judges its own tokens', async () => {
    expect(await status('issuers', bearer(alice.tokenOf({})))).toBe(200);
    expect(await status('issuers', bearer(bob.tokenOf({})))).toBe(200);
    expect(await status('issuers', bearer(bob.tokenOf({ iss: alice.name })))).toBe(401);
    expect(await status('issuers', bearer(nobody.tokenOf({})))).toBe(401);
    expect(await status('issuers', {})).toBe(200);
  });

  it('`jwksUri`, and else the issuer, says where keys are; without any each token is refused', async () => {
    const wanted = jwksSources(mesh());
    expect(wanted.get(KEYS_URL)).toEqual({ url: KEYS_URL, timeoutMs: 9000 });
    expect(wanted.get('https://alice.example.com/gone')).toMatchObject({ timeoutMs: 5000 });
    expect(await status('fetched', bearer(alice.tokenOf({})))).toBe(200);
    expect(await status('discovered', bearer(alice.tokenOf({})))).toBe(200);
    expect(await status('unfetched', bearer(alice.tokenOf({})))).toBe(401);
    expect(await status('unfetched', {})).toBe(200);
  });

  it('takes up a key that the issuer has changed, and refuses what the old one signs', async () => {
    const later = await start(mesh(rotated.jwks));
    try {
      expect(await sent('fetched', bearer(rotated.tokenOf({})), '/', later)).toMatchObject({ url: '/' });
      expect(await sent('fetched', bearer(alice.tokenOf({})), '/', later)).toBe(401);
    } finally {
      await later.stop();
    }
  });

  it('of which the answer is no usable key refuses tokens, and other services go on', async () => {
    const broken = await start(mesh('{"keys":[{"kty":"RSA","n":"!"}]}'));
    try {
      expect(await sent('fetched', bearer(alice.tokenOf({})), '/', broken)).toBe(401);
      expect(await sent('plain', bearer(alice.tokenOf({})), '/', broken)).toMatchObject({ url: '/' });
    } finally {
      await broken.stop();
    }
  });

  it.each([
    ['group', { sub: 'me', group: 'admin' }],
    ['group', { sub: 'me', group: ['dev', 'admin'] }],
    ['nested', { sub: 'me', nested: { level: 'high' } }],
    ['role', { sub: 'me', roles: 'reader editor' }],
    ['scope', { sub: 'me', scope: 'read write' }],
    ['without', { sub: 'you', group: 'dev' }],
    ['rest', { sub: 'me', group: 'dev' }],
  ])('routes choose by claims: to %s with %j', async (route, claims) => {
    const headers = { host: hostOf('routed'), ...bearer(alice.tokenOf(claims)) };
    expect(await envoy.ask({ address: addressOf('routed'), headers })).toMatchObject({ status: 200, body: route });
  });

  it('routes choose by claims of verified tokens only', async () => {
    const address = addressOf('routed');
    const host = hostOf('routed');
    expect((await envoy.ask({ address, headers: { host } })).body).toBe('without');
    const forged = bearer(nobody.tokenOf({ iss: alice.name, group: 'admin' }));
    expect((await envoy.ask({ address, headers: { host, ...forged } })).status).toBe(401);
  });
});

describe('the addresses of keys', () => {
  const gateway = [
    {
      kind: 'GatewayClass',
      metadata: { name: 'istio' },
      spec: { controllerName: 'istio.io/gateway-controller' },
    },
    {
      kind: 'Gateway',
      metadata: { name: 'edge', namespace: 'shop' },
      spec: { gatewayClassName: 'istio', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
    },
  ];
  const tokens = (name: string, timeout: string) => ({
    kind: 'RequestAuthentication',
    metadata: { name: `${name}-${timeout}`, namespace: 'shop' },
    spec: {
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name }],
      jwtRules: [{ issuer: 'a', jwksUri: KEYS_URL, timeout }],
    },
  });

  it('are those of gateways at the edge too', () => {
    const wanted = jwksSources(loadMesh([...gateway, tokens('edge', '2s')]));
    expect(wanted.get(KEYS_URL)).toEqual({ url: KEYS_URL, timeoutMs: 2000 });
  });

  it('are those of waypoints for workloads, which have no service', () => {
    const [namespace, waypoint] = attached() as { metadata: object }[];
    const labels = { 'istio.io/waypoint-for': 'workload' };
    const forWorkloads = { ...waypoint, metadata: { ...waypoint!.metadata, labels } };
    const wanted = jwksSources(loadMesh([namespace, forWorkloads, tokens('wp', '3s')]));
    expect(wanted.get(KEYS_URL)).toEqual({ url: KEYS_URL, timeoutMs: 3000 });
  });

  it('have the longest time that a rule allows, a minute at most', () => {
    const wanted = jwksSources(loadMesh([...gateway, tokens('edge', '2s'), tokens('edge', '8s')]));
    expect(wanted.get(KEYS_URL)).toMatchObject({ timeoutMs: 8000 });
    expect(jwksSources(loadMesh([...gateway, tokens('edge', '9h')])).get(KEYS_URL)).toMatchObject({
      timeoutMs: 60_000,
    });
  });
});
