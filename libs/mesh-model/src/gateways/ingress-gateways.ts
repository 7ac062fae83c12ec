import type { Collection, FetchContext, Graph } from '@weft/collections';
import {
  certificateFault,
  clientValidations,
  CONTROLLERS,
  groupStates,
  ownerKey,
  shortName,
  type ClientValidations,
  type ListenerGroupState,
  type ListenerOwner,
  type ListenerState,
} from '@weft/gateway-api';
import {
  GATEWAY_CLASSES,
  GATEWAYS,
  LABEL_GATEWAY_NAME,
  type GatewaySpec,
  type ObjectMeta,
  type SecretReference,
} from '@weft/mesh-api';
import type { MeshModelConfig } from '../mesh-model-config.js';
import type { MeshSources } from '../mesh-sources.js';
import type { ServiceState } from '../service-collections.js';
import type { SurroundingsCollections } from '../surroundings-collections.js';
import type { PolicyTargets } from '../waypoints/policy-targets.js';
import { destinationsOf } from '../waypoints/route-destinations.js';
import type { Readable, RoutesByKind, RouteSources } from '../waypoints/route-sources.js';
import { attachedTo } from './attached-routes.js';
import type { ListenerSets } from './listener-sets.js';
import type { IngressGateway, IngressListener, ListenerClients, NamedCredential } from './ingress-gateway.js';
import { istioServers } from './istio-servers.js';

export interface IngressGatewaysInputs {
  readonly graph: Graph;
  readonly sources: MeshSources;
  readonly config: MeshModelConfig;
  readonly surroundings: SurroundingsCollections;
  readonly services: Collection<ServiceState>;
  readonly routes: RouteSources;
  readonly policies: PolicyTargets;
  readonly listenerSets: ListenerSets;
}

type Credentials = Pick<IngressGatewaysInputs, 'sources' | 'routes'> & { readonly fetch: FetchContext };
type Readables = Credentials & Pick<IngressGatewaysInputs, 'surroundings' | 'listenerSets'>;

/** A listener but for its routes, which change far more often. */
interface ShapedListener {
  readonly state: ListenerState;
  readonly shape: Omit<IngressListener, keyof RoutesByKind>;
}
interface ShapedGroup {
  readonly group: ListenerGroupState;
  readonly served: readonly ShapedListener[];
}

/** Gateways of classes of our controller for the edge, by `<namespace>/<name>`. */
export function ingressGateways(inputs: IngressGatewaysInputs): Collection<IngressGateway> {
  const { graph, sources, config, surroundings, services, routes, policies, listenerSets } = inputs;
  const ours = graph.derive('classes of ingress gateways', sources.gatewayClasses, (object) =>
    GATEWAY_CLASSES.parse(object).spec?.controllerName === CONTROLLERS.gateway ? true : undefined,
  );
  const shapes = graph.derive('listeners of ingress gateways', sources.gateways, (object, fetch) => {
    const { meta, spec } = GATEWAYS.parse(object);
    if (spec === null || fetch.get(ours, spec.gatewayClassName) === undefined) return undefined;
    return shapedGroups({ meta, spec }, { sources, routes, surroundings, listenerSets, fetch });
  });
  const serversOf = istioServers(graph, sources, routes);
  const byHostname = graph.index('services of gateways by hostname', services, ({ claim }) => [claim.hostname]);
  return graph.derive<unknown, IngressGateway>('ingress gateways', sources.gateways, (object, fetch) => {
    const { meta, spec } = GATEWAYS.parse(object);
    const { namespace, name } = meta;
    const key = `${namespace}/${name}`;
    const groups = fetch.get(shapes, key);
    if (spec === null || groups === undefined) return undefined;
    const around = { sources, routes, surroundings, listenerSets, fetch };
    const listeners = groups.flatMap((group) => withRoutes(group, around));
    const waypoint = { key, namespace, className: spec.gatewayClassName };
    const place = { waypoint, service: null };
    const lookup = { services, byHostname, routes, config, waypoint, claim: null };
    const labels = podLabelsOf(meta, spec);
    const { servers, faults } = serversOf(fetch, { namespace, name, labels, listeners });
    const virtualServices = servers.flatMap((one) => one.virtualServices);
    return {
      key,
      namespace,
      name,
      listeners,
      clientCertificate: clientCertificateOf(meta, spec, { sources, routes, fetch }),
      servers,
      serverFaults: faults,
      destinations: destinationsOf(fetch, lookup, listeners, virtualServices),
      authorizationPolicies: policies.authorizationPoliciesOf(fetch, place),
      requestAuthentications: policies.requestAuthenticationsOf(fetch, place),
      telemetries: policies.telemetriesOf(fetch, place),
      envoyPatches: policies.envoyPatchesOf(fetch, { ...place, labels }),
    };
  });
}

/** One that cannot be used is not shown; whether that is enough is for the service to say. */
function clientCertificateOf(
  { namespace }: ObjectMeta,
  { tls }: GatewaySpec,
  around: Credentials,
): NamedCredential | null {
  const reference = tls?.backend?.clientCertificateRef;
  if (reference === undefined || faultOf({ kind: 'Gateway', namespace }, reference, around) !== null) return null;
  return credentialOf(namespace, reference, around)[0] ?? null;
}

