import { formatSocketAddress } from '@weft/ip';
import { Action, Scope } from '@weft/xds/gen/mesh/security/authorization.js';
import { ApplicationTunnel_Protocol } from '@weft/xds/gen/mesh/workload/workload.js';
import type { InboundContext } from '../dataplane/messages.js';
import { MeshState } from '../state/mesh-state.js';
import { bytes, memberOf, policy, service, workload, type WorkloadFields } from '../testing/mesh-fixtures.js';
import { attributeService, forwardedHost } from './attribute-service.js';
import { judgeInbound } from './judge-inbound.js';

const CLIENT_ID = 'spiffe://cluster.local/ns/shop/sa/client';
const presence = { matchType: { $case: 'presence' as const, value: {} } };

function judge(
  context: Partial<InboundContext>,
  options: { local?: WorkloadFields; prepare?: (state: MeshState) => void } = {},
): string {
  const verdict = admit(context, options);
  return verdict.ok
    ? formatSocketAddress(verdict.value.application.dial)
    : `${verdict.error.status} ${verdict.error.reason}`;
}

function admit(
  context: Partial<InboundContext>,
  options: { local?: WorkloadFields; prepare?: (state: MeshState) => void; localhostTunnel?: boolean } = {},
) {
  const state = new MeshState();
  const local = workload('server', '10.0.0.2', { services: memberOf('b'), ...options.local });
  state.upsertWorkload(local);
  state.upsertService(service('b', '10.96.0.1'));
  options.prepare?.(state);
  const complete: InboundContext = {
    podUid: 'server',
    transport: 'hbone',
    source: '10.0.0.1:4000',
    destination: context.transport === 'plaintext' ? '10.0.0.2:80' : '10.0.0.2:15008',
    peerIdentity: context.transport === 'plaintext' ? null : CLIENT_ID,
    ...context,
  };
  return judgeInbound(state, local, complete, { localhostTunnel: options.localhostTunnel ?? true });
}

