import { Counter, type Registry } from 'prom-client';
import { identityOf, type Workload } from '../state/workload.js';

const LABELS = [
  'hostname',
  'source_workload',
  'source_canonical_service',
  'source_canonical_revision',
  'source_workload_namespace',
  'source_principal',
  'source_app',
  'source_version',
  'source_cluster',
] as const;

/** Names that were asked for because a connection needed them. */
export class OnDemandDnsMetrics {
  readonly #requests: Counter<(typeof LABELS)[number]>;

  constructor(registry: Registry) {
    this.#requests = new Counter({
      name: 'istio_on_demand_dns_total',
      help: 'Names of workloads that were resolved for a connection (unstable)',
      labelNames: LABELS,
      registers: [registry],
    });
  }

  asked(hostname: string, source: Workload): void {
    const known = (value: string): string => (value === '' ? 'unknown' : value);
    this.#requests.inc({
      hostname,
      source_workload: known(source.workloadName),
      source_canonical_service: known(source.canonicalName),
      source_canonical_revision: known(source.canonicalRevision),
      source_workload_namespace: known(source.namespace),
      source_principal: identityOf(source),
      source_app: known(source.canonicalName),
      source_version: known(source.canonicalRevision),
      source_cluster: known(source.clusterId),
    });
  }
}
