import { HTTP_ROUTES } from '@weft/mesh-api';
import type { AttachedRoute, RouteDestination } from '@weft/mesh-model';
import { routedHost } from './routed-host.js';
import type { HostLayer } from './routes-by-host.js';

function route(name: string): HostLayer['requests'][number] {
  const rules = [{ backendRefs: [{ name: 'web', port: 80 }] }];
  const { meta, spec } = HTTP_ROUTES.parse({ metadata: { namespace: 'shop', name }, spec: { rules } });
  return { meta, spec: spec!, hosts: ['www.example.com'] } satisfies AttachedRoute<unknown>;
}
const layer = (...requests: HostLayer['requests'][number][]): HostLayer[] => [{ requests, calls: [] }];
const KEY = 'HTTPRoute shop /Service/shop/web';
const missing: RouteDestination = { kind: 'none', reason: 'BackendNotFound' };
const around = {
  entry: { port: 80, isTls: false },
  destinations: { [KEY]: missing },
  onDemand: new Set<string>(),
};

describe('a virtual host', () => {
  const first = route('first');
  const host = routedHost('www.example.com', layer(first), around);

  it('is the same object as long as nothing changed that it is made of', () => {
    const same = { ...around, entry: { ...around.entry }, destinations: { ...around.destinations, other: missing } };
    expect(routedHost('www.example.com', layer(first), same)).toBe(host);
  });

  it.each([
    ['a route came', layer(first, route('second')), around],
    ['a route for calls came', [{ requests: [first], calls: [route('call') as never] }], around],
    ['a wider host has routes now', [...layer(first), ...layer(route('wide'))], around],
    ['a destination is another', layer(first), { ...around, destinations: { [KEY]: { ...missing } } }],
    ['clusters may be missing', layer(first), { ...around, onDemand: new Set(['outbound|80||web']) }],
    ['it is on another port', layer(first), { ...around, entry: { port: 81, isTls: false } }],
  ])('is made anew when %s', (_what, layers, now) => {
    const known = routedHost('www.example.com', layer(first), around);
    expect(routedHost('www.example.com', layers, now)).not.toBe(known);
  });

  it('is not that of another host of the same routes', () => {
    expect(routedHost('www.example.org', layer(first), around).domains).toEqual(['www.example.org']);
    expect(routedHost('www.example.com', layer(first), around).domains).toEqual(['www.example.com']);
  });
});
