import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Istio's names where it has one (`citadel_*`). */
export class CaMetrics {
  readonly issued: Counter;
  readonly refused: Counter<'code'>;
  readonly duration: Histogram;
  readonly rootExpiry: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.issued = new Counter({
      name: 'citadel_server_success_cert_issuance_count',
      help: 'Certificates issued.',
      registers,
    });
    this.refused = new Counter({
      name: 'weft_ca_requests_refused_total',
      help: 'Certificate requests refused, by gRPC status.',
      labelNames: ['code'],
      registers,
    });
    this.duration = new Histogram({
      name: 'weft_ca_request_duration_seconds',
      help: 'Time to answer one certificate request.',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
      registers,
    });
    this.rootExpiry = new Gauge({
      name: 'citadel_server_root_cert_expiry_timestamp',
      help: 'Unix time at which the root certificate expires.',
      registers,
    });
  }
}
