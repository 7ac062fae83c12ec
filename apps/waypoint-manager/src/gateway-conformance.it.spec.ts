import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  SECRETS,
  SERVICE_ACCOUNTS,
  SERVICES,
  type Condition,
  type KubeClient,
  type KubeObject,
} from '@weft/kube';
import { GATEWAY_CLASSES, GATEWAYS, HTTP_ROUTES, REFERENCE_GRANTS } from '@weft/mesh-api';
import { until } from '@weft/testing-fixtures';
import { createTlsSecret, edgeIdentity } from './testing/tls-secret.js';
import { condition, created, gateway, makeCluster, startManager, statusOf } from './testing/manager-cluster.js';

const NAME_LABEL = 'gateway.networking.k8s.io/gateway-name';

type WithSpec = KubeObject & { spec: object };

const http = (name: string, more: object = {}) => ({ name, port: 80, protocol: 'HTTP', ...more });
const edge = (name: string, listeners: readonly object[], more: object = {}) =>
  gateway(name, { gatewayClassName: 'istio', listeners, ...more });

/** `<status> <reason>` of a Gateway's condition. */
const verdict = async (kube: KubeClient, name: string, type: string): Promise<string> => {
  const found = await condition(kube, name, type);
  return `${found?.status ?? ''} ${found?.reason ?? ''}`;
};

/** Of each listener: kinds of routes, routes, and the reason of a condition. */
const listeners = async (kube: KubeClient, name: string, type: string): Promise<string> =>
  ((await statusOf(kube, name))?.listeners ?? [])
    .map((one) => {
      const kinds = one.supportedKinds.map(({ kind }) => kind).join('+');
      const reason = one.conditions.find((each) => each.type === type)?.reason ?? '';
      return `${one.name} ${kinds || 'none'} ${one.attachedRoutes} ${reason}`;
    })
    .join(', ');

const becomes = async (look: () => Promise<string>, expected: string): Promise<void> => {
  let seen = '';
  await until(async () => (seen = await look()) === expected, expected).catch(() => expect(seen).toBe(expected));
};

type Balanced = KubeObject & { spec?: { loadBalancerIP?: string } };

/** As the kubelet and a load balancer would. */
const runs = async (kube: KubeClient, name: string): Promise<void> => {
  await until(async () => (await kube.get(DEPLOYMENTS, 'shop', name)) !== null, `Deployment ${name}`);
  const status = { replicas: 1, readyReplicas: 1 };
  await kube.patch(DEPLOYMENTS, 'shop', name, { status }, { kind: 'merge', subresource: 'status' });
};
const balance = (kube: KubeClient, name: string, ...ips: readonly string[]) =>
  kube.patch(
    SERVICES,
    'shop',
    name,
    { status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } } },
    { kind: 'merge', subresource: 'status' },
  );

/** Generations that the conditions of a Gateway and of its listeners speak of. */
const generations = async (kube: KubeClient, name: string): Promise<string> => {
  const status = await statusOf(kube, name);
  const all = [status, ...(status?.listeners ?? [])].flatMap((one) => one?.conditions ?? []);
  return [...new Set(all.map(({ observedGeneration }) => observedGeneration))].join();
};

