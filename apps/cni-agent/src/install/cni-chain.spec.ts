import fc from 'fast-check';
import { chainPlugin, primaryConfigName, unchainPlugin } from './cni-chain.js';

const LIST = JSON.stringify({
  cniVersion: '1.0.0',
  name: 'net',
  plugins: [{ type: 'bridge', bridge: 'cni0' }, { type: 'portmap' }],
});

describe('chainPlugin', () => {
  it('adds ours last and keeps what the primary plugin wrote', () => {
    const chained = chainPlugin('10-net.conflist', LIST, { cni_agent_run_dir: '/run/x' });
    expect(chained.ok && JSON.parse(chained.value.text)).toEqual({
      cniVersion: '1.0.0',
      name: 'net',
      plugins: [
        { type: 'bridge', bridge: 'cni0' },
        { type: 'portmap' },
        { type: 'istio-cni', name: 'istio-cni', cni_agent_run_dir: '/run/x' },
      ],
    });
  });
  it('done twice is the same as once', () => {
    const once = chainPlugin('a.conflist', LIST, { x: 1 });
    if (!once.ok) throw new Error(once.error);
    expect(chainPlugin(once.value.fileName, once.value.text, { x: 1 })).toEqual(once);
  });
  it('makes a list of a plain configuration', () => {
    const chained = chainPlugin('10-net.conf', JSON.stringify({ cniVersion: '0.3.1', type: 'bridge' }), {});
    if (!chained.ok) throw new Error(chained.error);
    expect(chained.value.fileName).toBe('10-net.conflist');
    expect(JSON.parse(chained.value.text)).toMatchObject({
      name: 'k8s-pod-network',
      plugins: [{ type: 'bridge' }, { type: 'istio-cni' }],
    });
  });
  it('is undone by unchainPlugin', () => {
    const chained = chainPlugin('a.conflist', LIST, {});
    if (!chained.ok) throw new Error(chained.error);
    expect(JSON.parse(unchainPlugin(chained.value.text) ?? '')).toEqual(JSON.parse(LIST));
    expect(unchainPlugin(LIST)).toBeNull();
  });
  it.each([
    ['{', 'a.conflist is not JSON'],
    ['[]', 'a.conflist is not a JSON object'],
    ['{}', 'neither "plugins" nor "type"'],
    ['{"plugins":[]}', 'no plugin that ours could be chained after'],
  ])('refuses %s by name', (text, reason) => {
    expect(chainPlugin('a.conflist', text, {})).toMatchObject({
      ok: false,
      error: expect.stringContaining(reason) as string,
    });
  });
  it('never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const chained = chainPlugin('a.conf', text, {});
        if (chained.ok) unchainPlugin(chained.value.text);
        unchainPlugin(text);
      }),
    );
  });
});

it.each([
  [['b.conflist', 'a.conf', 'README'], undefined, 'a.conf'],
  [['b.conflist', 'a.conf'], 'b.conf', 'b.conflist'],
  [['a.conf'], 'a.conflist', 'a.conf'],
  [['a.conf'], 'x.conf', undefined],
  [['a.txt'], undefined, undefined],
])('of %j with preference %j the runtime takes %j', (names, preferred, want) => {
  expect(primaryConfigName(names, preferred)).toBe(want);
});
