import { GATEWAYS, REFERENCE_GRANTS, type Listener, type ParentReference } from '@weft/mesh-api';
import { commonHostname, servedHostnames } from './hostnames.js';
import { listenerStates, type ListenerState, type ProxyRole } from './listener-state.js';
import { allowsNamespace } from './namespace-selection.js';
import { mayRefer } from './reference-permission.js';
import { attachRoute } from './route-attachment.js';
import { supersedingKind, type ServicePortClaim } from './route-precedence.js';

const GROUP = 'gateway.networking.k8s.io';
const NO_FAULTS = { certificateFault: () => null, clientValidation: () => null };

function listenersOf(...listeners: readonly object[]): readonly Listener[] {
  const { spec } = GATEWAYS.parse({
    metadata: { name: 'g', namespace: 'edge' },
    spec: { gatewayClassName: 'istio', listeners },
  });
  return spec!.listeners;
}
const statesOf = (role: ProxyRole, ...listeners: readonly object[]): readonly ListenerState[] =>
  listenerStates(listenersOf(...listeners), role, NO_FAULTS);
const http = (name: string, more: object = {}) => ({ name, port: 80, protocol: 'HTTP', ...more });

describe('hostnames', () => {
  it.each([
    [undefined, undefined, undefined],
    [undefined, 'a.example', 'a.example'],
    ['a.example', undefined, 'a.example'],
    ['a.example', 'a.example', 'a.example'],
    ['*.example', 'a.example', 'a.example'],
    ['*.example', 'a.b.example', 'a.b.example'],
    ['a.b.example', '*.example', 'a.b.example'],
    ['*.example', '*.a.example', '*.a.example'],
    ['*.example', 'example', null],
    ['a.example', 'b.example', null],
    ['*.a.example', '*.b.example', null],
  ])('of listener %s and route %s: %s', (listener, route, common) => {
    expect(commonHostname(listener, route)).toBe(common);
  });

  it('a route without hostnames takes those of the listener', () => {
    expect(servedHostnames('*.example', [])).toEqual(['*.example']);
    expect(servedHostnames(undefined, [])).toEqual([undefined]);
    expect(servedHostnames('*.example', ['a.example', 'other.com'])).toEqual(['a.example']);
  });
});

describe('listeners', () => {
  it('take the kinds of routes that fit their protocol', () => {
    const kinds = statesOf(
      'router',
      http('h'),
      { name: 't', port: 9000, protocol: 'TCP' },
      { name: 's', port: 443, protocol: 'TLS', tls: { mode: 'Passthrough' } },
    ).map(({ supportedKinds }) => supportedKinds.map(({ kind }) => kind));
    expect(kinds).toEqual([['HTTPRoute', 'GRPCRoute'], ['TCPRoute'], ['TLSRoute']]);
  });

  it.each<[string, ProxyRole, object[], number, 'accepted' | 'conflicted' | 'resolvedRefs', string]>([
    ['UnsupportedProtocol', 'router', [{ name: 'x', port: 53, protocol: 'UDP' }], 0, 'accepted', 'UnsupportedProtocol'],
    [
      'a waypoint on another port',
      'waypoint',
      [{ name: 'x', port: 8080, protocol: 'HBONE' }],
      0,
      'accepted',
      'PortUnavailable',
    ],
    ['a waypoint with HTTP', 'waypoint', [http('x')], 0, 'accepted', 'UnsupportedProtocol'],
    [
      'ProtocolConflict',
      'router',
      [http('a'), { name: 'b', port: 80, protocol: 'TCP' }],
      1,
      'conflicted',
      'ProtocolConflict',
    ],
    [
      'HostnameConflict',
      'router',
      [http('a', { hostname: 'x.y' }), http('b', { hostname: 'x.y' })],
      1,
      'conflicted',
      'HostnameConflict',
    ],
    [
      'InvalidRouteKinds',
      'router',
      [http('a', { allowedRoutes: { kinds: [{ kind: 'TCPRoute' }, { kind: 'HTTPRoute' }] } })],
      0,
      'resolvedRefs',
      'InvalidRouteKinds',
    ],
    [
      'a TLS listener without certificate',
      'router',
      [{ name: 'a', port: 443, protocol: 'HTTPS', tls: {} }],
      0,
      'resolvedRefs',
      'InvalidCertificateRef',
    ],
  ])('%s is told', (_name, role, listeners, at, condition, reason) => {
    const state = statesOf(role, ...listeners)[at]!;
    expect(state[condition].reason).toBe(reason);
    expect(state.programmed.status).toBe('False');
    expect(state[condition].message).not.toBe('');
  });

  it('of two that contradict each other the earlier one works', () => {
    const [first, second] = statesOf('router', http('a', { hostname: 'x.y' }), http('b', { hostname: 'x.y' }));
    expect(first!.programmed.status).toBe('True');
    expect(second!.conflicted.message).toBe('listener a has port 80 and hostname x.y; use another hostname');
  });
});