/** By the names of the conformance suite: those that look at the status of Gateways and their classes. */
describe('GATEWAY-HTTP, status', () => {
  it('GatewayClassObservedGenerationBump', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    const accepted = async (): Promise<string> => {
      const found = await kube.get<KubeObject & { status?: { conditions?: readonly Condition[] } }>(
        GATEWAY_CLASSES,
        undefined,
        'istio',
      );
      const [first] = found?.status?.conditions ?? [];
      return `${first?.type ?? ''} ${first?.status ?? ''} ${first?.observedGeneration ?? ''}`;
    };
    await becomes(accepted, 'Accepted True 1');
    const spec = { description: 'a class that somebody has described' };
    await kube.patch<WithSpec>(GATEWAY_CLASSES, undefined, 'istio', { spec }, { kind: 'merge' });
    await becomes(accepted, 'Accepted True 2');
  });

  it('GatewayObservedGenerationBump', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    await created(kube, edge('bump', [http('one')]));
    await becomes(() => generations(kube, 'bump'), '1');
    const spec = { listeners: [http('one'), http('two', { hostname: 'a.example' })] };
    await kube.patch(GATEWAYS, 'shop', 'bump', { spec }, { kind: 'merge' });
    await becomes(() => generations(kube, 'bump'), '2');
  });

  it('GatewayInvalidParametersRef', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    const infrastructure = { parametersRef: { group: 'invalid.io', kind: 'InvalidParameters', name: 'none' } };
    await created(kube, edge('parameters', [http('one')], { infrastructure }));
    await becomes(() => verdict(kube, 'parameters', 'Accepted'), 'False InvalidParameters');
  });

  it('GatewayInvalidRouteKind', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    const kinds = (...names: readonly string[]) => ({ allowedRoutes: { kinds: names.map((kind) => ({ kind })) } });
    await created(kube, edge('only-invalid', [http('http', kinds('InvalidRoute'))]));
    await created(kube, edge('mixed', [http('http', kinds('InvalidRoute', 'HTTPRoute'))]));
    await becomes(() => listeners(kube, 'only-invalid', 'ResolvedRefs'), 'http none 0 InvalidRouteKinds');
    await becomes(() => listeners(kube, 'mixed', 'ResolvedRefs'), 'http HTTPRoute 0 InvalidRouteKinds');
  });

  it('GatewayListenerUnsupportedProtocol', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    const invalid = { name: 'invalid', port: 81, protocol: 'example.com/unknown' };
    const allowedRoutes = { kinds: [{ kind: 'HTTPRoute' }] };
    await created(kube, edge('only-unsupported', [invalid]));
    await created(kube, edge('both', [http('http', { allowedRoutes }), invalid]));
    await becomes(() => verdict(kube, 'only-unsupported', 'Accepted'), 'False ListenersNotValid');
    await becomes(() => verdict(kube, 'both', 'Accepted'), 'True ListenersNotValid');
    await becomes(() => listeners(kube, 'only-unsupported', 'Accepted'), 'invalid none 0 UnsupportedProtocol');
    await becomes(
      () => listeners(kube, 'both', 'Accepted'),
      'http HTTPRoute 0 Accepted, invalid none 0 UnsupportedProtocol',
    );
  });

  it('GatewayModifyListeners: the status has the listeners that there are now, each with its routes', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    const allowedRoutes = { kinds: [{ kind: 'HTTPRoute' }] };
    const one = http('one', { allowedRoutes, hostname: 'one.example' });
    const two = http('two', { allowedRoutes, hostname: 'two.example' });
    await created(kube, edge('modified', [one]));
    for (const host of ['one.example', 'two.example'])
      await kube.create<WithSpec>(HTTP_ROUTES, {
        metadata: { name: host, namespace: 'shop' },
        spec: { parentRefs: [{ name: 'modified' }], hostnames: [host] },
      });
    const served = () => listeners(kube, 'modified', 'Accepted');
    const set = (all: readonly object[]) =>
      kube.patch(GATEWAYS, 'shop', 'modified', { spec: { listeners: all } }, { kind: 'merge' });
    await becomes(served, 'one HTTPRoute 1 Accepted');
    await set([one, two]);
    await becomes(served, 'one HTTPRoute 1 Accepted, two HTTPRoute 1 Accepted');
    await set([two]);
    await becomes(served, 'two HTTPRoute 1 Accepted');
    await becomes(() => generations(kube, 'modified'), '3');
  });

  it('GatewayNameMaximumLength', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    const name = `gateway-${'a'.repeat(245)}`;
    await created(kube, edge(name, [http('one')]));
    await becomes(() => generations(kube, name), '1');
    await becomes(() => verdict(kube, name, 'Accepted'), 'True Accepted');
  });
});

