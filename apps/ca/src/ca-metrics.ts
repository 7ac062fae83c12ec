import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Istio's names where it has one (`citadel_*`). */
export class CaMetrics {
  readonly issued: Counter;
  readonly requests: Counter;
  readonly csrRefused: Counter;
  readonly identityRefused: Counter;
  readonly unauthenticated: Counter;
  readonly signErrors: Counter<'error'>;
  readonly refused: Counter<'code'>;
  readonly duration: Histogram;
  readonly rootExpiry: Gauge;
  readonly chainExpiry: Gauge;
  readonly rotationState: Gauge<'state'>;
  readonly rootChangeRefused: Gauge;
  readonly rootChanges: Counter<'result'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.issued = new Counter({
      name: 'citadel_server_success_cert_issuance_count',
      help: 'Certificates issued.',
      registers,
    });
    this.requests = new Counter({
      name: 'citadel_server_csr_count',
      help: 'Certificate requests received.',
      registers,
    });
    this.csrRefused = new Counter({
      name: 'citadel_server_csr_parsing_err_count',
      help: 'Requests whose CSR was refused.',
      registers,
    });
    this.identityRefused = new Counter({
      name: 'citadel_server_id_extraction_err_count',
      help: 'Requests for an identity that the caller may not have.',
      registers,
    });
    this.unauthenticated = new Counter({
      name: 'citadel_server_authentication_failure_count',
      help: 'Requests of callers that nobody vouches for, or cannot be judged now.',
      registers,
    });
    this.signErrors = new Counter({
      name: 'citadel_server_csr_sign_err_count',
      help: 'Requests that were good and could not be signed.',
      labelNames: ['error'],
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
    this.chainExpiry = new Gauge({
      name: 'citadel_server_cert_chain_expiry_timestamp',
      help: 'Unix time at which the first certificate from the signing one up to the root expires.',
      registers,
    });
    this.rotationState = new Gauge({
      name: 'weft_ca_rotation_state',
      help: 'Rotation of the self-signed root: 1 for the state it is in.',
      labelNames: ['state'],
      registers,
    });
    this.rootChangeRefused = new Gauge({
      name: 'weft_ca_root_change_refused',
      help: '1 while the signing certificate as it is stored cannot be used and the last good one signs.',
      registers,
    });
    this.rootChanges = new Counter({
      name: 'weft_ca_root_changes_total',
      help: 'Changes of the signing certificate or of the roots, by result.',
      labelNames: ['result'],
      registers,
    });
  }

  /** Read when the metrics are asked for. */
  watchLoad(
    registry: Registry,
    load: { rememberedTokens(): number; waitingRequests(): number; knownPods(): number },
  ): void {
    new Gauge({
      name: 'weft_ca_remembered_tokens',
      help: 'Reviewed tokens that are remembered.',
      registers: [registry],
      collect() {
        this.set(load.rememberedTokens());
      },
    });
    new Gauge({
      name: 'weft_ca_known_pods',
      help: 'Pods that the watch has brought.',
      registers: [registry],
      collect() {
        this.set(load.knownPods());
      },
    });
    new Gauge({
      name: 'weft_ca_requests_waiting',
      help: 'Certificate requests that wait for their turn.',
      registers: [registry],
      collect() {
        this.set(load.waitingRequests());
      },
    });
  }
}
