import { VIRTUAL_SERVICES, type VirtualServiceSpec } from '@weft/mesh-api';
import { withDelegates } from './delegated-routes.js';
import type { Readable } from './route-sources.js';

const service = (name: string, spec: object, namespace = 'shop'): Readable<VirtualServiceSpec> => {
  const parsed = VIRTUAL_SERVICES.parse({ metadata: { name, namespace }, spec });
  return { meta: parsed.meta, spec: parsed.spec! };
};
const route = (host: string) => [{ destination: { host } }];
const expand = (root: object, ...delegates: Readable<VirtualServiceSpec>[]) =>
  withDelegates(service('root', { hosts: ['web'], http: root }), (namespace, name) =>
    delegates.find(({ meta }) => meta.namespace === namespace && meta.name === name),
  ).flatMap(({ meta, spec }) => spec.http.map((rule) => ({ from: `${meta.namespace}/${meta.name}`, ...rule })));

describe('a VirtualService that delegates', () => {
  it('has the routes of the delegate in place of its own, with the hosts of the namespace that they stand in', () => {
    const routes = expand(
      [{ match: [{ uri: { prefix: '/a' } }], delegate: { name: 'a', namespace: 'team' } }, { route: route('web') }],
      service(
        'a',
        { http: [{ match: [{ uri: { prefix: '/a/b' } }], route: route('x') }, { route: route('y') }] },
        'team',
      ),
    );
    expect(
      routes.map(({ from, match, route: to }) => [from, match.map(({ uri }) => uri), to[0]?.destination.host]),
    ).toEqual([
      ['team/a', [{ prefix: '/a/b' }], 'x'],
      ['team/a', [{ prefix: '/a' }], 'y'],
      ['shop/root', [], 'web'],
    ]);
  });

  it.each<[string, object, object, number]>([
    ['a longer prefix is within', { uri: { prefix: '/a' } }, { uri: { prefix: '/a/b' } }, 1],
    ['an exact path is within its prefix', { uri: { prefix: '/a' } }, { uri: { exact: '/a/b' } }, 1],
    ['another prefix is not', { uri: { prefix: '/a' } }, { uri: { prefix: '/b' } }, 0],
    ['an expression cannot be told', { uri: { prefix: '/a' } }, { uri: { regex: '/a.*' } }, 0],
    ['other headers are both asked for', { headers: { a: { exact: '1' } } }, { headers: { b: { exact: '2' } } }, 1],
    ['one header has one value', { headers: { a: { exact: '1' } } }, { headers: { a: { exact: '2' } } }, 0],
    ['another port', { port: 80 }, { port: 81 }, 0],
    ['another method', { method: { exact: 'GET' } }, { method: { exact: 'PUT' } }, 0],
    ['another namespace', { sourceNamespace: 'a' }, { sourceNamespace: 'b' }, 0],
  ])('joins conditions: %s', (_rule, outer, inner, count) => {
    const rules = expand(
      [{ match: [outer], delegate: { name: 'a' } }],
      service('a', { http: [{ match: [inner], route: route('x') }] }),
    );
    expect(rules).toHaveLength(count);
    if (count > 0)
      expect(rules[0]!.match[0]).toMatchObject({ ...outer, ...inner, headers: expect.anything() as object });
  });

  it('the settings of the delegate go before those of the route that names it, headers are joined', () => {
    const [rule] = expand(
      [
        {
          name: 'root',
          timeout: '5s',
          headers: { request: { set: { a: 'root', b: 'root' } } },
          delegate: { name: 'a' },
        },
      ],
      service('a', {
        http: [{ name: 'own', timeout: '1s', headers: { request: { set: { a: 'own' } } }, route: route('x') }],
      }),
    );
    expect(rule).toMatchObject({
      name: 'root-own',
      timeout: 1000,
      headers: { request: { set: { a: 'own', b: 'root' } } },
    });
    expect(rule!.delegate).toBeUndefined();
  });

  it.each<[string, Readable<VirtualServiceSpec>[]]>([
    ['is missing', []],
    ['has hosts of its own', [service('a', { hosts: ['b'], http: [{ route: route('x') }] })]],
    ['is not exported', [service('a', { exportTo: ['other'], http: [{ route: route('x') }] })]],
  ])('keeps its route, which cannot be followed, where the delegate %s', (_case, delegates) => {
    const [rule] = expand([{ delegate: { name: 'a' } }], ...delegates);
    expect(rule).toMatchObject({ from: 'shop/root', delegate: { name: 'a' }, route: [] });
  });
});