describe('HBONE', () => {
  it.each<[string, Partial<InboundContext>, string]>([
    ['the pod address with a port', { authority: '10.0.0.2:80' }, '10.0.0.2:80'],
    ['another address', { authority: '10.0.0.3:80' }, '400 ip mismatch: 10.0.0.3 != 10.0.0.2'],
    ['a service address of the pod', { authority: '10.96.0.1:80' }, '400 ip mismatch: 10.96.0.1 != 10.0.0.2'],
    ['no port', { authority: '10.0.0.2' }, '400 invalid CONNECT address "10.0.0.2"'],
    ['port 0', { authority: '10.0.0.2:0' }, '400 invalid CONNECT address "10.0.0.2:0"'],
    ['no authority', {}, '400 invalid CONNECT address ""'],
    ['a service hostname resolves to the target port', { authority: 'b.shop.svc.cluster.local:80' }, '10.0.0.2:8080'],
    [
      'an unknown hostname',
      { authority: 'x.shop.svc.cluster.local:80' },
      '503 no service for target address: x.shop.svc.cluster.local:80',
    ],
    [
      'a hostname with a port that it does not have',
      { authority: 'b.shop.svc.cluster.local:81' },
      '503 requested service b.shop.svc.cluster.local:81 found, but cannot resolve port',
    ],
    ['a port of the proxy, 15008', { authority: '10.0.0.2:15008' }, '503 attempted recursive call to ourselves'],
    ['a port of the proxy, 15001', { authority: '10.0.0.2:15001' }, '503 attempted recursive call to ourselves'],
    ['a port of the proxy, 15006', { authority: '10.0.0.2:15006' }, '503 attempted recursive call to ourselves'],
    [
      'no client identity',
      { authority: '10.0.0.2:80', peerIdentity: null },
      '401 identity error: the client certificate has no SPIFFE identity',
    ],
    [
      'another trust domain',
      { authority: '10.0.0.2:80', peerIdentity: 'spiffe://evil/ns/shop/sa/client' },
      '401 identity error: spiffe://evil/ns/shop/sa/client is not of trust domain cluster.local',
    ],
  ])('%s', (_what, context, want) => expect(judge(context)).toBe(want));

  it('a named port comes from the local endpoint', () => {
    const prepare = (state: MeshState) =>
      state.upsertService(service('b', '10.96.0.1', { ports: [{ servicePort: 80, targetPort: 0 }] }));
    const services = { 'shop/b.shop.svc.cluster.local': { ports: [{ servicePort: 80, targetPort: 9 }] } };
    expect(judge({ authority: 'b.shop.svc.cluster.local:80' }, { prepare, local: { services } })).toBe('10.0.0.2:9');
  });

  it('a service that the pod does not serve is not reached through it', () => {
    const prepare = (state: MeshState) => state.upsertService(service('c', '10.96.0.3'));
    expect(judge({ authority: 'c.shop.svc.cluster.local:80' }, { prepare })).toContain(
      '503 no service for target address: c.shop.svc.cluster.local:80 is not served by',
    );
  });

  describe('at a waypoint', () => {
    const byName = {
      destination: { $case: 'hostname' as const, value: { namespace: 'shop', hostname: 'b.shop.svc.cluster.local' } },
    };
    const byIp = { destination: { $case: 'address' as const, value: { address: bytes('10.0.0.2') } } };
    it.each([
      [
        'a workload bound to its service',
        (state: MeshState) => state.upsertWorkload(workload('x', '10.0.0.7', { waypoint: byName })),
        '10.0.0.7:80',
      ],
      [
        'a workload bound to its address',
        (state: MeshState) => state.upsertWorkload(workload('x', '10.0.0.7', { waypoint: byIp })),
        '10.0.0.7:80',
      ],
      [
        'a service bound to it',
        (state: MeshState) => state.upsertService(service('x', '10.96.0.7', { waypoint: byIp })),
        '10.96.0.7:80',
      ],
      [
        'a service bound by weight',
        (state: MeshState) =>
          state.upsertService(service('x', '10.96.0.7', { weightedWaypoints: [{ destination: byName, weight: 1 }] })),
        '10.96.0.7:80',
      ],
    ])('the address of %s passes', (_what, prepare, authority) =>
      expect(judge({ authority }, { prepare })).toBe('10.0.0.2:80'),
    );
  });

  describe('with an application tunnel', () => {
    it('any address passes, and the port is overridden', () => {
      expect(judge({ authority: '10.9.9.9:80' }, { local: { applicationTunnel: { port: 15088 } } })).toBe(
        '10.0.0.2:15088',
      );
      expect(judge({ authority: '10.9.9.9:80' }, { local: { applicationTunnel: { port: 0 } } })).toBe('10.0.0.2:80');
    });
  });

  describe('with an application tunnel of protocol PROXY', () => {
    const PROXY = { applicationTunnel: { protocol: ApplicationTunnel_Protocol.PROXY, port: 15088 } };
    const told = (
      context: Partial<InboundContext>,
      options: { prepare?: (state: MeshState) => void; localhostTunnel?: boolean } = {},
    ) => {
      const admission = admit(context, { local: PROXY, ...options });
      if (!admission.ok) return `${admission.error.status} ${admission.error.reason}`;
      const { dial, preserveSource, proxyHeader } = admission.value.application;
      return { dial: formatSocketAddress(dial), preserveSource, proxyHeader };
    };
    it('it is dialled on loopback as itself, and told who came and what for', () => {
      expect(told({ authority: '10.96.0.1:80' })).toEqual({
        dial: '127.0.0.1:15088',
        preserveSource: false,
        proxyHeader: {
          destination: '10.96.0.1:80',
          clientIdentity: CLIENT_ID,
          serviceHostname: 'b.shop.svc.cluster.local',
        },
      });
    });
    it('the address of a pod has no service, unless the client names one', () => {
      expect(told({ authority: '10.9.9.9:80' })).toMatchObject({
        proxyHeader: { destination: '10.9.9.9:80', clientIdentity: CLIENT_ID },
      });
      expect(told({ authority: '10.9.9.9:80', forwarded: 'for="1.2.3.4:5";host=c.shop' })).toMatchObject({
        proxyHeader: { destination: '10.9.9.9:80', serviceHostname: 'c.shop' },
      });
    });
    it('without LOCALHOST_APP_TUNNEL it is dialled at its address, as the client', () => {
      expect(told({ authority: '10.96.0.1:80' }, { localhostTunnel: false })).toMatchObject({
        dial: '10.0.0.2:15088',
        preserveSource: true,
        proxyHeader: { destination: '10.96.0.1:80' },
      });
    });
    it('a hostname is told as an address of the service: of this network, then IPv4', () => {
      const addresses = ['10.97.0.1', 'fd00::7', '10.96.0.7'].map((text, i) => ({
        network: i === 0 ? 'other' : '',
        address: bytes(text),
      }));
      const prepare = (state: MeshState) => {
        state.upsertService(service('b', null, { addresses }));
        state.upsertWorkload(workload('server', '10.0.0.2', { services: memberOf('b'), ...PROXY }));
      };
      const local = { ...PROXY, services: memberOf('b') };
      const admission = admit({ authority: 'b.shop.svc.cluster.local:80' }, { local, prepare });
      expect(admission).toMatchObject({
        ok: true,
        value: {
          application: {
            proxyHeader: { destination: '10.96.0.7:80', serviceHostname: 'b.shop.svc.cluster.local' },
          },
        },
      });
    });
    it('a hostname without any address is refused: the header could not say where to', () => {
      const prepare = (state: MeshState) => state.upsertService(service('b', null));
      const local = { ...PROXY, services: memberOf('b') };
      expect(judge({ authority: 'b.shop.svc.cluster.local:80' }, { local, prepare })).toBe(
        '503 no address for the PROXY header of b.shop.svc.cluster.local:80',
      );
    });
    it('policies see the port of the tunnel and the pod, not loopback', () => {
      const deny = (port: number) =>
        policy('p', {
          scope: Scope.NAMESPACE,
          action: Action.DENY,
          groups: [{ rules: [{ matches: [{ destinationPorts: [port] }] }] }],
        });
      const judged = (port: number) =>
        judge(
          { authority: '10.96.0.1:80' },
          { local: PROXY, prepare: (state) => state.upsertPolicy('shop/p', deny(port)) },
        );
      expect(judged(80)).toBe('127.0.0.1:15088');
      expect(judged(15088)).toContain('explicitly denied by: shop/p');
    });
    it('plaintext goes past it, since it was not addressed to the tunnel', () => {
      expect(told({ transport: 'plaintext' })).toEqual({
        dial: '10.0.0.2:80',
        preserveSource: true,
        proxyHeader: null,
      });
    });
  });
});

