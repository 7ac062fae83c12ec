import { route, service } from '../testing/proxy/mesh-objects.js';
import { useWaypoint } from '../testing/waypoint/use-waypoint.js';

const { rig, frontend } = useWaypoint();
const backend = (version: string, weight = 1) => ({ name: `echo-${version}`, port: 7070, weight });
const match = (service_: string | undefined, method?: string, type?: string) => ({
  method: { ...(service_ && { service: service_ }), ...(method && { method }), ...(type && { type }) },
});

async function routed(rules: readonly object[]): Promise<string> {
  const { name, ip } = frontend();
  await rig().apply(route('GRPCRoute', name, { name, port: 7070 }, { rules }), service(name, ip, null));
  return `${ip}:7070`;
}
const serverOf = async (authority: string, path: string, headers: Record<string, string> = {}) => {
  const { code, server } = await rig().call(authority, path, headers);
  return code === 0 ? server : code;
};
const UNIMPLEMENTED = 12;
const UNAVAILABLE = 14;

describe('MESH-GRPC', () => {
  it('MeshGRPCRouteWeight: shares as the weights say, none for weight 0', async () => {
    const echo = await routed([{ backendRefs: [backend('v1', 70), backend('v2', 30), backend('v3', 0)] }]);
    const shares = async (count: number) => {
      const seen: Record<string, number> = {};
      for (let i = 0; i < count; i++) {
        const server = String(await serverOf(echo, '/test.Echo/Say'));
        seen[server] = (seen[server] ?? 0) + 1;
      }
      return seen;
    };
    await rig().settles(async () => Object.keys(await shares(20)).sort(), ['v1', 'v2']);
    const { v1 = 0, v2 = 0 } = await shares(200);
    expect(v1 + v2).toBe(200);
    // Five standard deviations.
    expect(Math.abs(v1 - 140)).toBeLessThan(33);
  });

  it('MeshGRPCRouteRequestHeaderModifier: sets, adds and removes', async () => {
    const rule = (value: string, requestHeaderModifier: object, version = 'v1') => ({
      matches: [{ headers: [{ name: 'x-test-case', value }] }],
      filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier }],
      backendRefs: [backend(version)],
    });
    const pairs = (...names: string[]) => names.map((name) => ({ name, value: 'new' }));
    const echo = await routed([
      rule('set', { set: pairs('x-set') }),
      rule('add', { add: pairs('x-add') }),
      rule('remove', { remove: ['x-remove'] }),
      rule('multi', { set: pairs('x-set-1', 'x-set-2'), add: pairs('x-add-1', 'x-add-2'), remove: ['x-remove'] }, 'v2'),
    ]);
    const ask = async (value: string, headers: Record<string, string>, names: readonly string[]) => {
      const { server, seen } = await rig().call(echo, '/test.Echo/Say', { 'x-test-case': value, ...headers });
      return [server, ...names.map((name) => seen[name] ?? null)];
    };
    await rig().settles(() => ask('set', { 'x-set': 'old', other: 'a' }, ['x-set', 'other']), ['v1', 'new', 'a']);
    await rig().settles(() => ask('add', { 'x-add': 'old' }, ['x-add']), ['v1', 'old,new']);
    await rig().settles(() => ask('remove', { 'x-remove': 'old' }, ['x-remove']), ['v1', null]);
    await rig().settles(
      () =>
        ask('multi', { 'x-set-2': 'old', 'x-add-2': 'old', 'x-remove': 'old' }, [
          'x-set-1',
          'x-set-2',
          'x-add-1',
          'x-add-2',
          'x-remove',
        ]),
      ['v2', 'new', 'new', 'new', 'old,new', null],
    );
  });
});

describe('a GRPCRoute of a Service', () => {
  it('chooses by service and method, the longer first, whatever the order of the rules', async () => {
    const echo = await routed([
      { backendRefs: [backend('v3')] },
      { matches: [match('test.Echo')], backendRefs: [backend('v2')] },
      { matches: [match('test.Echo', 'Shout')], backendRefs: [backend('v1')] },
    ]);
    await rig().settles(() => serverOf(echo, '/test.Echo/Shout'), 'v1');
    expect(await serverOf(echo, '/test.Echo/Say')).toBe('v2');
    expect(await serverOf(echo, '/test.Other/Say')).toBe('v3');
  });

  it('chooses by method alone and by regular expression; what no rule takes is UNIMPLEMENTED', async () => {
    const echo = await routed([
      { matches: [match(undefined, 'Shout')], backendRefs: [backend('v1')] },
      { matches: [match('test\\.(Other|Else)', 'S.y', 'RegularExpression')], backendRefs: [backend('v2')] },
    ]);
    await rig().settles(() => serverOf(echo, '/test.Echo/Shout'), 'v1');
    expect(await serverOf(echo, '/test.Other/Say')).toBe('v2');
    expect(await serverOf(echo, '/test.Echo/Say')).toBe(UNIMPLEMENTED);
  });

  it('answers UNAVAILABLE where a backend is missing, and where there is none', async () => {
    const echo = await routed([
      { matches: [match('test.Echo', 'Say')], backendRefs: [{ name: 'nothing', port: 7070 }] },
      { matches: [match('test.Echo', 'Shout')] },
      { matches: [match('test.Other')], backendRefs: [backend('v1')] },
    ]);
    await rig().settles(() => serverOf(echo, '/test.Other/Say'), 'v1');
    expect(await serverOf(echo, '/test.Echo/Say')).toBe(UNAVAILABLE);
    expect(await serverOf(echo, '/test.Echo/Shout')).toBe(UNAVAILABLE);
  });

  it('changes headers of answers, and mirrors calls', async () => {
    const echo = await routed([
      {
        filters: [
          { type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'x-back', value: 'yes' }] } },
          { type: 'RequestMirror', requestMirror: { backendRef: { name: 'echo-v2', port: 80 } } },
        ],
        backendRefs: [backend('v1')],
      },
    ]);
    await rig().settles(async () => (await rig().call(echo, '/test.Echo/Say')).headers['x-back'] ?? null, 'yes');
    const mirrored = () =>
      rig()
        .pod('v2')
        .requests.some(({ path }) => path === '/test.Echo/Say');
    await rig().settles(() => Promise.resolve(mirrored()), true);
  });

  it('goes before an HTTPRoute of the same port, and comes after it nowhere', async () => {
    const { name, ip } = frontend();
    const rules = (version: string, port: number) => ({
      rules: [{ backendRefs: [{ name: `echo-${version}`, port }] }],
    });
    const grpc = route('GRPCRoute', name, { name, port: 7070 }, rules('v2', 7070));
    await rig().apply(service(name, ip, null), route('HTTPRoute', name, { name }, rules('v1', 7070)));
    await rig().settles(() => serverOf(`${ip}:7070`, '/test.Echo/Say'), 'v1');
    await rig().apply(grpc);
    await rig().settles(() => serverOf(`${ip}:7070`, '/test.Echo/Say'), 'v2');
    await rig().remove(grpc);
    await rig().settles(() => serverOf(`${ip}:7070`, '/test.Echo/Say'), 'v1');
  });
});
