import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { CommandOptions, CommandResult } from '../process/run-command.js';
import { describeCniFailure, parseCniResult } from './cni-result.js';
import { chooseNetworkConfig, parseNetworkConfig } from './network-config.js';
import { PodNetwork } from './pod-network.js';

const list = (...types: readonly string[]): string =>
  JSON.stringify({
    cniVersion: '1.0.0',
    name: 'net',
    plugins: types.map((type) => ({ type, capabilities: { portMappings: true } })),
  });

describe('network configuration', () => {
  it('is the first readable file in lexicographic order', () => {
    const files = new Map([
      ['20-b.conflist', list('b')],
      ['05-broken.conflist', '{'],
      ['10-a.conflist', list('a')],
      ['00-README', 'text'],
    ]);
    const { config, problems } = chooseNetworkConfig(files);
    expect(config).toMatchObject({ name: 'net', plugins: [{ type: 'a' }], file: '10-a.conflist' });
    expect(problems).toEqual([expect.stringContaining('05-broken.conflist: not JSON')]);
  });

  it('a .conf file holds one plugin', () => {
    const text = JSON.stringify({ cniVersion: '0.3.1', name: 'one', type: 'bridge' });
    expect(parseNetworkConfig('x.conf', text)).toMatchObject({
      ok: true,
      value: { name: 'one', plugins: [{ type: 'bridge' }] },
    });
  });

  it.each([
    ['[]', 'want a JSON object'],
    ['{}', 'name is missing'],
    ['{"name":"n","plugins":[]}', 'plugins must be a list with at least one entry'],
    ['{"name":"n","plugins":[{"type":"../x"}]}', 'each entry of plugins needs a type'],
  ])('%s: %s', (text, problem) =>
    expect(parseNetworkConfig('f.conflist', text)).toEqual({ ok: false, error: `f.conflist: ${problem}` }),
  );

  it('never throws', () => {
    fc.assert(fc.property(fc.json(), (text) => typeof parseNetworkConfig('f.conflist', text).ok === 'boolean'));
    fc.assert(fc.property(fc.string(), (text) => typeof parseNetworkConfig('f.conf', text).ok === 'boolean'));
  });
});

describe('results', () => {
  it.each([
    ['{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.5/24"},{"address":"fd00::5/64"}]}', ['10.0.0.5', 'fd00::5']],
    ['{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.5/24"},"ip6":{"ip":"fd00::5/64"}}', ['10.0.0.5', 'fd00::5']],
    ['{"ips":[]}', []],
  ])('%s', (text, ips) => expect(parseCniResult(text)).toMatchObject({ ok: true, value: { ips } }));

  it.each(['', '[]', '{"ips":[{"address":"10.0.0.5"}]}', '{"ips":[{"address":"10.0.0.999/24"}]}', '{"ips":[7]}'])(
    'refuses %j',
    (text) => expect(parseCniResult(text).ok).toBe(false),
  );

  it('never throws, and gives back every address', () => {
    fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), (text) => typeof parseCniResult(text).ok === 'boolean'));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }))), (addresses) => {
        const text = JSON.stringify({ ips: addresses.map(([ip, length]) => ({ address: `${ip}/${length}` })) });
        expect(parseCniResult(text)).toMatchObject({ ok: true, value: { ips: addresses.map(([ip]) => ip) } });
      }),
    );
  });

  it.each([
    ['{"code":11,"msg":"try later","details":"agent is away"}', '', 'try later: agent is away (code 11)'],
    ['', 'panic: x\n', 'exit code 2: panic: x'],
    ['', '', 'exit code 2 without a message'],
  ])('the failure %s%s', (stdout, stderr, wanted) => expect(describeCniFailure(stdout, stderr, 2)).toBe(wanted));
});

