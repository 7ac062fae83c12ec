import { Counter, Histogram, type Registry } from 'prom-client';
import type { Workload } from '../state/workload.js';
import type { DnsTransport } from './encode-answer.js';

const LABELS = [
  'request_query_type',
  'request_protocol',
  'source_canonical_service',
  'source_canonical_revision',
] as const;
type Label = (typeof LABELS)[number];

const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'A'],
  [2, 'NS'],
  [5, 'CNAME'],
  [6, 'SOA'],
  [12, 'PTR'],
  [15, 'MX'],
  [16, 'TXT'],
  [28, 'AAAA'],
  [33, 'SRV'],
  [35, 'NAPTR'],
  [43, 'DS'],
  [48, 'DNSKEY'],
  [64, 'SVCB'],
  [65, 'HTTPS'],
  [255, 'ANY'],
  [257, 'CAA'],
]);

/** The name of a record type; a client may ask for any number, so what has none here is `unknown`. */
export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? 'unknown';
}

export interface DnsRequest {
  readonly type: number;
  readonly transport: DnsTransport;
  readonly source: Workload | null;
}

/** Istio's metrics of the DNS proxy. */
export class DnsMetrics {
  readonly #requests: Counter<Label>;
  readonly #forwarded: Counter<Label>;
  readonly #failures: Counter<Label>;
  readonly #seconds: Histogram<Label>;

  constructor(registry: Registry) {
    const common = { labelNames: LABELS, registers: [registry] };
    this.#requests = new Counter({ ...common, name: 'istio_dns_requests_total', help: 'DNS requests' });
    this.#forwarded = new Counter({
      ...common,
      name: 'istio_dns_upstream_requests_total',
      help: 'DNS requests forwarded to the nameservers',
    });
    this.#failures = new Counter({
      ...common,
      name: 'istio_dns_upstream_failures_total',
      help: 'Forwarded DNS requests that no nameserver answered',
    });
    this.#seconds = new Histogram({
      ...common,
      name: 'istio_dns_upstream_request_duration_seconds',
      help: 'Time until the nameservers answered',
      buckets: [0.0005, 0.001, 0.01, 0.1, 1, 5],
    });
  }

  request(request: DnsRequest): void {
    this.#requests.inc(labelsOf(request));
  }

  forwarded(request: DnsRequest): void {
    this.#forwarded.inc(labelsOf(request));
  }

  forwardEnded(request: DnsRequest, seconds: number, answered: boolean): void {
    this.#seconds.observe(labelsOf(request), seconds);
    if (!answered) this.#failures.inc(labelsOf(request));
  }
}

function labelsOf({ type, transport, source }: DnsRequest): Record<Label, string> {
  return {
    request_query_type: typeName(type),
    request_protocol: transport,
    source_canonical_service: source?.canonicalName || 'unknown',
    source_canonical_revision: source?.canonicalRevision || 'unknown',
  };
}
