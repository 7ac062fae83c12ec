import type { FailureFlag } from '../dataplane/messages.js';
import type { Baggage } from '../state/baggage.js';
import type { Service } from '../state/service.js';
import type { Workload } from '../state/workload.js';

/** Who talks to whom, as far as it is known at this end. */
export interface Traffic {
  readonly reporter: 'source' | 'destination';
  readonly source: Workload | null;
  /** What the peer says of itself; used only where the control plane knows nothing. */
  readonly sourceBaggage: Baggage | null;
  /** From a TLS handshake, never from a lookup. */
  readonly sourcePrincipal: string | null;
  readonly destination: Workload | null;
  /** What the far end says of itself, where it is on another network. */
  readonly destinationBaggage: Baggage | null;
  readonly destinationPrincipal: string | null;
  readonly service: Service | null;
  readonly mutualTls: boolean;
}

const SIDE = [
  'workload',
  'canonical_service',
  'canonical_revision',
  'workload_namespace',
  'principal',
  'app',
  'version',
  'cluster',
] as const;

export const TRAFFIC_LABELS = [
  'reporter',
  ...SIDE.map((name) => `source_${name}` as const),
  'destination_service',
  'destination_service_namespace',
  'destination_service_name',
  ...SIDE.map((name) => `destination_${name}` as const),
  'request_protocol',
  'response_flags',
  'connection_security_policy',
  'source_region',
  'source_zone',
  'destination_region',
  'destination_zone',
] as const;

export type TrafficLabels = Partial<Record<(typeof TRAFFIC_LABELS)[number], string>>;

/** The labels of Istio's TCP metrics; what is not known is `unknown`. */
export function trafficLabels(traffic: Traffic, flag: FailureFlag): TrafficLabels {
  const { source, sourceBaggage: baggage, destination, destinationBaggage: far, service } = traffic;
  const known = (value: string | null | undefined) =>
    value === null || value === undefined || value === '' ? 'unknown' : value;
  const labels: TrafficLabels = {
    reporter: traffic.reporter,
    source_workload: known(source?.workloadName ?? baggage?.workloadName),
    source_canonical_service: known(source?.canonicalName ?? baggage?.canonicalName),
    source_canonical_revision: known(source?.canonicalRevision ?? baggage?.canonicalRevision),
    source_workload_namespace: known(source?.namespace ?? baggage?.namespace),
    source_principal: known(traffic.sourcePrincipal),
    source_app: known(source?.canonicalName ?? baggage?.workloadName),
    source_version: known(source?.canonicalRevision ?? baggage?.canonicalRevision),
    source_cluster: known(source?.clusterId ?? baggage?.clusterId),
    destination_service: known(service?.hostname),
    destination_service_namespace: known(service?.namespace),
    destination_service_name: known(service?.name),
    destination_workload: known(destination?.workloadName ?? far?.workloadName),
    destination_canonical_service: known(destination?.canonicalName ?? far?.canonicalName),
    destination_canonical_revision: known(destination?.canonicalRevision ?? far?.canonicalRevision),
    destination_workload_namespace: known(destination?.namespace ?? far?.namespace),
    destination_principal: known(traffic.destinationPrincipal),
    destination_app: known(destination?.canonicalName ?? far?.workloadName),
    destination_version: known(destination?.canonicalRevision ?? far?.canonicalRevision),
    destination_cluster: known(destination?.clusterId ?? far?.clusterId),
    request_protocol: 'tcp',
    response_flags: flag === 'none' ? '-' : flag,
    connection_security_policy: traffic.mutualTls ? 'mutual_tls' : 'unknown',
  };
  if (source === null && baggage === null && destination === null && far === null) return labels;
  return {
    ...labels,
    source_region: known(source?.locality.region ?? baggage?.region),
    source_zone: known(source?.locality.zone ?? baggage?.zone),
    destination_region: known(destination?.locality.region ?? far?.region),
    destination_zone: known(destination?.locality.zone ?? far?.zone),
  };
}
