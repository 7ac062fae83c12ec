import type { L4Destination, VirtualServiceSpec } from '@weft/mesh-api';
import { qualifiedHost, type Readable } from '@weft/mesh-model';
import { isForGateway, type IstioRouteContext } from './istio-route.js';
import { clusterOf } from './route-target.js';
import type { StreamTarget } from './stream-rules.js';

/** Where connections to a port go by VirtualServices: the first TCP rule that a waypoint can tell applies. Null: none does. */
export function istioTcpTargets(
  services: readonly Readable<VirtualServiceSpec>[],
  context: IstioRouteContext,
): readonly StreamTarget[] | null {
  for (const { meta, spec } of services) {
    for (const { match, route } of spec.tcp) {
      if (match.length > 0 && !match.some((one) => isSeenStream(one, context, meta.namespace))) continue;
      return istioStreamTargets(route, meta.namespace, context);
    }
  }
  return null;
}

type StreamMatch = VirtualServiceSpec['tls' | 'tcp'][number]['match'][number];

/** Conditions on addresses, and on who the client is, are not seen in a waypoint; such a match is left out. */
export function isSeenStream(match: StreamMatch, context: IstioRouteContext, namespace: string): boolean {
  const { port, sourceLabels, sourceNamespace, destinationSubnets, gateways } = match;
  const hidden =
    Object.keys(sourceLabels).length > 0 ||
    sourceNamespace !== undefined ||
    destinationSubnets.length > 0 ||
    'sourceSubnet' in match;
  const here = isForGateway(gateways, { ...context, namespace });
  return !hidden && here && (port === undefined || port === context.port);
}

export function istioStreamTargets(
  route: readonly L4Destination[],
  namespace: string,
  { clusterDomain, port: asked, destinations }: IstioRouteContext,
): readonly StreamTarget[] {
  return route.flatMap(({ destination: { host, subset, port }, weight }) => {
    const found = destinations[qualifiedHost(host, namespace, clusterDomain)];
    const only =
      found?.kind === 'service' && found.claim.ports.length === 1 ? found.claim.ports[0]!.servicePort : undefined;
    const name = clusterOf(found, {
      port: port?.number ?? only ?? asked,
      stack: 'tcp',
      ...(subset === undefined ? {} : { subset }),
    });
    const share = route.length === 1 ? 1 : (weight ?? 0);
    return share === 0 ? [] : [{ name, weight: share }];
  });
}
