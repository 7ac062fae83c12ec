import type { Collection, FetchContext, Graph } from '@weft/collections';
import {
  attachRoute,
  CONTROLLERS,
  fails,
  holds,
  groupStates,
  ownerKey,
  roleOfController,
  supersedingKind,
  type GatewaySubject,
  type ListenerOwner,
  type ServicePortClaim,
  type Verdict,
} from '@weft/gateway-api';
import {
  formatProblem,
  GATEWAY_API_GROUP,
  GATEWAY_CLASSES,
  GATEWAYS,
  GRPC_ROUTES,
  HTTP_ROUTES,
  objectMetaOf,
  REFERENCE_GRANTS,
  TCP_ROUTES,
  TLS_ROUTES,
  type FieldProblem,
  type MeshKind,
  type ParentReference,
} from '@weft/mesh-api';
import type { MeshSources } from '../mesh-sources.js';
import type { ServiceObject } from '../kube-objects.js';
import type { ListenerSets } from '../gateways/listener-sets.js';
import { gatewayParent, serviceParent } from '../waypoints/route-sources.js';
import { routeClaims, type RouteClaims } from './route-claims.js';
import { resolveReferences, type BackendReference } from './backend-references.js';
import { referencesOfRules, referencesOfStream } from './route-references.js';
import { routeStatusKey, type RouteKindName, type RouteParentStatus, type RouteStatus } from './route-status.js';

interface RouteSpec {
  readonly parentRefs: readonly ParentReference[];
  readonly hostnames?: readonly string[];
}
/** A Gateway, or a ListenerSet of one. */
interface GatewayView extends GatewaySubject {
  readonly key: string;
  readonly controllerName: string;
  /** Of a ListenerSet: the Gateway that does not take it. */
  readonly refusedBy?: string;
}
interface Surroundings {
  readonly gateways: Collection<GatewayView>;
  readonly namespaceLabels: Collection<Readonly<Record<string, string>>>;
  readonly servicePorts: Collection<readonly number[]>;
  readonly serviceEntries: Collection<boolean>;
  /** What routes claim of a service, `<kind>/<namespace>/<name>`. */
  readonly claimsOf: RouteClaims;
  grantsIn(fetch: FetchContext, namespace: string): ReturnType<typeof REFERENCE_GRANTS.parse>[];
}

const NO_CERTIFICATES = { certificateFault: () => null, clientValidation: () => null };
const MAX_LISTED = 5;

/** The status of every route of the Gateway API; one with no parent of ours has none. */
export function routeStatuses(graph: Graph, sources: MeshSources, sets: ListenerSets): Collection<RouteStatus> {
  const around = surroundings(graph, sources, sets);
  const of = <S extends RouteSpec>(
    kind: MeshKind<S>,
    source: Collection<unknown>,
    referencesOf: (spec: S) => readonly BackendReference[],
  ): Collection<RouteStatus> =>
    graph.deriveMany(
      `status of ${kind.plural}`,
      source,
      (object, fetch) => {
        const { meta, spec, problems } = kind.parse(object);
        const name = kind.kind as RouteKindName;
        const errors = problems.filter(({ severity }) => severity === 'error');
        const route = { kind: name, namespace: meta.namespace, hostnames: spec?.hostnames ?? [] };
        const refs = resolveReferences(route, spec === null ? [] : referencesOf(spec), {
          portsOf: (namespace, service) => fetch.get(around.servicePorts, `${namespace}/${service}`),
          isParent: (namespace, service) =>
            (spec?.parentRefs ?? []).some(
              (ref) => serviceParent(ref, meta.namespace) === `Service/${namespace}/${service}`,
            ),
          grantsIn: (namespace) => around.grantsIn(fetch, namespace),
        });
        const parents = (spec?.parentRefs ?? []).flatMap((parentRef): readonly RouteParentStatus[] => {
          const attached = attach(route, parentRef, around, fetch);
          if (attached === null) return [];
          return [{ parentRef, ...attached, resolvedRefs: refs, ...partlyInvalid(errors) }];
        });
        const { namespace, uid, generation } = meta;
        return [{ kind: name, namespace, name: meta.name, uid, observedGeneration: generation, parents }];
      },
      { key: routeStatusKey },
    );
  return graph.union('route statuses', [
    of(HTTP_ROUTES, sources.httpRoutes, ({ rules }) => referencesOfRules(rules)),
    of(GRPC_ROUTES, sources.grpcRoutes, ({ rules }) => referencesOfRules(rules)),
    of(TLS_ROUTES, sources.tlsRoutes, referencesOfStream),
    of(TCP_ROUTES, sources.tcpRoutes, referencesOfStream),
  ]);
}

/** A rule that cannot be read answers 500 or is left out; the rest of the route works. */
function partlyInvalid(errors: readonly FieldProblem[]): Pick<RouteParentStatus, 'partiallyInvalid'> {
  if (errors.length === 0) return {};
  return { partiallyInvalid: holds('UnsupportedValue', errors.slice(0, MAX_LISTED).map(formatProblem).join('; ')) };
}

