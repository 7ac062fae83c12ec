import { Counter, Histogram, type Registry } from 'prom-client';
import { KubeApiError } from './errors.js';
import type { KubeRequest, KubeTransport, WatchHandler } from './transport.js';

/** The metrics of one registry; several clients of a process share them. */
class KubeMetrics {
  readonly requests: Counter<'method' | 'code'>;
  readonly durations: Histogram<'method'>;
  readonly watches: Counter<'resource' | 'result'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.requests = new Counter({
      name: 'kube_client_requests_total',
      help: 'Requests to the Kubernetes API by HTTP status; "unreachable" when no answer came.',
      labelNames: ['method', 'code'],
      registers,
    });
    this.durations = new Histogram({
      name: 'kube_client_request_duration_seconds',
      help: 'Time to a whole answer of the Kubernetes API, retries included.',
      labelNames: ['method'],
      buckets: [0.005, 0.025, 0.1, 0.5, 1, 5, 30],
      registers,
    });
    this.watches = new Counter({
      name: 'kube_client_watches_total',
      help: 'Watches by resource and how they went: opened, ended by the server, refused, or unreachable.',
      labelNames: ['resource', 'result'],
      registers,
    });
  }
}

const perRegistry = new WeakMap<Registry, KubeMetrics>();

function metricsOf(registry: Registry): KubeMetrics {
  let metrics = perRegistry.get(registry);
  if (metrics === undefined) perRegistry.set(registry, (metrics = new KubeMetrics(registry)));
  return metrics;
}

/** Counts what passes. */
export class MeteredTransport implements KubeTransport {
  readonly #metrics: KubeMetrics;

  constructor(
    private readonly transport: KubeTransport,
    registry: Registry,
  ) {
    this.#metrics = metricsOf(registry);
  }

  async request(request: KubeRequest): Promise<unknown> {
    const { method } = request;
    const done = this.#metrics.durations.startTimer({ method });
    try {
      const answer = await this.transport.request(request);
      this.#metrics.requests.inc({ method, code: '2xx' });
      return answer;
    } catch (failure) {
      this.#metrics.requests.inc({
        method,
        code: failure instanceof KubeApiError ? String(failure.status) : 'unreachable',
      });
      throw failure;
    } finally {
      done();
    }
  }

  async watch(request: KubeRequest, handler: WatchHandler, signal: AbortSignal): Promise<void> {
    const resource = request.path.slice(request.path.lastIndexOf('/') + 1);
    const count = (result: string): void => this.#metrics.watches.inc({ resource, result });
    const opened = (): void => {
      count('opened');
      handler.opened();
    };
    try {
      await this.transport.watch(request, { opened, event: (event) => handler.event(event) }, signal);
      if (!signal.aborted) count('ended');
    } catch (failure) {
      if (!signal.aborted) count(failure instanceof KubeApiError ? 'refused' : 'unreachable');
      throw failure;
    }
  }

  close(): void {
    this.transport.close();
  }
}