describe('attachment', () => {
  const route = (more: object = {}) => ({
    group: GROUP,
    kind: 'HTTPRoute',
    namespace: 'shop',
    namespaceLabels: { team: 'a' },
    hostnames: [],
    ...more,
  });
  const parent = (more: Partial<ParentReference> = {}): ParentReference => ({
    group: GROUP,
    kind: 'Gateway',
    name: 'g',
    ...more,
  });
  const all = { namespaces: { from: 'All' } };

  it.each<[string, object[], object, Partial<ParentReference>, string]>([
    ['Accepted', [http('a', { allowedRoutes: all })], {}, {}, 'Accepted'],
    ['another section', [http('a', { allowedRoutes: all })], {}, { sectionName: 'b' }, 'NoMatchingParent'],
    ['another port', [http('a', { allowedRoutes: all })], {}, { port: 81 }, 'NoMatchingParent'],
    ['another namespace', [http('a')], {}, {}, 'NotAllowedByListeners'],
    ['another kind', [http('a', { allowedRoutes: all })], { kind: 'TCPRoute' }, {}, 'NotAllowedByListeners'],
    [
      'no common host',
      [http('a', { allowedRoutes: all, hostname: 'x.example' })],
      { hostnames: ['y.example'] },
      {},
      'NoMatchingListenerHostname',
    ],
    [
      'a selected namespace',
      [http('a', { allowedRoutes: { namespaces: { from: 'Selector', selector: { matchLabels: { team: 'a' } } } } })],
      {},
      {},
      'Accepted',
    ],
    [
      'a namespace that is not selected',
      [http('a', { allowedRoutes: { namespaces: { from: 'Selector', selector: { matchLabels: { team: 'b' } } } } })],
      {},
      {},
      'NotAllowedByListeners',
    ],
  ])('%s', (_name, listeners, more, parentMore, reason) => {
    const gateway = { namespace: 'edge', listeners: statesOf('router', ...listeners) };
    expect(attachRoute(route(more), parent(parentMore), gateway).accepted.reason).toBe(reason);
  });

  it('is to every listener that takes the route, with the hosts that both have', () => {
    const listeners = statesOf(
      'router',
      http('a', { allowedRoutes: all, hostname: '*.example' }),
      http('b', { allowedRoutes: all, hostname: 'other.com' }),
    );
    const { listeners: attached } = attachRoute(route({ hostnames: ['x.example'] }), parent(), {
      namespace: 'edge',
      listeners,
    });
    expect(attached.map(({ state, hostnames }) => [state.listener.name, hostnames])).toEqual([['a', ['x.example']]]);
  });
});

describe('namespace selectors', () => {
  const other = { namespace: 'x', labels: { a: '1' } };
  const select = (...matchExpressions: { key: string; operator: string; values: string[] }[]) =>
    allowsNamespace({ from: 'Selector', selector: { matchLabels: {}, matchExpressions } }, 'home', other);

  it.each([
    ['In', ['1', '2'], true],
    ['In', ['2'], false],
    ['NotIn', ['2'], true],
    ['NotIn', ['1'], false],
    ['Exists', [], true],
    ['DoesNotExist', [], false],
    ['Unknown', [], false],
  ])('%s %j: %s', (operator, values, expected) => {
    expect(select({ key: 'a', operator, values })).toBe(expected);
  });

  it('that are missing select nothing', () => {
    expect(allowsNamespace({ from: 'Selector' }, 'home', other)).toBe(false);
    expect(allowsNamespace({ from: 'None' }, 'home', { namespace: 'home', labels: {} })).toBe(false);
  });
});

describe('references', () => {
  const grant = (namespace: string, to: object) =>
    REFERENCE_GRANTS.parse({
      metadata: { name: 'g', namespace },
      spec: { from: [{ group: GROUP, kind: 'HTTPRoute', namespace: 'shop' }], to: [to] },
    });
  const from = { group: GROUP, kind: 'HTTPRoute', namespace: 'shop' };
  const to = { group: '', kind: 'Service', namespace: 'back', name: 'api' };

  it('inside a namespace need no grant', () => {
    expect(mayRefer(from, { ...to, namespace: 'shop' }, [])).toBe(true);
  });

  it.each([
    ['a grant for the kind', grant('back', { group: '', kind: 'Service' }), true],
    ['a grant for the name', grant('back', { group: '', kind: 'Service', name: 'api' }), true],
    ['a grant for another name', grant('back', { group: '', kind: 'Service', name: 'web' }), false],
    ['a grant in another namespace', grant('shop', { group: '', kind: 'Service' }), false],
    ['a grant for another kind', grant('back', { group: '', kind: 'Secret' }), false],
    ['a grant whose name cannot be read', grant('back', { group: '', kind: 'Service', name: 7 }), false],
  ])('with %s: %#', (_name, one, expected) => {
    expect(mayRefer(from, to, [one])).toBe(expected);
  });
});

describe('routes of several kinds on one port of a Service (GEP-1294)', () => {
  it.each<[string, ServicePortClaim, ServicePortClaim[], string | null]>([
    [
      'GRPCRoute goes before HTTPRoute',
      { kind: 'HTTPRoute', port: 80 },
      [{ kind: 'GRPCRoute', port: 80 }],
      'GRPCRoute',
    ],
    ['HTTPRoute does not go before GRPCRoute', { kind: 'GRPCRoute' }, [{ kind: 'HTTPRoute' }], null],
    ['a route without port is for all of them', { kind: 'TLSRoute', port: 81 }, [{ kind: 'HTTPRoute' }], 'HTTPRoute'],
    ['a port is left', { kind: 'TCPRoute' }, [{ kind: 'HTTPRoute', port: 80 }], null],
    [
      'no port is left',
      { kind: 'TCPRoute' },
      [
        { kind: 'HTTPRoute', port: 80 },
        { kind: 'TLSRoute', port: 81 },
      ],
      'HTTPRoute',
    ],
    ['several of one kind are merged', { kind: 'HTTPRoute' }, [{ kind: 'HTTPRoute' }], null],
  ])('%s', (_rule, claim, others, expected) => {
    expect(supersedingKind(claim, [80, 81], others)).toBe(expected);
  });
});