interface Route {
  readonly kind: RouteKindName;
  readonly namespace: string;
  readonly hostnames: readonly string[];
}

/** Null: the parent is somebody else's, or is none yet. */
function attach(
  route: Route,
  parent: ParentReference,
  around: Surroundings,
  fetch: FetchContext,
): { readonly controllerName: string; readonly accepted: Verdict } | null {
  const service = serviceParent(parent, route.namespace);
  if (service !== null)
    return {
      controllerName: CONTROLLERS.gateway,
      accepted: attachToService(service, { kind: route.kind, port: parent.port, name: parent.name }, around, fetch),
    };
  const gateway = fetch.get(around.gateways, gatewayParent(parent, route.namespace) ?? '');
  if (gateway === undefined) return null;
  const namespaceLabels = fetch.get(around.namespaceLabels, route.namespace) ?? {};
  const subject = { ...route, group: GATEWAY_API_GROUP, namespaceLabels };
  const { controllerName, refusedBy } = gateway;
  if (refusedBy !== undefined) {
    const message = `Gateway ${refusedBy} does not take ListenerSet ${parent.name}; change its allowedListeners`;
    return { controllerName, accepted: fails('NoMatchingParent', message) };
  }
  if (controllerName === CONTROLLERS.waypoint) {
    const message = `Gateway ${parent.name} is a waypoint; attach the route to the Services that it is for`;
    return { controllerName, accepted: fails('NotAllowedByListeners', message) };
  }
  return { controllerName, accepted: attachRoute(subject, parent, gateway).accepted };
}

function attachToService(
  key: string,
  { kind: routeKind, name, port }: ServicePortClaim & { readonly name: string },
  { servicePorts, serviceEntries, claimsOf }: Surroundings,
  fetch: FetchContext,
): Verdict {
  const [kind = '', namespace = ''] = key.split('/');
  const none = fails(
    'NoMatchingParent',
    `there is no ${kind} ${namespace}/${name}; create it or correct the parentRef`,
  );
  if (kind === 'ServiceEntry')
    return fetch.get(serviceEntries, `${namespace}/${name}`) ? holds('Accepted', 'Route accepted') : none;
  const ports = fetch.get(servicePorts, `${namespace}/${name}`);
  if (ports === undefined) return none;
  if (port !== undefined && !ports.includes(port))
    return fails('NoMatchingParent', `Service ${namespace}/${name} has no port ${port}; use ${ports.join(', ')}`);
  const rival = supersedingKind({ kind: routeKind, port }, ports, claimsOf(fetch, key));
  if (rival !== null)
    return fails(
      'Conflicted',
      `Service ${namespace}/${name} has a ${rival}, which goes before any ${routeKind}; keep one kind for a port`,
    );
  return holds('Accepted', 'Route accepted');
}

/** The few facts of other objects that routes depend on, so that other changes of them recompute nothing. */
function surroundings(graph: Graph, sources: MeshSources, sets: ListenerSets): Surroundings {
  const controllers = graph.derive(
    'controllers of gateway classes',
    sources.gatewayClasses,
    (object) => GATEWAY_CLASSES.parse(object).spec?.controllerName,
  );
  const gateways = graph.deriveMany<unknown, GatewayView>(
    'parents with listeners',
    sources.gateways,
    (object, fetch) => {
      const { meta, spec } = GATEWAYS.parse(object);
      const controllerName = fetch.get(controllers, spec?.gatewayClassName ?? '') ?? '';
      const role = roleOfController(controllerName);
      if (spec === null || role === undefined) return [];
      const view = (owner: ListenerOwner) => ({ key: ownerKey(owner), controllerName, namespace: owner.namespace });
      const refusedBy = `${meta.namespace}/${meta.name}`;
      return [
        ...groupStates(sets.groupsOf(fetch, { meta, spec }), role, () => NO_CERTIFICATES).map(
          ({ owner, listeners }) => ({ ...view(owner), listeners }),
        ),
        ...sets.refusedBy(fetch, { meta, spec }).map((owner) => ({ ...view(owner), listeners: [], refusedBy })),
      ];
    },
    { key: ({ key }) => key },
  );
  const grants = graph.derive('grants', sources.referenceGrants, (object) => REFERENCE_GRANTS.parse(object));
  const grantsByNamespace = graph.index('grants by namespace', grants, ({ meta }) => [meta.namespace]);
  return {
    gateways,
    namespaceLabels: graph.derive('labels of namespaces', sources.namespaces, (one) => objectMetaOf(one).labels),
    servicePorts: graph.derive('ports of services', sources.services, portsOf),
    serviceEntries: graph.derive('service entries that are there', sources.serviceEntries, () => true),
    claimsOf: routeClaims(graph, sources),
    grantsIn: (fetch, namespace) => [...fetch.lookup(grantsByNamespace, namespace)],
  };
}

const portsOf = ({ spec }: ServiceObject): readonly number[] => (spec?.ports ?? []).flatMap(({ port }) => port ?? []);
