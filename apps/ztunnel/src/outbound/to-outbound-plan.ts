import { formatSocketAddress } from '@weft/ip';
import type { HboneTarget, OutboundPlan, PlainTarget } from '../dataplane/messages.js';
import { formatBaggage } from '../state/baggage.js';
import { identityOf, type Workload } from '../state/workload.js';
import type { RouteTarget } from './route-target.js';

/** Most targets in one plan. A larger service is spread over its clients: each gets its own random subset. */
const MOST_TARGETS = 256;

export interface PlanContext {
  readonly source: Workload;
  readonly random: () => number;
  /** Gives the number by which telemetry finds the target again. */
  readonly targetId: (target: RouteTarget) => number;
}

/** A route in the form that workers take. */
export function toOutboundPlan(route: readonly RouteTarget[], { source, random, targetId }: PlanContext): OutboundPlan {
  const targets: HboneTarget[] = [];
  const plainTargets: PlainTarget[] = [];
  for (const target of subset(route, random)) {
    const common = { dial: formatSocketAddress(target.dial), weight: target.weight, targetId: targetId(target) };
    if (target.authority === null) {
      plainTargets.push(common);
      continue;
    }
    const { authority, expectedIdentities, innerIdentities, service } = target;
    targets.push({
      ...common,
      authority,
      expectedIdentities,
      ...(service === null ? {} : { forwardedHost: service.hostname }),
      ...(innerIdentities === null
        ? {}
        : { inner: { expectedIdentities: innerIdentities, forwardedNetwork: source.network } }),
    });
  }
  if (targets.length === 0) return { kind: 'plain', targets: plainTargets };
  const mixed = plainTargets.length === 0 ? {} : { plainTargets };
  return { kind: 'hbone', targets, ...mixed, sourceIdentity: identityOf(source), baggage: formatBaggage(source) };
}

function subset<T>(all: readonly T[], random: () => number): readonly T[] {
  if (all.length <= MOST_TARGETS) return all;
  const pool = [...all];
  for (let i = 0; i < MOST_TARGETS; i++) {
    const j = i + Math.floor(random() * (pool.length - i));
    [pool[i], pool[j]] = [pool[j]!, pool[i]!];
  }
  return pool.slice(0, MOST_TARGETS);
}