describe('GATEWAY-HTTP, Secrets of another namespace', () => {
  const FAR = 'istio-system';
  const gateways = { group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: 'shop' };
  const secret = { group: '', kind: 'Secret' };
  const grant = (kube: KubeClient, name: string, from: object, to: object) =>
    kube.create<WithSpec>(REFERENCE_GRANTS, { metadata: { name, namespace: FAR }, spec: { from: [from], to: [to] } });
  const resolved = (kube: KubeClient) => () => listeners(kube, 'secure', 'ResolvedRefs');

  /** A Gateway with a listener for each of the Secrets `first` and `second`, neither of which it may use. */
  const makeSecure = async (): Promise<KubeClient> => {
    const kube = await makeCluster();
    await startManager(kube);
    const identity = await edgeIdentity();
    const https = (name: string) => ({
      name,
      port: 443,
      protocol: 'HTTPS',
      hostname: `${name}.example`,
      tls: { certificateRefs: [{ name, namespace: FAR }] },
      allowedRoutes: { kinds: [{ kind: 'HTTPRoute' }] },
    });
    for (const name of ['first', 'second']) await createTlsSecret(kube, FAR, name, identity);
    await created(kube, edge('secure', [https('first'), https('second')]));
    await becomes(resolved(kube), 'first HTTPRoute 0 RefNotPermitted, second HTTPRoute 0 RefNotPermitted');
    return kube;
  };

  it('GatewaySecretReferenceGrantAllInNamespace', async () => {
    const kube = await makeSecure();
    await grant(kube, 'all', gateways, secret);
    await becomes(resolved(kube), 'first HTTPRoute 0 ResolvedRefs, second HTTPRoute 0 ResolvedRefs');
  });

  it.each([
    ['of another namespace', { ...gateways, namespace: 'elsewhere' }, secret],
    ['of another kind', { ...gateways, kind: 'HTTPRoute' }, secret],
    ['to another kind', gateways, { ...secret, kind: 'Service' }],
    ['to another Secret', gateways, { ...secret, name: 'other' }],
  ])('GatewaySecretInvalidReferenceGrant: a grant %s opens nothing', async (_what, from, to) => {
    const kube = await makeSecure();
    await grant(kube, 'invalid', from, to);
    // Seen after it.
    await grant(kube, 'valid', gateways, { ...secret, name: 'second' });
    await becomes(resolved(kube), 'first HTTPRoute 0 RefNotPermitted, second HTTPRoute 0 ResolvedRefs');
  });
});

describe('certificates that Gateways show to services', () => {
  const broken = { 'tls.crt': Buffer.from('no').toString('base64'), 'tls.key': Buffer.from('no').toString('base64') };

  it('GatewayInvalidTLSBackendConfiguration', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    await kube.create(SECRETS, { metadata: { name: 'far', namespace: 'istio-system' }, data: broken });
    await kube.create(SECRETS, { metadata: { name: 'malformed', namespace: 'shop' }, data: broken });
    const cases: readonly (readonly [string, object, string])[] = [
      ['nonexistent', { name: 'nonexistent' }, 'InvalidClientCertificateRef'],
      ['unsupported-group', { group: 'wrong.io', kind: 'Secret', name: 'x' }, 'InvalidClientCertificateRef'],
      ['unsupported-kind', { kind: 'ConfigMap', name: 'x' }, 'InvalidClientCertificateRef'],
      ['malformed', { name: 'malformed' }, 'InvalidClientCertificateRef'],
      ['no-grant', { name: 'far', namespace: 'istio-system' }, 'RefNotPermitted'],
    ];
    for (const [name, clientCertificateRef, reason] of cases) {
      await created(kube, edge(name, [http('one')], { tls: { backend: { clientCertificateRef } } }));
      await becomes(() => verdict(kube, name, 'ResolvedRefs'), `False ${reason}`);
      await becomes(() => verdict(kube, name, 'Accepted'), 'True Accepted');
    }
  });
});

