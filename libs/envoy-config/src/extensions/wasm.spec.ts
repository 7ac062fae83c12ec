import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { proxyWasmModule, until } from '@weft/testing-fixtures';
import { attached, HOST, WEB } from '../testing/custom-mesh.js';
import { loadMesh } from '../testing/load-mesh.js';
import { WaypointEnvoy } from '../testing/waypoint-envoy.js';

const SERVICE = [{ group: '', kind: 'Service', name: 'web' }];

describe('WebAssembly modules in waypoints', () => {
  let envoy: WaypointEnvoy | undefined;
  let web: Server;
  let seen: IncomingHttpHeaders = {};
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weft-wasm-'));
    web = createServer((request, response) => {
      seen = request.headers;
      response.end('hello');
    });
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    await envoy?.stop();
    envoy = undefined;
  });
  afterAll(async () => {
    web.close();
    web.closeAllConnections();
    await rm(folder, { recursive: true });
  });

  const moduleAt = async (tag: string, traps = false): Promise<string> => {
    const path = join(folder, `${tag.split(' ')[0]}.wasm`);
    await writeFile(path, await proxyWasmModule({ tag, traps }));
    return `file://${path}`;
  };
  const plugin = (name: string, spec: object, namespace = 'shop') => ({
    kind: 'WasmPlugin',
    metadata: { name, namespace },
    spec: { targetRefs: SERVICE, ...spec },
  });
  const start = async (objects: readonly object[], ports?: readonly object[]): Promise<void> => {
    const model = loadMesh([...attached(ports), ...objects]);
    const { port } = web.address() as AddressInfo;
    envoy = await WaypointEnvoy.start(model, { [`${HOST}:80`]: port, [`${HOST}:81`]: port });
  };
  const get = (headers: Record<string, string> = {}) => envoy!.ask({ address: WEB, headers });

  it('run on requests and answers with their configuration and variables', async () => {
    await start([
      plugin('all', {
        url: await moduleAt('a'),
        pluginConfig: { rule: ['x', 1] },
        vmConfig: { env: [{ name: 'TEAM', value: 'shop' }] },
      }),
    ]);
    const { status, headers } = await get();
    expect([status, headers['x-wasm']]).toEqual([200, 'yes']);
    expect(seen).toMatchObject({ 'x-order': 'a', 'x-config': '{"rule":["x",1]}' });
    expect(seen['x-env']).toContain('TEAM=shop');
  });

  it('go by phase, then by priority, the highest first; WasmPlugins and TrafficExtensions in one order', async () => {
    const lua = (tag: string) => ({
      inlineCode: `function envoy_on_request(handle) handle:headers():add("x-order", "${tag}") end`,
    });
    const extension = (name: string, spec: object) => ({ ...plugin(name, spec), kind: 'TrafficExtension' });
    await start([
      plugin('last', { url: await moduleAt('7') }),
      extension('stats-low', { lua: lua('6'), phase: 'STATS' }),
      plugin('stats', { url: await moduleAt('5'), phase: 'STATS', priority: 3 }),
      extension('rbac', { lua: lua('4'), phase: 'AUTHZ', priority: -5 }),
      plugin('authz', { url: await moduleAt('3'), phase: 'AUTHZ' }),
      plugin('authn-low', { url: await moduleAt('2'), phase: 'AUTHN', priority: 1 }),
      extension('authn', { wasm: { url: await moduleAt('1') }, phase: 'AUTHN', priority: 10 }),
    ]);
    expect((await get()).status).toBe(200);
    expect(seen['x-order']).toBe('1, 2, 3, 4, 5, 6, 7');
  });

  it('are for the ports and the mode of their match; their scope is that of other policies', async () => {
    const url = await moduleAt('m');
    const match = (mode: string, port: number) => ({ match: [{ mode, ports: [{ number: port }] }] });
    await start(
      [
        plugin('here', { url, ...match('SERVER', 80) }),
        plugin('other-port', { url, ...match('SERVER', 81) }),
        plugin('clients', { url, match: [{ mode: 'CLIENT' }] }),
        plugin('mesh', { url, targetRefs: [], ...match('CLIENT_AND_SERVER', 81) }, 'istio-system'),
        plugin('elsewhere', { url, targetRefs: [] }, 'other'),
        plugin('selects', { url, targetRefs: undefined, selector: { matchLabels: { app: 'web' } } }),
      ],
      [
        { name: 'http', port: 80 },
        { name: 'http-more', port: 81 },
      ],
    );
    await get();
    expect(seen['x-order']).toBe('m');
    await envoy!.ask({ address: WEB, port: 81 });
    expect(seen['x-order']).toBe('m, m');
  });

  it('of type NETWORK see the bytes of connections', async () => {
    await start([plugin('bytes', { url: await moduleAt('GET /first HTTP/1.1 '), type: 'NETWORK' })]);
    // The text in front makes the request line unreadable.
    expect((await get()).status).toBe(400);
  });

  it('that trap refuse that request; then all, or none with FAIL_OPEN, or none once loaded again with FAIL_RELOAD', async () => {
    const url = await moduleAt('t', true);
    const expected = { FAIL_CLOSE: 503, FAIL_OPEN: 200, FAIL_RELOAD: 200 };
    for (const [failStrategy, later] of Object.entries(expected)) {
      await start([plugin('traps', { url, failStrategy })]);
      expect([(await get()).status, (await get({ 'x-trap': 'now' })).status]).toEqual([200, 503]);
      await until(async () => (await get()).status === later, `${failStrategy} answers ${later}`, 30_000);
      await envoy!.stop();
      envoy = undefined;
    }
  });
});
