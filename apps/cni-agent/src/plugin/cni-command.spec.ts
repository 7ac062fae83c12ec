import fc from 'fast-check';
import type { Pod } from '@weft/kube';
import { runCniCommand, type PluginPorts } from './cni-command.js';
import { formatCmdAddRequest, parseCmdAddRequest, type CmdAddRequest } from './cmd-add-request.js';

const PREV = { cniVersion: '1.0.0', ips: [{ address: '10.244.1.5/24' }], interfaces: [] };
const CONFIG = {
  cniVersion: '1.0.0',
  name: 'net',
  type: 'istio-cni',
  exclude_namespaces: ['kube-system'],
  prevResult: PREV,
};

function setUp({ mode = 'ambient', failWith = '' } = {}) {
  const enrolled: CmdAddRequest[] = [];
  const left: CmdAddRequest[] = [];
  const ports: PluginPorts = {
    readPod: () =>
      Promise.resolve({
        pod: { metadata: { namespace: 'shop' }, spec: {} } as Pod,
        namespace: { metadata: { labels: { 'istio.io/dataplane-mode': mode } } },
      }),
    enrol: (_config, request) => {
      enrolled.push(request);
      return failWith === '' ? Promise.resolve() : Promise.reject(new Error(failWith));
    },
    leave: (_config, request) => {
      left.push(request);
      return failWith === '' ? Promise.resolve() : Promise.reject(new Error(failWith));
    },
  };
  const run = (overrides: { args?: string; command?: string; config?: object } = {}) =>
    runCniCommand(
      {
        CNI_COMMAND: overrides.command ?? 'ADD',
        CNI_NETNS: '/run/netns/x',
        CNI_ARGS: overrides.args ?? 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web',
      },
      JSON.stringify(overrides.config ?? CONFIG),
      ports,
    );
  return { enrolled, left, run };
}

describe('DEL', () => {
  it('tells the agent while the pod still has its network, whatever the labels say now', async () => {
    const { left, run } = setUp({ mode: 'none' });
    expect(await run({ command: 'DEL' })).toEqual({ status: 0, stdout: '' });
    expect(left).toEqual([{ netns: '/run/netns/x', podName: 'web', podNamespace: 'shop', ips: [] }]);
  });
  it('never fails: a pod ends also without the agent', async () => {
    expect(await setUp({ failWith: 'no agent' }).run({ command: 'DEL' })).toEqual({ status: 0, stdout: '' });
  });
  it('leaves what is no pod of the mesh alone', async () => {
    const { left, run } = setUp();
    await run({ command: 'DEL', args: '' });
    await run({ command: 'DEL', args: 'K8S_POD_NAMESPACE=kube-system;K8S_POD_NAME=x' });
    expect(left).toEqual([]);
  });
});

describe('ADD', () => {
  it('has a selected pod enrolled before it answers with the result of the plugins before it', async () => {
    const { enrolled, run } = setUp();
    expect(await run()).toEqual({ status: 0, stdout: JSON.stringify(PREV) });
    expect(enrolled).toEqual([{ netns: '/run/netns/x', podName: 'web', podNamespace: 'shop', ips: ['10.244.1.5'] }]);
  });
  it.each([
    ['a pod outside the mesh', { mode: 'none' }, {}],
    ['a pod of an excluded namespace', {}, { args: 'K8S_POD_NAMESPACE=kube-system;K8S_POD_NAME=x' }],
    ['a container that is no Kubernetes pod', {}, { args: '' }],
    ['the agent itself', {}, { args: 'K8S_POD_NAMESPACE=istio-system;K8S_POD_NAME=weft-cni-node-abc' }],
  ])('leaves %s alone', async (_what, options, overrides) => {
    const { enrolled, run } = setUp(options);
    expect(await run(overrides)).toMatchObject({ status: 0 });
    expect(enrolled).toEqual([]);
  });
  it('keeps a pod from starting when it cannot be enrolled, and says which and why', async () => {
    const outcome = await setUp({ failWith: 'no ztunnel is connected' }).run();
    expect(outcome.status).toBe(1);
    expect(JSON.parse(outcome.stdout)).toEqual({
      cniVersion: '1.0.0',
      code: 11,
      msg: 'weft: pod shop/web is not started outside the mesh: no ztunnel is connected',
      details: '',
    });
  });
  it('refuses to run unchained', async () => {
    const outcome = await setUp().run({ config: { cniVersion: '1.0.0' } });
    expect(JSON.parse(outcome.stdout)).toMatchObject({ code: 7 });
  });
  it('refuses a version of the specification it does not know', async () => {
    const outcome = await setUp().run({ config: { ...CONFIG, cniVersion: '9.0.0' } });
    expect(JSON.parse(outcome.stdout)).toMatchObject({ code: 1 });
  });
});

it('VERSION lists the supported versions', async () => {
  expect(JSON.parse((await setUp().run({ command: 'VERSION' })).stdout)).toMatchObject({
    supportedVersions: expect.arrayContaining(['0.3.1', '1.0.0']) as string[],
  });
});
it('an unknown command is an error of the specification', async () => {
  expect(JSON.parse((await setUp().run({ command: 'EAT' })).stdout)).toMatchObject({ code: 4 });
});
it('no input makes the plugin throw', async () => {
  const { run } = setUp();
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.string(), async (args, command) =>
      expect([0, 1]).toContain((await run({ args, command })).status),
    ),
  );
  const ports = {
    readPod: () => Promise.reject(new Error('x')),
    enrol: () => Promise.resolve(),
    leave: () => Promise.resolve(),
  };
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (stdin) =>
      expect([0, 1]).toContain((await runCniCommand({ CNI_COMMAND: 'ADD' }, stdin, ports)).status),
    ),
  );
});

describe('the request to the agent', () => {
  it('is read back as it was written', () => {
    const request = { netns: '/run/netns/a', podName: 'p', podNamespace: 'n', ips: ['10.0.0.5', 'fd00::5'] };
    expect(parseCmdAddRequest(JSON.parse(formatCmdAddRequest(request)))).toEqual({ ok: true, value: request });
  });
  it('has the form of Istio, whose plugin and agent may stand in for ours', () => {
    expect(
      JSON.parse(formatCmdAddRequest({ netns: '/n', podName: 'p', podNamespace: 'ns', ips: ['10.0.0.5'] })),
    ).toEqual({
      Netns: '/n',
      PodName: 'p',
      PodNamespace: 'ns',
      IPs: [{ Interface: null, Address: { IP: '10.0.0.5', Mask: '/////w==' }, Gateway: '' }],
    });
  });
  it('with something missing is refused by field, and nothing makes the parser throw', () => {
    expect(parseCmdAddRequest({ Netns: '/n', PodName: 'p' })).toEqual({ ok: false, error: 'PodNamespace is missing' });
    fc.assert(fc.property(fc.jsonValue(), (body) => typeof parseCmdAddRequest(body).ok === 'boolean'));
  });
});
