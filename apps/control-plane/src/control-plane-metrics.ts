import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 3, 10];

/** Names are Istio's where it has one. */
export class ControlPlaneMetrics {
  readonly pushes: Counter<'type'>;
  readonly pushBytes: Counter<'type'>;
  readonly configSize: Histogram<'type'>;
  readonly pushTime: Histogram;
  readonly debounceTime: Histogram;
  readonly convergenceTime: Histogram;
  readonly rejects: Counter<'type'>;
  readonly refused: Counter<'code'>;
  readonly kubeEvents: Counter<'type' | 'event'>;
  readonly resources: Gauge<'type'>;
  readonly rejectedResources: Gauge<'kind'>;
  readonly modelFaults: Counter<'collection'>;
  readonly certificateExpiry: Gauge;
  readonly certificateErrors: Counter;
  readonly leader: Gauge;
  readonly validationPassed: Counter<'group' | 'version' | 'resource'>;
  readonly validationFailed: Counter<'group' | 'version' | 'resource' | 'reason'>;
  readonly validationHttpErrors: Counter<'status'>;
  readonly validationConfigUpdates: Counter;
  readonly jwksFetches: Counter<'result'>;
  readonly activations: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.activations = new Counter({
      name: 'weft_waypoint_activations_total',
      help: 'Times that a sleeping waypoint was asked for, because connections wait for it.',
      registers,
    });
    const resource = ['group', 'version', 'resource'] as const;
    this.validationPassed = new Counter({
      name: 'galley_validation_passed',
      help: 'Resources that admission let through.',
      labelNames: resource,
      registers,
    });
    this.validationFailed = new Counter({
      name: 'galley_validation_failed',
      help: 'Resources that admission refused.',
      labelNames: [...resource, 'reason'],
      registers,
    });
    this.validationHttpErrors = new Counter({
      name: 'galley_validation_http_error',
      help: 'Requests to the webhook that were no review.',
      labelNames: ['status'],
      registers,
    });
    this.validationConfigUpdates = new Counter({
      name: 'galley_validation_config_updates',
      help: 'Writes of the registration of the webhook.',
      registers,
    });
    this.pushes = new Counter({ name: 'pilot_xds_pushes', help: 'Responses sent.', labelNames: ['type'], registers });
    this.pushBytes = new Counter({
      name: 'weft_xds_push_bytes_total',
      help: 'Bytes of responses sent.',
      labelNames: ['type'],
      registers,
    });
    this.configSize = new Histogram({
      name: 'pilot_xds_config_size_bytes',
      help: 'Size of responses.',
      labelNames: ['type'],
      buckets: [1e3, 1e4, 1e5, 1e6, 4e6, 1e7, 4e7],
      registers,
    });
    this.pushTime = new Histogram({
      name: 'pilot_xds_push_time',
      help: 'Time to derive, encode and queue one batch of changes for every client, in seconds.',
      buckets: SECONDS,
      registers,
    });
    this.debounceTime = new Histogram({
      name: 'pilot_debounce_time',
      help: 'Time from the first change of a batch until it is derived, in seconds.',
      buckets: SECONDS,
      registers,
    });
    this.convergenceTime = new Histogram({
      name: 'pilot_proxy_convergence_time',
      help: 'Time from the first change of a batch until it was sent, in seconds.',
      buckets: SECONDS,
      registers,
    });
    this.rejects = new Counter({
      name: 'pilot_total_xds_rejects',
      help: 'Responses that clients rejected.',
      labelNames: ['type'],
      registers,
    });
    this.refused = new Counter({
      name: 'weft_xds_refused_clients_total',
      help: 'Clients refused, by gRPC code.',
      labelNames: ['code'],
      registers,
    });
    this.kubeEvents = new Counter({
      name: 'pilot_k8s_reg_events',
      help: 'Changes seen in Kubernetes.',
      labelNames: ['type', 'event'],
      registers,
    });
    this.resources = new Gauge({
      name: 'weft_xds_resources',
      help: 'Resources served.',
      labelNames: ['type'],
      registers,
    });
    this.rejectedResources = new Gauge({
      name: 'pilot_total_rejected_configs',
      help: 'Mesh resources not accepted as written.',
      labelNames: ['kind'],
      registers,
    });
    this.modelFaults = new Counter({
      name: 'pilot_total_xds_internal_errors',
      help: 'Errors of our own while deriving; the last good result stays in use.',
      labelNames: ['collection'],
      registers,
    });
    this.certificateExpiry = new Gauge({
      name: 'weft_server_certificate_expiry_timestamp_seconds',
      help: 'When the certificate of the xDS server expires.',
      registers,
    });
    this.certificateErrors = new Counter({
      name: 'weft_server_certificate_errors_total',
      help: 'Failed attempts to get a certificate.',
      registers,
    });
    this.jwksFetches = new Counter({
      name: 'pilot_jwks_resolver_network_fetch_total',
      help: 'Attempts to fetch keys of token issuers.',
      labelNames: ['result'],
      registers,
    });
    this.leader = new Gauge({ name: 'weft_status_leader', help: '1 on the replica that writes status.', registers });
  }

  /** Counted at each scrape. */
  watchClients(registry: Registry, clients: () => number): void {
    new Gauge({
      name: 'pilot_xds',
      help: 'Connected xDS clients.',
      registers: [registry],
      collect() {
        this.set(clients());
      },
    });
  }
}

/** `Address` of `type.googleapis.com/istio.workload.Address`. */
export const shortType = (typeUrl: string): string => typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
