import type { L4Destination, VirtualServiceSpec } from '@weft/mesh-api';
import { qualifiedHost, type Readable } from '@weft/mesh-model';
import type { IstioRouteContext } from './istio-route.js';
import { clusterOf } from './route-target.js';

/**
 * Where connections to a port go by VirtualServices: the first TCP rule that a waypoint can tell applies. Empty: none does.
 * Conditions on addresses and labels of clients are not seen; such a match is left out.
 */
export function istioTcpTargets(
  services: readonly Readable<VirtualServiceSpec>[],
  context: IstioRouteContext,
): readonly { readonly name: string; readonly weight: number }[] {
  for (const { meta, spec } of services) {
    for (const { match, route } of spec.tcp) {
      if (match.length > 0 && !match.some((one) => isSeen(one, context.port))) continue;
      return targets(route, meta.namespace, context);
    }
  }
  return [];
}

type TcpMatch = VirtualServiceSpec['tcp'][number]['match'][number];

function isSeen({ port, sourceLabels, sourceSubnet, destinationSubnets, gateways }: TcpMatch, asked: number): boolean {
  const hidden = Object.keys(sourceLabels).length > 0 || sourceSubnet !== undefined || destinationSubnets.length > 0;
  return !hidden && (gateways.length === 0 || gateways.includes('mesh')) && (port === undefined || port === asked);
}

function targets(
  route: readonly L4Destination[],
  namespace: string,
  { clusterDomain, port: asked, destinations }: IstioRouteContext,
) {
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
