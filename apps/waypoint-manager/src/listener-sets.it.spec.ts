import { NAMESPACES, SERVICES, type Condition, type KubeClient, type KubeObject } from '@weft/kube';
import { HTTP_ROUTES, LISTENER_SETS, REFERENCE_GRANTS } from '@weft/mesh-api';
import { until } from '@weft/testing-fixtures';
import type { ListenerSetStatus } from './status/listener-set-status.js';
import { createTlsSecret, edgeIdentity } from './testing/tls-secret.js';
import { created, gateway, makeCluster, startManager, statusOf } from './testing/manager-cluster.js';

type SetObject = KubeObject & { spec: object; status?: ListenerSetStatus };

const http = (name: string, more: object = {}) => ({
  name,
  port: 80,
  protocol: 'HTTP',
  hostname: `${name}.example`,
  ...more,
});
const edge = (name: string, listeners: readonly object[], from?: object) =>
  gateway(name, {
    gatewayClassName: 'istio',
    listeners,
    ...(from === undefined ? {} : { allowedListeners: { namespaces: from } }),
  });
const added = (kube: KubeClient, name: string, parent: string, listeners: readonly object[], namespace = 'shop') =>
  kube.create<SetObject>(LISTENER_SETS, {
    metadata: { name, namespace },
    spec: { parentRef: { name: parent, namespace: 'shop' }, listeners },
  });

const shown = (conditions: readonly Condition[] = [], types: readonly string[]): string =>
  types
    .map((type) => conditions.find((one) => one.type === type))
    .map((one) => `${one?.type ?? ''} ${one?.status ?? ''} ${one?.reason ?? ''}`)
    .join(', ');

async function setStatus(kube: KubeClient, name: string, namespace: string): Promise<ListenerSetStatus | undefined> {
  return (await kube.get<SetObject>(LISTENER_SETS, namespace, name))?.status;
}

const becomes = async (look: () => Promise<string>, expected: string): Promise<void> => {
  let seen = '';
  await until(async () => (seen = await look()) === expected, expected).catch(() => expect(seen).toBe(expected));
};

/** Conditions of a ListenerSet. */
const setBecomes = (kube: KubeClient, name: string, expected: string, namespace = 'shop') =>
  becomes(
    async () => shown((await setStatus(kube, name, namespace))?.conditions, ['Accepted', 'Programmed']),
    expected,
  );

/** Conditions of its listener. */
const entryBecomes = (
  kube: KubeClient,
  set: string,
  listener: string,
  types: readonly string[],
  expected: string,
  namespace = 'shop',
) =>
  becomes(async () => {
    const status = await setStatus(kube, set, namespace);
    return shown(status?.listeners?.find(({ name }) => name === listener)?.conditions, types);
  }, expected);

const attached = (kube: KubeClient, name: string, count: number) =>
  becomes(async () => String((await statusOf(kube, name))?.attachedListenerSets), String(count));

const GOOD = 'Accepted True Accepted, Programmed True Programmed';
const NOT_ALLOWED = 'Accepted False NotAllowed, Programmed False NotAllowed';
const NOT_VALID = 'Accepted False ListenersNotValid, Programmed False ListenersNotValid';
const SOME_VALID = 'Accepted True ListenersNotValid, Programmed True Programmed';
const ENTRY = ['Accepted', 'Programmed', 'Conflicted'];
const ENTRY_GOOD = 'Accepted True Accepted, Programmed True Programmed, Conflicted False NoConflicts';

