import type { JsonObject } from '@weft/testing-kube-schema';
import type { ApiServer } from './api-server.js';
import { ApiClient, startServer } from './testing/test-server.js';

const SERVICES = '/api/v1/namespaces/default/services';

describe('Service addresses', () => {
  let server: ApiServer;
  let api: ApiClient;

  beforeAll(async () => {
    server = await startServer();
    api = new ApiClient(server);
  });
  afterAll(() => server.stop());

  const create = (name: string, spec: JsonObject = {}) =>
    api.post(SERVICES, { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } });
  const specOf = async (name: string): Promise<JsonObject> =>
    (await api.get(`${SERVICES}/${name}`)).body['spec'] as JsonObject;

  it('every Service gets its own ClusterIP of the range, and keeps it', async () => {
    const ips = new Set<unknown>();
    for (const name of ['a', 'b', 'c']) {
      const { status, body } = await create(name);
      expect(status).toBe(201);
      ips.add((body['spec'] as JsonObject)['clusterIP']);
    }
    expect(ips.size).toBe(3);
    for (const ip of ips) expect(ip).toMatch(/^10\.96\.\d+\.\d+$/);
    const before = await specOf('a');
    await api.put(`${SERVICES}/a`, { metadata: { name: 'a' }, spec: { ports: [{ port: 81 }] } });
    expect(await specOf('a')).toMatchObject({
      clusterIP: before['clusterIP'],
      clusterIPs: [before['clusterIP']],
      ipFamilies: ['IPv4'],
      ports: [{ port: 81 }],
    });
  });

  it('a ClusterIP that is taken is refused and its holder is named; it is free again after a deletion', async () => {
    expect((await create('first', { clusterIP: '10.96.7.7' })).status).toBe(201);
    const { status, body } = await create('second', { clusterIP: '10.96.7.7' });
    expect(status).toBe(422);
    expect(body['message']).toContain('provided IP is already allocated to service default/first');
    expect((await create('outside', { clusterIP: '10.1.1.1' })).status).toBe(422);
    await api.delete(`${SERVICES}/first`);
    expect((await create('second', { clusterIP: '10.96.7.7' })).status).toBe(201);
  });

  it('headless stays None, ExternalName has none', async () => {
    await create('headless', { clusterIP: 'None' });
    expect(await specOf('headless')).toMatchObject({ clusterIP: 'None', clusterIPs: ['None'] });
    await create('external', { type: 'ExternalName', externalName: 'example.com' });
    expect(await specOf('external')).not.toHaveProperty('clusterIP');
  });

  it('NodePort Services get ports of their own', async () => {
    await create('np', { type: 'NodePort' });
    const [port] = (await specOf('np'))['ports'] as { nodePort: number }[];
    expect(port!.nodePort).toBeGreaterThanOrEqual(30000);
    expect(port!.nodePort).toBeLessThanOrEqual(32767);
    const clash = await create('np2', { type: 'NodePort', ports: [{ port: 80, nodePort: port!.nodePort }] });
    expect(clash.body['message']).toContain('already allocated');
    expect((await create('np3', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] })).status).toBe(422);
  });

  it('two families give two addresses to those who ask', async () => {
    const dual = await startServer({ serviceCidr: '10.97.0.0/16,fd00:97::/108' });
    try {
      const client = new ApiClient(dual);
      const { body } = await client.post(SERVICES, {
        metadata: { name: 'd' },
        spec: { ipFamilyPolicy: 'PreferDualStack', ports: [{ port: 80 }] },
      });
      const spec = body['spec'] as { clusterIPs: string[]; ipFamilies: string[] };
      expect(spec.ipFamilies).toEqual(['IPv4', 'IPv6']);
      expect(spec.clusterIPs[1]).toMatch(/^fd00:97:/);
      const single = await client.post(SERVICES, {
        metadata: { name: 's' },
        spec: { ipFamilies: ['IPv6'], ports: [{ port: 80 }] },
      });
      expect((single.body['spec'] as { clusterIP: string }).clusterIP).toMatch(/^fd00:97:/);
    } finally {
      await dual.stop();
    }
  });
});
