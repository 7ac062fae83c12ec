import { ipFromBytes } from '@weft/ip';
import type { ProxyPlace } from '@weft/mesh-model';
import type { AddressFamilies } from '../messages/listen-addresses.js';
import type { MeasuredProxy } from '../telemetry/standard-metrics.js';

/** What the proxies of a Gateway have in common; pods come and go without changing it. */
export interface ProxyFacts {
  readonly key: string;
  readonly families: AddressFamilies;
  /** Null: there are none yet. */
  readonly measured: MeasuredProxy | null;
}

export function proxyFacts(key: string, places: readonly ProxyPlace[]): ProxyFacts {
  const [first] = places;
  const families = new Set(places.flatMap(({ workload }) => workload.addresses.map((one) => ipFromBytes(one)?.family)));
  return {
    key,
    families: { v4: families.has(4) || !families.has(6), v6: families.has(6) },
    measured: first === undefined ? null : measuredProxy(first),
  };
}

function measuredProxy({ workload }: ProxyPlace): MeasuredProxy {
  const { workloadName, namespace, serviceAccount, trustDomain, canonicalName, canonicalRevision, clusterId } =
    workload;
  const principal = `spiffe://${trustDomain || 'cluster.local'}/ns/${namespace}/sa/${serviceAccount || 'default'}`;
  return { workloadName, namespace, principal, canonicalName, canonicalRevision, clusterId };
}