describe('plaintext', () => {
  it('goes to the original destination', () => expect(judge({ transport: 'plaintext' })).toBe('10.0.0.2:80'));
  it('never into the proxy', () => {
    expect(judge({ transport: 'plaintext', destination: '10.0.0.2:15006' })).toBe(
      '503 attempted recursive call to ourselves',
    );
  });
  it('an identity that the context claims is ignored', () => {
    const strict = policy('strict', {
      scope: Scope.NAMESPACE,
      action: Action.DENY,
      groups: [{ rules: [{ matches: [{ notPrincipals: [presence] }] }] }],
    });
    const prepare = (state: MeshState) => state.upsertPolicy('shop/strict', strict);
    const denied = '401 connection closed due to policy rejection: explicitly denied by: shop/strict';
    expect(judge({ transport: 'plaintext', peerIdentity: CLIENT_ID }, { prepare })).toBe(denied);
    expect(judge({ authority: '10.0.0.2:80' }, { prepare })).toBe('10.0.0.2:80');
  });
});

describe('policies', () => {
  const portPolicy = (name: string, action: Action, port: number, scope = Scope.NAMESPACE) =>
    policy(name, { scope, action, groups: [{ rules: [{ matches: [{ destinationPorts: [port] }] }] }] });
  it('see the port of the application, never 15008', () => {
    const prepare = (state: MeshState) => state.upsertPolicy('shop/p', portPolicy('p', Action.ALLOW, 8080));
    expect(judge({ authority: 'b.shop.svc.cluster.local:80' }, { prepare })).toBe('10.0.0.2:8080');
    expect(judge({ authority: '10.0.0.2:80' }, { prepare })).toBe(
      '401 connection closed due to policy rejection: allow policies exist, but none allowed (shop/p)',
    );
  });
  it('that are unknown are skipped', () => {
    expect(judge({ authority: '10.0.0.2:80' }, { local: { authorizationPolicies: ['shop/gone'] } })).toBe(
      '10.0.0.2:80',
    );
  });
  it('of a selector apply to those that name them', () => {
    const prepare = (state: MeshState) =>
      state.upsertPolicy('shop/s', portPolicy('s', Action.DENY, 80, Scope.WORKLOAD_SELECTOR));
    expect(judge({ authority: '10.0.0.2:80' }, { prepare })).toBe('10.0.0.2:80');
    expect(judge({ authority: '10.0.0.2:80' }, { prepare, local: { authorizationPolicies: ['shop/s'] } })).toContain(
      'explicitly denied by: shop/s',
    );
  });
});

describe('the service of an inbound connection', () => {
  it.each([
    ['for="1.2.3.4:5";host=b.shop', 'b.shop'],
    ['host="b.shop"', 'b.shop'],
    ['for=x', null],
    ['for="a";host=', null],
    [undefined, null],
  ])('forwarded %j means host %j', (header, want) => expect(forwardedHost(header)).toBe(want));

  it('is the one that the client meant, if the workload belongs to it, else the first with that port', () => {
    const state = new MeshState();
    state.upsertService(service('b', null, { ports: [{ servicePort: 80, targetPort: 1 }] }));
    state.upsertService(service('c', null));
    const local = workload('server', '10.0.0.2', { services: memberOf('b', 'c') });
    const attributed = (port: number, forwarded?: string) =>
      attributeService(state, local, { port, forwarded })?.name ?? null;
    expect(attributed(1, 'host=c.shop.svc.cluster.local')).toBe('c');
    expect(attributed(8080, 'host=evil')).toBe('b');
    expect(attributed(9)).toBeNull();
  });
});