describe('certificates of clients, status', () => {
  const tls = { certificateRefs: [{ name: 'server' }] };
  const https = (name: string, port: number) => ({ name, port, protocol: 'HTTPS', tls });
  const validation = (reference: object, more: object = {}) => ({
    validation: { caCertificateRefs: [{ group: '', kind: 'ConfigMap', ...reference }], ...more },
  });
  /** `<listener> <Accepted> <ResolvedRefs>`, by reason. */
  const reasons = async (kube: KubeClient, name: string): Promise<string> =>
    ((await statusOf(kube, name))?.listeners ?? [])
      .map((one) => {
        const reason = (type: string) => one.conditions.find((each) => each.type === type)?.reason ?? '';
        return `${one.name} ${reason('Accepted')} ${reason('ResolvedRefs')}`;
      })
      .join(', ');
  const BAD = 'NoValidCACertificate';

  const makeReady = async (): Promise<KubeClient> => {
    const kube = await makeCluster();
    await startManager(kube);
    const identity = await edgeIdentity();
    await createTlsSecret(kube, 'shop', 'server', identity);
    for (const namespace of ['shop', 'istio-system'])
      await kube.create(CONFIG_MAPS, { metadata: { name: 'roots', namespace }, data: { 'ca.crt': identity.rootsPem } });
    return kube;
  };

  it('GatewayFrontendInvalidDefaultClientCertificateValidation: the status of listeners for HTTPS', async () => {
    const kube = await makeReady();
    const frontend = { default: validation({ name: 'later' }) };
    await created(kube, edge('default', [http('http'), https('https', 443)], { tls: { frontend } }));
    await becomes(() => reasons(kube, 'default'), `http Accepted ResolvedRefs, https ${BAD} InvalidCACertificateRef`);
    const roots = (await kube.get(CONFIG_MAPS, 'shop', 'roots'))!.data!;
    await kube.create(CONFIG_MAPS, { metadata: { name: 'later', namespace: 'shop' }, data: roots });
    await becomes(() => reasons(kube, 'default'), 'http Accepted ResolvedRefs, https Accepted ResolvedRefs');
  });

  it('GatewayInvalidFrontendClientCertificateValidation', async () => {
    const kube = await makeReady();
    const perPort = [
      [8443, { name: 'nowhere' }],
      [8444, { group: 'wrong.io', kind: 'Wrong', name: 'x' }],
      [8445, { name: 'roots', namespace: 'istio-system' }],
    ] as const;
    const ports = [443, ...perPort.map(([port]) => port)];
    const frontend = {
      default: validation({ name: 'roots' }),
      perPort: perPort.map(([port, reference]) => ({ port, tls: validation(reference) })),
    };
    const all = ports.map((port) => https(`https-${port}`, port));
    await created(kube, edge('clients', all, { tls: { frontend } }));
    const expected = [
      'https-443 Accepted ResolvedRefs',
      `https-8443 ${BAD} InvalidCACertificateRef`,
      `https-8444 ${BAD} InvalidCACertificateKind`,
      `https-8445 ${BAD} RefNotPermitted`,
    ];
    await becomes(() => reasons(kube, 'clients'), expected.join(', '));
  });

  it('GatewayFrontendClientCertificateValidationInsecureFallback: the Gateway says so', async () => {
    const kube = await makeReady();
    const frontend = (mode: string) => ({ default: validation({ name: 'roots' }, { mode }) });
    await created(kube, edge('open', [https('https', 443)], { tls: { frontend: frontend('AllowInsecureFallback') } }));
    await becomes(() => verdict(kube, 'open', 'InsecureFrontendValidationMode'), 'True ConfigurationChanged');
    const spec = { tls: { frontend: frontend('AllowValidOnly') } };
    await kube.patch<WithSpec>(GATEWAYS, 'shop', 'open', { spec }, { kind: 'merge' });
    await becomes(() => verdict(kube, 'open', 'InsecureFrontendValidationMode'), ' ');
  });
});

