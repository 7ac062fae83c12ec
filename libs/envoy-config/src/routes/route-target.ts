import type { RouteDestination } from '@weft/mesh-model';
import { effectivePolicy, subsetsOf } from '../clusters/effective-policy.js';
import { hashPolicyOf } from '../clusters/load-balancing.js';
import { portProtocolOf, stacksOf, vipName } from '../services/vip-service.js';

/** Name of the cluster for a service that is not behind this proxy. */
export const outboundName = (hostname: string, port: number, subset = ''): string =>
  `outbound|${port}|${subset}|${hostname}`;

/** The same for connections that the client has encrypted; nothing is put around them. */
export const passthroughName = (hostname: string, port: number, subset = ''): string =>
  `outbound_.${port}_.${subset}_.${hostname}`;

/** No such cluster: requests to it are answered with an error. */
export const UNKNOWN_SERVICE = 'UnknownService';

/** What requests to the destination are told apart by, if its endpoints are chosen so. */
export function hashPolicyFor(destination: RouteDestination | undefined, port: number, subset?: string) {
  if (destination?.kind !== 'service') return [];
  const { destinationRules } = destination;
  const policy = effectivePolicy(
    destinationRules,
    port,
    subsetsOf(destinationRules).find(({ name }) => name === subset),
  );
  return [...hashPolicyOf(policy.loadBalancer)];
}

/** The cluster of a destination; `UnknownService` if there is none. */
export function clusterOf(
  destination: RouteDestination | undefined,
  {
    port,
    subset = '',
    stack = 'http',
    encrypted = false,
  }: {
    readonly port: number;
    readonly subset?: string;
    readonly stack?: 'http' | 'tcp';
    readonly encrypted?: boolean;
  },
): string {
  if (destination?.kind !== 'service') return UNKNOWN_SERVICE;
  const { claim, attached } = destination;
  const found = claim.ports.find(({ servicePort }) => servicePort === port);
  if (found === undefined) return UNKNOWN_SERVICE;
  const stacks = stacksOf({ protocol: portProtocolOf(found.appProtocol) });
  const there = stacks.includes(stack) ? stack : stacks[0]!;
  if (encrypted) return passthroughName(claim.hostname, port);
  return attached ? vipName(claim.hostname, port, there, subset) : outboundName(claim.hostname, port, subset);
}
