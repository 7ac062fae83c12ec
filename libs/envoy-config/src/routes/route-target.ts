import type { RouteDestination } from '@weft/mesh-model';
import { vipName } from '../waypoint/vip-service.js';

/** Name of the cluster for a service that is not behind this proxy. */
export const outboundName = (hostname: string, port: number, subset = ''): string =>
  `outbound|${port}|${subset}|${hostname}`;

/** No such cluster: requests to it are answered with an error. */
export const UNKNOWN_SERVICE = 'UnknownService';

/** The cluster of a destination; `UnknownService` if there is none. */
export function clusterOf(
  destination: RouteDestination | undefined,
  {
    port,
    subset = '',
    stack = 'http',
  }: { readonly port: number; readonly subset?: string; readonly stack?: 'http' | 'tcp' },
): string {
  if (destination?.kind !== 'service') return UNKNOWN_SERVICE;
  const { claim, attached } = destination;
  if (!claim.ports.some(({ servicePort }) => servicePort === port)) return UNKNOWN_SERVICE;
  return attached ? vipName(claim.hostname, port, stack, subset) : outboundName(claim.hostname, port, subset);
}