describe('a chain of plugins', () => {
  interface Call {
    readonly plugin: string;
    readonly env: Readonly<Record<string, string>>;
    readonly config: { readonly prevResult?: unknown; readonly [key: string]: unknown };
  }
  const sandbox = { containerId: 'c1', netnsPath: '/var/run/netns/cni-1', namespace: 'shop', pod: 'web', uid: 'u1' };
  let networkConfigDirectory: string;
  let calls: Call[];
  let answer: (call: Call) => CommandResult;
  let network: PodNetwork;

  beforeEach(async () => {
    networkConfigDirectory = await mkdtemp(join(tmpdir(), 'weft-cni-'));
    await writeFile(join(networkConfigDirectory, '10-net.conflist'), list('first', 'second'));
    calls = [];
    answer = ({ plugin }) => ({
      code: 0,
      stdout: JSON.stringify({ cniVersion: '1.0.0', ips: [{ address: '10.244.1.2/24' }], by: plugin }),
      stderr: '',
    });
    network = new PodNetwork({
      networkConfigDirectory,
      run: (argv, options: CommandOptions = {}) => {
        const call: Call = {
          plugin: argv[0]!,
          env: options.env!,
          config: JSON.parse(String(options.stdin)) as Call['config'],
        };
        calls.push(call);
        return Promise.resolve(answer(call));
      },
    });
  });
  afterEach(() => rm(networkConfigDirectory, { recursive: true, force: true }));

  it('ADD calls each in order with the result of the one before', async () => {
    const { result } = await network.add(sandbox);
    expect(result.ips).toEqual(['10.244.1.2']);
    expect(calls.map(({ plugin, env }) => [env['CNI_COMMAND'], plugin])).toEqual([
      ['ADD', '/opt/cni/bin/first'],
      ['ADD', '/opt/cni/bin/second'],
    ]);
    expect(calls[0]!.env).toMatchObject({
      CNI_CONTAINERID: 'c1',
      CNI_NETNS: '/var/run/netns/cni-1',
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/opt/cni/bin',
      CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=u1',
    });
    expect(calls[0]!.config).toEqual({ type: 'first', name: 'net', cniVersion: '1.0.0' });
    expect(calls[1]!.config).toMatchObject({ name: 'net', prevResult: { by: '/opt/cni/bin/first' } });
  });

  it('DEL calls them in reverse with the last result, whatever fails', async () => {
    const attachment = await network.add(sandbox);
    calls.length = 0;
    answer = ({ plugin }) => ({ code: plugin.endsWith('second') ? 1 : 0, stdout: '', stderr: 'gone' });
    expect(await network.remove(sandbox, attachment)).toEqual([
      'plugin type="second" failed (delete): exit code 1: gone',
    ]);
    expect(
      calls.map(({ plugin, env, config }) => [env['CNI_COMMAND'], plugin, (config.prevResult as { by: string }).by]),
    ).toEqual([
      ['DEL', '/opt/cni/bin/second', '/opt/cni/bin/second'],
      ['DEL', '/opt/cni/bin/first', '/opt/cni/bin/second'],
    ]);
  });

  it('a failed ADD is undone by DEL of all, and names plugin and network', async () => {
    answer = ({ plugin, env }) =>
      plugin.endsWith('second') && env['CNI_COMMAND'] === 'ADD'
        ? { code: 1, stdout: '{"code":100,"msg":"no agent"}', stderr: '' }
        : { code: 0, stdout: '{"ips":[]}', stderr: '' };
    await expect(network.add(sandbox)).rejects.toThrow(
      'plugin type="second" name="net" failed (add): no agent (code 100)',
    );
    expect(calls.map(({ env }) => env['CNI_COMMAND'])).toEqual(['ADD', 'ADD', 'DEL', 'DEL']);
  });

  it('the configuration is read at each ADD, and its absence is an error', async () => {
    await writeFile(join(networkConfigDirectory, '00-new.conflist'), list('third'));
    await network.add(sandbox);
    expect(calls.map(({ plugin }) => plugin)).toEqual(['/opt/cni/bin/third']);
    await rm(join(networkConfigDirectory, '00-new.conflist'));
    await rm(join(networkConfigDirectory, '10-net.conflist'));
    await expect(network.add(sandbox)).rejects.toThrow(
      'cni plugin not initialized: no network config found in /etc/cni/net.d',
    );
  });
});