/** By the names of the conformance suite: status, and ports of the Service. */
describe('ListenerSet', () => {
  it('ListenerSetDefaultNotAllowed, and AllowedNamespaceNone, Same and Selector', async () => {
    const kube = await makeCluster();
    await kube.create(NAMESPACES, { metadata: { name: 'labelled', labels: { allowed: 'yes' } } });
    await kube.create(NAMESPACES, { metadata: { name: 'other' } });
    await startManager(kube);
    const cases: readonly (readonly [string, object | undefined, Readonly<Record<string, boolean>>])[] = [
      ['default', undefined, { shop: false }],
      ['none', { from: 'None' }, { shop: false }],
      ['same', { from: 'Same' }, { shop: true, other: false }],
      [
        'selected',
        { from: 'Selector', selector: { matchLabels: { allowed: 'yes' } } },
        { labelled: true, other: false },
      ],
    ];
    for (const [name, from, namespaces] of cases) {
      await created(kube, edge(name, [http('own')], from));
      for (const [namespace, isAllowed] of Object.entries(namespaces)) {
        await added(kube, name, name, [http('added')], namespace);
        await setBecomes(kube, name, isAllowed ? GOOD : NOT_ALLOWED, namespace);
      }
      await attached(kube, name, Object.values(namespaces).filter(Boolean).length);
    }
  });

  it.each([
    ['HostnameConflict', (name: string) => http(name)],
    ['ProtocolConflict', (name: string) => ({ name, port: 80, protocol: 'TCP' })],
  ])('ListenerSet%s: the Gateway goes before its sets, and the older set before the younger', async (reason, rival) => {
    const kube = await makeCluster();
    await startManager(kube);
    await created(kube, edge('gw', [http('own'), http('gw-conflict')], { from: 'Same' }));
    await added(kube, 'a-1', 'gw', [http('a'), rival('gw-conflict'), http('set-conflict')]);
    await added(kube, 'a-2', 'gw', [rival('gw-conflict')]);
    await added(kube, 'b-1', 'gw', [http('b'), rival('set-conflict')]);
    await added(kube, 'b-2', 'gw', [rival('set-conflict')]);
    const lost = `Accepted False ${reason}, Programmed False ${reason}, Conflicted True ${reason}`;
    await setBecomes(kube, 'a-1', SOME_VALID);
    await entryBecomes(kube, 'a-1', 'a', ENTRY, ENTRY_GOOD);
    await entryBecomes(kube, 'a-1', 'gw-conflict', ENTRY, lost);
    await entryBecomes(kube, 'a-1', 'set-conflict', ENTRY, ENTRY_GOOD);
    await setBecomes(kube, 'a-2', NOT_VALID);
    await setBecomes(kube, 'b-1', SOME_VALID);
    await entryBecomes(kube, 'b-1', 'b', ENTRY, ENTRY_GOOD);
    await entryBecomes(kube, 'b-1', 'set-conflict', ENTRY, lost);
    await setBecomes(kube, 'b-2', NOT_VALID);
    await attached(kube, 'gw', 2);
    const own = (await statusOf(kube, 'gw'))?.listeners ?? [];
    expect(own.map(({ conditions }) => shown(conditions, ENTRY))).toEqual([ENTRY_GOOD, ENTRY_GOOD]);
  });

  it('ListenerSetReferenceGrant: a grant is to ListenerSets, that to Gateways is not theirs', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    await createTlsSecret(kube, 'istio-system', 'cert', await edgeIdentity());
    const grant = (name: string, kind: string) =>
      kube.create<KubeObject & { spec: object }>(REFERENCE_GRANTS, {
        metadata: { name, namespace: 'istio-system' },
        spec: {
          from: [{ group: 'gateway.networking.k8s.io', kind, namespace: 'shop' }],
          to: [{ group: '', kind: 'Secret' }],
        },
      });
    const tls = { certificateRefs: [{ name: 'cert', namespace: 'istio-system' }] };
    const https = (name: string) => http(name, { port: 443, protocol: 'HTTPS', tls });
    await grant('gateways', 'Gateway');
    await created(kube, edge('gw', [https('own')], { from: 'All' }));
    await added(kube, 'set', 'gw', [https('added')]);
    await entryBecomes(kube, 'set', 'added', ['ResolvedRefs'], 'ResolvedRefs False RefNotPermitted');
    await setBecomes(kube, 'set', NOT_VALID);
    await grant('sets', 'ListenerSet');
    await entryBecomes(kube, 'set', 'added', ['ResolvedRefs'], 'ResolvedRefs True ResolvedRefs');
    await setBecomes(kube, 'set', GOOD);
  });

  it('ListenerSetAllowedRoutesSupportedKinds, and ports, and routes by listener', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    const tlsOnly = { allowedRoutes: { kinds: [{ kind: 'TLSRoute' }] } };
    await created(kube, edge('gw', [http('own')], { from: 'Same' }));
    await added(kube, 'set', 'gw', [http('tls-only', tlsOnly), http('web', { port: 8081 })]);
    await entryBecomes(kube, 'set', 'tls-only', ['ResolvedRefs'], 'ResolvedRefs False InvalidRouteKinds');
    const parent = (kind: string, name: string) => ({ group: 'gateway.networking.k8s.io', kind, name });
    const parents = {
      of: [parent('ListenerSet', 'set')],
      both: [parent('ListenerSet', 'set'), parent('Gateway', 'gw')],
    };
    for (const [name, parentRefs] of Object.entries(parents))
      await kube.create<KubeObject & { spec: object }>(HTTP_ROUTES, {
        metadata: { name, namespace: 'shop' },
        spec: { parentRefs },
      });
    const counts = async (): Promise<string> => {
      const set = (await setStatus(kube, 'set', 'shop'))?.listeners ?? [];
      const own = (await statusOf(kube, 'gw'))?.listeners ?? [];
      return [...own, ...set].map(({ name, attachedRoutes }) => `${name} ${attachedRoutes}`).join(', ');
    };
    await becomes(counts, 'own 1, tls-only 0, web 2');
    const ports = async (): Promise<string> => {
      const service = await kube.get(SERVICES, 'shop', 'gw-istio');
      return (service?.spec?.ports ?? []).map(({ port }) => port).join();
    };
    await becomes(ports, '15021,80,8081');
    await kube.delete(LISTENER_SETS, 'shop', 'set');
    await becomes(ports, '15021,80');
    await attached(kube, 'gw', 0);
  });
});