const faultOf = (
  owner: Pick<ListenerOwner, 'kind' | 'namespace'>,
  reference: SecretReference,
  { fetch, sources, routes }: Credentials,
) =>
  certificateFault(owner, reference, {
    credentialOf: (ns, secret) => fetch.get(sources.credentials, `${ns}/${secret}`),
    grantsIn: (ns) => routes.grantsIn(fetch, ns),
  });

function shapedGroups(gateway: Readable<GatewaySpec>, around: Readables): readonly ShapedGroup[] {
  const groups = around.listenerSets.groupsOf(around.fetch, gateway);
  const clientValidation = validationsOf(gateway, around);
  const states = groupStates(groups, 'router', (owner) => ({
    certificateFault: (reference) => faultOf(owner, reference, around),
    clientValidation,
  }));
  return states.map((group) => ({ group, served: shapesOf(group, clientValidation, around) }));
}

const validationsOf = (
  { meta, spec }: Readable<GatewaySpec>,
  { fetch, sources, routes }: Readables,
): ClientValidations =>
  clientValidations(meta.namespace, spec.tls, {
    bundleOf: (namespace, name) => fetch.get(sources.trustBundles, `${namespace}/${name}`),
    grantsIn: (namespace) => routes.grantsIn(fetch, namespace),
  });

function clientsOf(
  { protocol, port }: ListenerState['listener'],
  clientValidation: ClientValidations,
): ListenerClients | null {
  const validation = protocol === 'HTTPS' ? clientValidation(port) : null;
  return validation?.roots ? { roots: validation.roots, isStrict: validation.isStrict } : null;
}

function shapesOf(
  { owner, listeners }: ListenerGroupState,
  clientValidation: ClientValidations,
  around: Credentials,
): readonly ShapedListener[] {
  return listeners.filter(isServed).map((state) => ({
    state,
    shape: {
      name: nameOf(owner, state),
      port: state.listener.port,
      protocol: state.listener.protocol as IngressListener['protocol'],
      hostname: state.listener.hostname,
      certificates: certificatesOf(state, owner.namespace, around),
      clients: clientsOf(state.listener, clientValidation),
    },
  }));
}

function withRoutes({ group, served }: ShapedGroup, around: Readables): readonly IngressListener[] {
  const { routes, surroundings, fetch } = around;
  const all = routes.routesOf(fetch, ownerKey(group.owner));
  const labelsOf = (namespace: string) => surroundings.labelsOf(fetch, namespace);
  const httpRoutes = attachedTo('HTTPRoute', all.httpRoutes, group, labelsOf);
  const grpcRoutes = attachedTo('GRPCRoute', all.grpcRoutes, group, labelsOf);
  const tlsRoutes = attachedTo('TLSRoute', all.tlsRoutes, group, labelsOf);
  const tcpRoutes = attachedTo('TCPRoute', all.tcpRoutes, group, labelsOf);
  return served.map(({ state, shape }) => ({
    ...shape,
    httpRoutes: httpRoutes.get(state) ?? [],
    grpcRoutes: grpcRoutes.get(state) ?? [],
    tlsRoutes: tlsRoutes.get(state) ?? [],
    tcpRoutes: tcpRoutes.get(state) ?? [],
  }));
}

/** Unlike any other of the Gateway: ListenerSets may use the names that the Gateway uses. */
const nameOf = ({ kind, namespace, name }: ListenerOwner, { listener }: ListenerState): string =>
  kind === 'Gateway' ? listener.name : `${listener.name}.${name}.${namespace}`;

const PROTOCOLS = ['HTTP', 'HTTPS', 'TLS', 'TCP'];

/** What is wrong but keeps nothing else from working: a kind of route that cannot attach, one of several roots. */
const HARMLESS: readonly string[] = ['InvalidRouteKinds', 'InvalidCACertificateRef', 'InvalidCACertificateKind'];

/** One whose certificate, or whose roots for clients, cannot be used takes no connection. */
function isServed({ listener, accepted, resolvedRefs }: ListenerState): boolean {
  const resolved = resolvedRefs.status === 'True' || HARMLESS.includes(resolvedRefs.reason);
  return PROTOCOLS.includes(listener.protocol) && accepted.status === 'True' && resolved;
}

function certificatesOf(
  { listener: { tls } }: ListenerState,
  gatewayNamespace: string,
  around: Credentials,
): readonly NamedCredential[] | null {
  if (tls === undefined || tls.mode === 'Passthrough') return null;
  return tls.certificateRefs.flatMap((reference) => credentialOf(gatewayNamespace, reference, around));
}

/** None if there is none that can be used. */
function credentialOf(
  home: string,
  { namespace = home, name }: SecretReference,
  { fetch, sources }: Pick<Credentials, 'fetch' | 'sources'>,
): readonly NamedCredential[] {
  const certificate = fetch.get(sources.credentials, `${namespace}/${name}`)?.certificate;
  return certificate ? [{ name: `kubernetes-gateway://${namespace}/${name}`, certificate }] : [];
}

/** Of the pods that are made for it. */
const podLabelsOf = (
  { name, labels }: ObjectMeta,
  { infrastructure: said }: GatewaySpec,
): Readonly<Record<string, string>> => ({
  // Of the Gateway itself, if it says nothing of its infrastructure.
  ...(said !== undefined && Object.keys({ ...said.labels, ...said.annotations }).length > 0 ? said.labels : labels),
  [LABEL_GATEWAY_NAME]: shortName(name),
});
