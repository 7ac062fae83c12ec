import type { SocketAddress } from '@weft/ip';
import type { OutboundPlan } from '../dataplane/messages.js';
import type { RouteRefusal, RouteTarget } from './route-target.js';

/** A refusal in the form that workers take; it is counted for the service that was meant. */
export function refusedPlan(
  { reason, service, waypoint }: RouteRefusal,
  destination: SocketAddress,
  targetId: (target: RouteTarget) => number,
): Extract<OutboundPlan, { kind: 'reject' }> & { readonly targetId: number } {
  const meant: RouteTarget = {
    protocol: 'TCP',
    dial: destination,
    authority: null,
    expectedIdentities: [],
    innerIdentities: null,
    weight: 1,
    workload: null,
    service,
  };
  const common = { kind: 'reject', reason, targetId: targetId(meant), flag: 'CONNECT' } as const;
  return waypoint === undefined ? common : { ...common, waypoint };
}
