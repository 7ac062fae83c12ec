import type { VirtualServiceSpec } from '@weft/mesh-api';
import { backendKey, type AttachedService, type Readable, type Referring } from '@weft/mesh-model';
import { isPlainTcp, portRoutes } from './port-routes.js';
import { isSeenStream, istioStreamTargets, istioTcpTargets } from './istio-tcp-route.js';
import type { IstioRouteContext } from './istio-route.js';
import { clusterOf } from './route-target.js';

export interface StreamTarget {
  readonly name: string;
  readonly weight: number;
}

/** Where TLS connections go that ask for one of the names; `*.` stands for anything before. */
export interface StreamRule {
  readonly serverNames: readonly string[];
  readonly targets: readonly StreamTarget[];
}

export interface StreamRouting {
  /** Of the first that names the server. */
  readonly rules: readonly StreamRule[];
  /** All other connections; null: to the service itself. None: they are closed. */
  readonly others: readonly StreamTarget[] | null;
  /** Whatever the first bytes look like, they are not read as HTTP. */
  readonly opaque: boolean;
}

/** How connections to a port are routed that are not read as HTTP. VirtualServices go before the Gateway API. */
export function streamRouting(attached: AttachedService, context: IstioRouteContext): StreamRouting {
  const { virtualServices } = attached;
  const own = portRoutes(attached, context.port);
  const plain = isPlainTcp(attached.claim.ports, context.port);
  const istioRules = virtualServices.flatMap((one) => istioTlsRules(one, context, plain));
  const istioTcp = istioTcpTargets(virtualServices, context);
  const targetsOf = (from: Referring, { rules }: StreamSpec) =>
    backendTargets(from, rules[0]?.backendRefs ?? [], context);
  const ownRules =
    own?.kind === 'TLSRoute'
      ? own.routes.map(({ meta: { namespace }, spec }) => ({
          serverNames: spec.hostnames,
          targets: targetsOf({ kind: 'TLSRoute', namespace }, spec),
        }))
      : [];
  // A TCPRoute takes every connection, so that of several the oldest is in force.
  const oldest = own?.kind === 'TCPRoute' ? own.routes[0] : undefined;
  const tcp =
    oldest === undefined ? null : targetsOf({ kind: 'TCPRoute', namespace: oldest.meta.namespace }, oldest.spec);
  return {
    rules: [...istioRules, ...ownRules],
    others: istioTcp ?? tcp ?? (ownRules.length > 0 ? [] : null),
    opaque: own?.kind === 'TLSRoute' || own?.kind === 'TCPRoute',
  };
}

interface StreamSpec {
  readonly rules: readonly { readonly backendRefs: readonly StreamBackend[] }[];
}
export interface StreamBackend {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly port?: number | undefined;
  readonly weight: number;
}

export interface StreamBackendContext extends Pick<IstioRouteContext, 'destinations'> {
  /** By the client, which nothing is to be put around. */
  readonly encrypted?: boolean;
}

/** A backend that is not there keeps its share: the connections are closed. */
export function backendTargets(
  from: Referring,
  backends: readonly StreamBackend[],
  { destinations, encrypted = false }: StreamBackendContext,
): readonly StreamTarget[] {
  return backends
    .filter(({ weight }) => weight > 0)
    .map((ref) => ({
      name: clusterOf(destinations[backendKey(ref, from)], { port: ref.port ?? 0, stack: 'tcp', encrypted }),
      weight: ref.weight,
    }));
}

function istioTlsRules(
  { meta, spec }: Readable<VirtualServiceSpec>,
  context: IstioRouteContext,
  plain: boolean,
): readonly StreamRule[] {
  return spec.tls.flatMap(({ match, route }) => {
    const serverNames = match
      .filter((one) => isSeenStream(one, context, meta.namespace) && (!plain || one.port !== undefined))
      .flatMap(({ sniHosts }) => sniHosts);
    return serverNames.length === 0
      ? []
      : [{ serverNames, targets: istioStreamTargets(route, meta.namespace, context) }];
  });
}
