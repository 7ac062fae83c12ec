import type { SocketAddress } from '@weft/ip';
import type { OutboundPlan } from '../dataplane/messages.js';
import type { RouteRefusal, RouteTarget } from './route-target.js';

/** A refusal in the form that workers take; it is counted for the service that was meant. */
export function refusedPlan(
  { reason, service }: RouteRefusal,
  destination: SocketAddress,
  targetId: (target: RouteTarget) => number,
): OutboundPlan {
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
  return { kind: 'reject', reason, targetId: targetId(meant), flag: 'CONNECT' };
}
