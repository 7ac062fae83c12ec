import { Counter, Gauge, type Registry } from 'prom-client';

export class EnrolmentMetrics {
  readonly enrolled: Gauge;
  readonly failures: Counter;
  readonly ztunnelConnected: Gauge;
  readonly pluginRequests: Counter<'response_code'>;
  readonly installs: Counter<'result'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.enrolled = new Gauge({
      name: 'weft_cni_enrolled_pods',
      help: 'Pods of this node that are enrolled.',
      registers,
    });
    this.failures = new Counter({
      name: 'weft_cni_enrolment_failures_total',
      help: 'Enrolments or releases that failed and are retried.',
      registers,
    });
    this.ztunnelConnected = new Gauge({
      name: 'ztunnel_connected',
      help: 'ztunnel connections to this agent.',
      registers,
    });
    this.pluginRequests = new Counter({
      name: 'istio_cni_plugin_requests_total',
      help: 'Requests of the CNI plugin, by response code.',
      labelNames: ['response_code'],
      registers,
    });
    this.installs = new Counter({
      name: 'istio_cni_installs_total',
      help: 'Installations of the CNI plugin.',
      labelNames: ['result'],
      registers,
    });
  }
}