describe('listeners for TLS, and port 8080, status', () => {
  it('TLSRouteListenerPassthroughSupportedKinds, TLSRouteListenerTerminateSupportedKinds', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    const kinds = (...names: readonly string[]) => ({ allowedRoutes: { kinds: names.map((kind) => ({ kind })) } });
    const tls = (name: string, port: number, mode: string, more: object) => ({
      name,
      port,
      protocol: 'TLS',
      tls: mode === 'Passthrough' ? { mode } : { mode, certificateRefs: [{ name: 'none' }] },
      ...more,
    });
    const all = [
      tls('passed', 8443, 'Passthrough', {}),
      tls('passed-both', 8444, 'Passthrough', kinds('TLSRoute', 'TCPRoute')),
      tls('ended-both', 8445, 'Terminate', kinds('TLSRoute', 'TCPRoute')),
    ];
    await created(kube, edge('kinds', all));
    const expected = [
      'passed TLSRoute 0 ResolvedRefs',
      'passed-both TLSRoute 0 InvalidRouteKinds',
      'ended-both TLSRoute 0 InvalidRouteKinds',
    ];
    await becomes(() => listeners(kube, 'kinds', 'ResolvedRefs'), expected.join(', '));
  });

  it('GatewayWithAttachedRoutesWithPort8080: routes are counted for the port that they name', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    const allowedRoutes = { kinds: [{ kind: 'HTTPRoute' }] };
    await created(kube, edge('ports', [http('http', { allowedRoutes }), http('alt', { port: 8080, allowedRoutes })]));
    const route = (name: string, parent: object) =>
      kube.create<WithSpec>(HTTP_ROUTES, {
        metadata: { name, namespace: 'shop' },
        spec: { parentRefs: [{ name: 'ports', ...parent }] },
      });
    await route('by-port', { port: 8080 });
    await route('by-name', { sectionName: 'alt' });
    await route('of-none', { sectionName: 'http', port: 8080 });
    await becomes(() => listeners(kube, 'ports', 'Accepted'), 'http HTTPRoute 0 Accepted, alt HTTPRoute 2 Accepted');
    await route('of-both', {});
    await becomes(() => listeners(kube, 'ports', 'Accepted'), 'http HTTPRoute 1 Accepted, alt HTTPRoute 3 Accepted');
  });
});

