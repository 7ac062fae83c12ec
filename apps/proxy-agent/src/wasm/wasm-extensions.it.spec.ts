import { proxyWasmModule, until } from '@weft/testing-fixtures';
import { EXTENSION_TYPE_URL, LISTENER_TYPE_URL } from '@weft/xds';
import { FailurePolicy } from '@weft/xds/gen/envoy/extensions/wasm/v3/wasm.js';
import { AgentEnvoy } from '../testing/agent-envoy.js';
import { extensionConfig, listenerWith, type ModuleSpec } from '../testing/extension-configs.js';
import { OciRegistry } from '../testing/oci-registry.js';

jest.setTimeout(120_000);

const ARTIFACT = 'application/vnd.module.wasm.content.layer.v1+wasm';

describe.each(['delta', 'sotw'] as const)('modules on their way to Envoy (%s)', (protocol) => {
  let registry: OciRegistry;
  let envoy: AgentEnvoy;
  beforeEach(async () => {
    registry = await OciRegistry.start();
    envoy = await AgentEnvoy.start(protocol, [registry.host]);
  });
  afterEach(async () => {
    await envoy.stop();
    registry.stop();
  });

  const push = async (tag: string, bytes?: Buffer): Promise<string> => {
    registry.push('team/auth', tag, [{ mediaType: ARTIFACT, bytes: bytes ?? (await proxyWasmModule({ tag })) }]);
    return `oci://${registry.host}/team/auth:${tag}`;
  };
  const apply = (spec: ModuleSpec): void => envoy.put(EXTENSION_TYPE_URL, spec.name, extensionConfig(spec));
  /** With a listener of its name. */
  const start = (spec: ModuleSpec): void => {
    apply(spec);
    envoy.put(LISTENER_TYPE_URL, spec.name, listenerWith(spec.name, spec));
  };
  const rejected = (part: string) => until(() => envoy.rejections.some((one) => one.includes(part)), part, 60_000);

  it('are fetched with the pull secret, and neither Envoy nor they see it', async () => {
    registry.access = 'token';
    const variables = {
      TEAM: 'shop',
      ISTIO_META_WASM_IMAGE_PULL_SECRET: registry.pullSecret,
      ISTIO_META_WASM_IMAGE_PULL_POLICY: 'Always',
      ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION: '7',
    };
    start({ name: 'one', url: await push('a'), config: '{"rule":1}', variables });
    await envoy.settles('one', ({ status, seen }) => status === 200 && seen['x-order'] === 'a');
    const { seen, headers } = await envoy.ask('one');
    expect([headers['x-wasm'], seen['x-config'], seen['x-env']]).toEqual(['yes', '{"rule":1}', 'TEAM=shop']);
    const dump = await envoy.admin('/config_dump');
    expect(dump).toContain('"TEAM": "shop"');
    expect(dump).not.toMatch(/ISTIO_META_WASM|auths/);
    expect(envoy.rejections).toEqual([]);
  });

  it('that cannot be had close their filter alone, or open it with FAIL_OPEN; the control plane is told why, and they come late', async () => {
    const good = await push('a');
    start({ name: 'good', url: good });
    await envoy.settles('good', ({ status }) => status === 200);
    registry.down = true;
    const later = await push('later');
    start({ name: 'closed', url: later });
    start({ name: 'open', url: later, policy: FailurePolicy.FAIL_OPEN });
    start({ name: 'bytes', url: later, network: true });
    await envoy.settles('closed', ({ status }) => status === 403);
    await envoy.settles('open', ({ status, headers }) => status === 200 && headers['x-wasm'] === undefined);
    await envoy.settles('bytes', ({ status }) => status === 0);
    await rejected(
      `closed: module ${later} ${registry.host} answers 503 for team/auth/manifests/later; traffic is refused`,
    );
    await rejected('traffic passes without until it is there');
    expect((await envoy.ask('good')).status).toBe(200);
    expect(envoy.extensions.missing).toBe(3);
    registry.down = false;
    await envoy.settles('closed', ({ seen }) => seen['x-order'] === 'later');
    await envoy.settles('open', ({ seen }) => seen['x-order'] === 'later');
    // Its text in front makes the request line unreadable: it is there.
    await envoy.settles('bytes', ({ status }) => status === 400);
    expect(envoy.extensions.missing).toBe(0);
    const synced = () => [...envoy.engine.sessions].flatMap((one) => one.states().map(({ sync }) => sync));
    if (protocol === 'delta')
      await until(() => synced().every((one) => one === 'synced'), 'all is acknowledged', 60_000);
  });

  it('that are broken never reach Envoy: the last good one stays, or the filter is open with FAIL_OPEN', async () => {
    const good = await push('a');
    const broken = await push('broken', (await proxyWasmModule({ tag: 'b' })).subarray(0, 200));
    start({ name: 'one', url: good });
    start({ name: 'open', url: broken, policy: FailurePolicy.FAIL_OPEN });
    await envoy.settles('one', ({ seen }) => seen['x-order'] === 'a');
    await envoy.settles('open', ({ status }) => status === 200);
    apply({ name: 'one', url: broken });
    await rejected(`one: module ${broken} cannot be compiled`);
    apply({ name: 'other', url: good });
    expect((await envoy.ask('one')).seen['x-order']).toBe('a');
    // A different checksum is as bad.
    apply({ name: 'one', url: await push('c'), sha256: 'ab'.repeat(32) });
    await rejected('instead of sha256:abab');
    await rejected('the last good one stays');
    expect((await envoy.ask('one')).seen['x-order']).toBe('a');
    apply({ name: 'one', url: await push('d') });
    await envoy.settles('one', ({ seen }) => seen['x-order'] === 'd');
  });

  it('that refuse their configuration are refused by Envoy: the filter is closed, whatever failStrategy says', async () => {
    const url = await push('strict', await proxyWasmModule({ tag: 's', refuses: true }));
    start({ name: 'closed', url });
    start({ name: 'open', url, policy: FailurePolicy.FAIL_OPEN });
    for (const name of ['closed', 'open']) {
      await envoy.settles(name, ({ status }) => status === 500);
      await rejected(`Unable to create Wasm plugin ${name}`);
    }
  });
});
