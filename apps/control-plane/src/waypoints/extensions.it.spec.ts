import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { proxyWasmModule } from '@weft/testing-fixtures';
import { object, service, SHOP } from '../testing/proxy/mesh-objects.js';
import { useWaypoint } from '../testing/waypoint/use-waypoint.js';

const { rig, frontend, expectAnswers } = useWaypoint();

describe('extensions come to Envoy by their names', () => {
  let folder: string;
  beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'weft-wasm-'))));
  afterAll(() => rm(folder, { recursive: true }));

  const extension = (kind: string, name: string, spec: object) =>
    object({
      apiVersion: 'extensions.istio.io/v1alpha1',
      kind,
      metadata: { name, namespace: SHOP },
      spec: { targetRefs: [{ group: '', kind: 'Service', name }], ...spec },
    });
  const script = (name: string, inlineCode: string) => extension('TrafficExtension', name, { lua: { inlineCode } });
  const adding = (value: string) => `function envoy_on_request(handle) handle:headers():add("x-lua", "${value}") end`;
  const moduleAt = async (tag: string): Promise<string> => {
    const path = join(folder, `${tag}.wasm`);
    await writeFile(path, await proxyWasmModule({ tag }));
    return `file://${path}`;
  };
  const listenersChanged = async () =>
    /listener_manager.listener_modified: (\d+)/.exec(await rig().envoy.admin('/stats?filter=listener_modified'))?.[1];

  it('a module is loaded, and a change of it changes no listener', async () => {
    const { name, ip } = frontend();
    const other = frontend();
    const plugin = async (rule: string) =>
      extension('WasmPlugin', name, { url: await moduleAt('a'), pluginConfig: { rule } });
    await rig().apply(service(name, ip, 'v1'), service(other.name, other.ip, 'v2'), await plugin('one'));
    await expectAnswers(`${ip}:80`, [['/', { server: 'v1', seen: { 'x-order': 'a', 'x-config': '{"rule":"one"}' } }]]);
    const before = await listenersChanged();
    await rig().apply(await plugin('two'));
    await expectAnswers(`${ip}:80`, [['/', { server: 'v1', seen: { 'x-config': '{"rule":"two"}' } }]]);
    expect(await listenersChanged()).toBe(before);
    await rig().remove(await plugin('two'));
    await rig().settles(async () => (await rig().ask(`${ip}:80`)).headers['x-wasm'] ?? null, null);
    await expectAnswers(`${other.ip}:80`, [['/', 'v2']]);
  });

  it('what does not compile keeps the last good one in use; without one its own service is closed, and no other', async () => {
    const { name, ip } = frontend();
    const broken = frontend();
    const other = frontend();
    await rig().apply(service(name, ip, 'v1'), service(broken.name, broken.ip, 'v2'), script(name, adding('good')));
    await expectAnswers(`${ip}:80`, [['/', { server: 'v1', seen: { 'x-lua': 'good' } }]]);
    await rig().apply(script(name, 'function ('), script(broken.name, 'function )'));
    const events = async () => JSON.stringify(await rig().events());
    await rig().settles(async () => /ConfigRejected.*script load error/.test(await events()), true);
    await expectAnswers(`${broken.ip}:80`, [['/', 500]]);
    await expectAnswers(`${ip}:80`, [['/', { server: 'v1', seen: { 'x-lua': 'good' } }]]);
    // Listeners change as before.
    await rig().apply(service(other.name, other.ip, 'v3'));
    await expectAnswers(`${other.ip}:80`, [['/', 'v3']]);
    await rig().apply(script(broken.name, adding('mended')));
    await expectAnswers(`${broken.ip}:80`, [['/', { server: 'v2', seen: { 'x-lua': 'mended' } }]]);
  });

  it('pull secrets are not on pages for people', async () => {
    const { name, ip } = frontend();
    const secret = object({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'pull', namespace: SHOP },
      type: 'kubernetes.io/dockerconfigjson',
      data: { '.dockerconfigjson': Buffer.from('{"auths":{"hidden-registry":{}}}').toString('base64') },
    });
    const url = await moduleAt('s');
    await rig().apply(service(name, ip, 'v1'), secret, extension('WasmPlugin', name, { url, imagePullSecret: 'pull' }));
    // Without an agent the module sees the variables for it.
    await rig().settles(async () => JSON.stringify(await rig().ask(`${ip}:80`)).includes('hidden-registry'), true);
    const page = await rig().page(`/debug/config_dump?waypoint=${SHOP}/wp`);
    expect(page).toContain('[redacted]');
    expect(page).not.toContain('hidden-registry');
  });
});