describe('what is made for a Gateway', () => {
  it('GatewayInfrastructureMetadata: its labels and annotations are those of every object', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    const infrastructure = { labels: { team: 'edge' }, annotations: { 'example.com/owner': 'them' } };
    await created(kube, edge('infra', [http('one')], { infrastructure }));
    const own = {
      labels: { ...infrastructure.labels, [NAME_LABEL]: 'infra' },
      annotations: infrastructure.annotations,
    };
    await becomes(() => verdict(kube, 'infra', 'Accepted'), 'True Accepted');
    await until(async () => (await kube.get(DEPLOYMENTS, 'shop', 'infra-istio')) !== null, 'a Deployment');
    for (const type of [SERVICE_ACCOUNTS, SERVICES, DEPLOYMENTS])
      expect((await kube.get<KubeObject>(type, 'shop', 'infra-istio'))?.metadata).toMatchObject(own);
    const deployment = await kube.get(DEPLOYMENTS, 'shop', 'infra-istio');
    expect(deployment?.spec?.template.metadata).toMatchObject(own);
  });

  it('GatewayOptionalAddressValue: an address without a value is whichever is given', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    await created(kube, edge('address', [http('one')], { addresses: [{ type: 'IPAddress' }] }));
    await becomes(() => verdict(kube, 'address', 'Accepted'), 'True Accepted');
    await until(async () => (await kube.get(SERVICES, 'shop', 'address-istio')) !== null, 'a Service');
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.7' }] } };
    await kube.patch(SERVICES, 'shop', 'address-istio', { status }, { kind: 'merge', subresource: 'status' });
    const addresses = async () => JSON.stringify((await statusOf(kube, 'address'))?.addresses);
    await becomes(addresses, JSON.stringify([{ type: 'IPAddress', value: '192.0.2.7' }]));
  });

  it('GatewayStaticAddresses: a type that nobody knows is not accepted, an address that cannot be had not programmed, another is', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    const usable = { type: 'IPAddress', value: '192.0.2.7' };
    const unusable = { type: 'IPAddress', value: '198.51.100.9' };
    const unknown = { type: 'test/fake-invalid-type', value: 'fake.example' };
    await created(kube, edge('static', [http('http')], { addresses: [unknown, unusable, usable] }));
    await runs(kube, 'static-istio');
    await becomes(() => verdict(kube, 'static', 'Accepted'), 'False UnsupportedAddress');
    const ask = (...addresses: readonly object[]) =>
      kube.patch(GATEWAYS, 'shop', 'static', { spec: { addresses } }, { kind: 'merge' });
    await ask(unusable, usable);
    await becomes(() => verdict(kube, 'static', 'Accepted'), 'True Accepted');
    await becomes(() => verdict(kube, 'static', 'Programmed'), 'False AddressNotUsable');
    await ask(usable);
    const asked = async () => (await kube.get<Balanced>(SERVICES, 'shop', 'static-istio'))?.spec?.loadBalancerIP ?? '';
    await becomes(asked, usable.value);
    await balance(kube, 'static-istio', usable.value);
    await becomes(() => verdict(kube, 'static', 'Programmed'), 'True Programmed');
    expect((await statusOf(kube, 'static'))?.addresses).toEqual([usable]);
    expect(await listeners(kube, 'static', 'Accepted')).toMatch(/^http HTTPRoute\S* 0 Accepted$/);
  });

  it('two addresses are both had where the load balancer gives both, and the message names the one that is missing', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    const addresses = ['192.0.2.7', '2001:db8::7'].map((value) => ({ type: 'IPAddress', value }));
    await created(kube, edge('both', [http('http')], { addresses }));
    await runs(kube, 'both-istio');
    await balance(kube, 'both-istio', '192.0.2.7');
    await becomes(
      async () => (await condition(kube, 'both', 'Programmed'))?.message ?? '',
      'spec.addresses: Service both-istio did not get 2001:db8::7; free it, or ask for one that its network has',
    );
    await balance(kube, 'both-istio', '192.0.2.7', '2001:db8::7');
    await becomes(() => verdict(kube, 'both', 'Programmed'), 'True Programmed');
  });

  it('an address that the cluster refuses: the Gateway runs with another one, and says so', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    const spec = (value: string) => ({ addresses: [{ type: 'IPAddress', value }] });
    await created(kube, gateway('inside', spec('10.96.7.7')));
    await runs(kube, 'inside');
    await becomes(() => verdict(kube, 'inside', 'Programmed'), 'True Programmed');
    expect((await statusOf(kube, 'inside'))?.addresses).toEqual([
      { type: 'Hostname', value: 'inside.shop.svc.cluster.local' },
      { type: 'IPAddress', value: '10.96.7.7' },
    ]);
    await created(kube, gateway('outside', spec('203.0.113.5')));
    await runs(kube, 'outside');
    await becomes(() => verdict(kube, 'outside', 'Accepted'), 'True Accepted');
    await becomes(() => verdict(kube, 'outside', 'Programmed'), 'False AddressNotUsable');
    expect((await condition(kube, 'outside', 'Programmed'))?.message).toContain('did not get 203.0.113.5');
    expect((await statusOf(kube, 'outside'))?.addresses).toHaveLength(1);
  });

  it('a Hostname is an existing Service, here or in another namespace, behind which the Gateway brings its own proxies', async () => {
    const kube = await makeCluster();
    await startManager(kube);
    const value = 'ingress.istio-system.svc.cluster.local';
    await created(kube, edge('own', [http('http')], { addresses: [{ type: 'Hostname', value }] }));
    await becomes(() => verdict(kube, 'own', 'Programmed'), 'False AddressNotUsable');
    await kube.create(SERVICES, {
      metadata: { name: 'ingress', namespace: 'istio-system' },
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
    });
    await becomes(() => verdict(kube, 'own', 'Programmed'), 'True Programmed');
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.8' }] } };
    await kube.patch(SERVICES, 'istio-system', 'ingress', { status }, { kind: 'merge', subresource: 'status' });
    const addresses = async () => ((await statusOf(kube, 'own'))?.addresses ?? []).map((one) => one.value).join(' ');
    await becomes(addresses, `${value} 192.0.2.8`);
    expect(await kube.get(SERVICES, 'shop', 'own-istio')).toBeNull();
    await kube.delete(SERVICES, 'istio-system', 'ingress');
    await becomes(() => verdict(kube, 'own', 'Programmed'), 'False AddressNotUsable');
  });
});
