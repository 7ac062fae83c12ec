import { listenerStates, type ListenerGroupState } from '@weft/gateway-api';
import { GATEWAYS, HTTP_ROUTES, type HttpRouteSpec } from '@weft/mesh-api';
import fc from 'fast-check';
import type { Readable } from '../waypoints/route-sources.js';
import { attachedTo } from './attached-routes.js';

function group(): ListenerGroupState {
  const allowedRoutes = { namespaces: { from: 'Selector', selector: { matchLabels: { edge: 'yes' } } } };
  const listeners = [
    { name: 'all', port: 80, protocol: 'HTTP', allowedRoutes },
    { name: 'shop', port: 81, protocol: 'HTTP', hostname: '*.shop.example', allowedRoutes },
  ];
  const gateway = { metadata: { namespace: 'infra', name: 'edge' }, spec: { gatewayClassName: 'istio', listeners } };
  const spec = GATEWAYS.parse(gateway).spec!;
  const references = { certificateFault: () => null, clientValidation: () => null };
  const owner = { kind: 'Gateway' as const, namespace: 'infra', name: 'edge' };
  return { owner, listeners: listenerStates(spec.listeners, 'router', references) };
}

function route(name: string, host: string): Readable<HttpRouteSpec> {
  const parentRefs = [{ name: 'edge', namespace: 'infra' }];
  const { meta, spec } = HTTP_ROUTES.parse({
    metadata: { namespace: 'apps', name },
    spec: { parentRefs, hostnames: [host], rules: [] },
  });
  return { meta, spec: spec! };
}

const OPEN = { edge: 'yes' };
const POOL = Array.from({ length: 8 }, (_, n) => route(`r${n}`, n % 2 === 0 ? `r${n}.shop.example` : `r${n}.example`));

describe('properties', () => {
  it('routes that come and go are attached as all of them would be anew, and those that stay are the same objects', () => {
    const list = fc.uniqueArray(fc.integer({ min: 0, max: POOL.length - 1 })).map((some) => some.sort());
    fc.assert(
      fc.property(fc.array(fc.tuple(list, fc.boolean()), { maxLength: 8 }), (steps) => {
        const kept = group();
        const objects = new Map<object, object>();
        const closed = {};
        let wasOpen = true;
        for (const [some, isOpen] of steps) {
          const routes = some.map((n) => POOL[n]!);
          const labelsOf = () => (isOpen ? OPEN : closed);
          const found = attachedTo('HTTPRoute', routes, kept, labelsOf);
          const fresh = group();
          const anew = attachedTo('HTTPRoute', routes, fresh, labelsOf);
          kept.listeners.forEach((state, i) => expect(found.get(state)).toEqual(anew.get(fresh.listeners[i]!)));
          if (isOpen && wasOpen)
            for (const one of found.get(kept.listeners[0]!) ?? [])
              if (objects.has(one.spec)) expect(objects.get(one.spec)).toBe(one);
          objects.clear();
          for (const one of found.get(kept.listeners[0]!) ?? []) objects.set(one.spec, one);
          wasOpen = isOpen;
        }
      }),
    );
  });
});
