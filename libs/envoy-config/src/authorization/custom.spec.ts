import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadMesh } from '../testing/load-mesh.js';
import { WaypointEnvoy } from '../testing/waypoint-envoy.js';
import { customMesh, HOST, WEB } from '../testing/custom-mesh.js';

describe('CUSTOM policies, by a real Envoy', () => {
  const asked: IncomingMessage[] = [];
  let authz: Server;
  let web: Server;
  let envoy: WaypointEnvoy;
  const portOf = (server: Server): number => (server.address() as AddressInfo).port;
  const listening = (server: Server) =>
    new Promise<Server>((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));

  beforeAll(async () => {
    authz = await listening(
      createServer((request, response) => {
        asked.push(request);
        const allowed = request.headers['x-pass'] === 'yes';
        response.writeHead(allowed ? 200 : 401, { 'x-user': 'ann', 'x-reason': 'no pass', 'x-secret': 's' });
        response.end(allowed ? '' : 'who are you?');
      }),
    );
    web = await listening(createServer((request, response) => response.end(JSON.stringify(request.headers))));
    envoy = await WaypointEnvoy.start(loadMesh(customMesh()), {
      [`${HOST}:80`]: portOf(web),
      'authz.shop.svc.cluster.local:8000': portOf(authz),
    });
  });
  afterAll(async () => {
    for (const server of [authz, web]) {
      server.close();
      server.closeAllConnections();
    }
    await envoy.stop();
  });
  beforeEach(() => asked.splice(0));

  const get = (path: string, headers: Record<string, string> = {}) => envoy.ask({ address: WEB, path, headers });

  it('ask the provider about what their rules match, and nobody about the rest', async () => {
    expect((await get('/free')).status).toBe(200);
    expect(asked).toHaveLength(0);
    const { status, body } = await get('/ask/me', { 'x-pass': 'yes' });
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ 'x-user': 'ann' });
    expect(JSON.parse(body)).not.toHaveProperty('x-secret');
    expect(asked[0]).toMatchObject({ url: '/check/ask/me' });
    expect(asked[0]!.headers).toMatchObject({ 'x-mesh': 'shop', 'x-pass': 'yes' });
  });

  it('give the client the answer of the provider when it refuses', async () => {
    const told = await get('/ask/me');
    expect(told).toMatchObject({ status: 401, body: 'who are you?' });
    expect(told.headers['x-reason']).toBe('no pass');
    expect(told.headers['x-secret']).toBeUndefined();
  });

  it('of several providers must all allow', async () => {
    expect((await get('/both', { 'x-pass': 'yes' })).status).toBe(403);
    expect(asked.length).toBeGreaterThan(0);
  });

  it('deny what would be asked of a provider that is down, missing, or has no service', async () => {
    expect((await get('/down')).status).toBe(503);
    expect((await get('/missing')).status).toBe(403);
    expect((await get('/nowhere')).status).toBe(403);
  });

  it('let it pass when the provider is down and fails open', async () => {
    expect((await get('/open')).status).toBe(200);
  });
});
