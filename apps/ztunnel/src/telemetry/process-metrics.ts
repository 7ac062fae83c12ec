import { Counter, Gauge, type Registry } from 'prom-client';
import type { TerminationReason } from '@weft/xds';

/** Metrics of the process itself: build, xDS, pods. */
export class ProcessMetrics {
  readonly #terminations: Counter<'reason'>;
  readonly #messages: Counter<'url'>;
  readonly #messageBytes: Counter<'url'>;
  readonly #rejected: Counter<'url'>;
  readonly #started: Counter;
  readonly #stopped: Counter;
  readonly #workersLost: Counter<'cause'>;

  /** `count` is asked at each scrape. */
  constructor(
    registry: Registry,
    version: string,
    count: { activePods: () => number; pendingPods: () => number; lostLogLines: () => number },
  ) {
    const registers = [registry];
    new Gauge({ name: 'istio_build', help: 'Build', labelNames: ['component', 'tag'], registers }).set(
      { component: 'ztunnel', tag: version },
      1,
    );
    this.#terminations = new Counter({
      name: 'istio_xds_connection_terminations_total',
      help: 'xDS streams that ended',
      labelNames: ['reason'],
      registers,
    });
    this.#messages = new Counter({
      name: 'istio_xds_message_total',
      help: 'xDS responses',
      labelNames: ['url'],
      registers,
    });
    this.#messageBytes = new Counter({
      name: 'istio_xds_message_bytes_total',
      help: 'Bytes of xDS responses',
      labelNames: ['url'],
      registers,
    });
    this.#rejected = new Counter({
      name: 'weft_xds_rejected_resources_total',
      help: 'Resources refused with a NACK',
      labelNames: ['url'],
      registers,
    });
    new Gauge({
      name: 'workload_manager_active_proxy_count',
      help: 'Pods served',
      registers,
      collect() {
        this.set(count.activePods());
      },
    });
    new Gauge({
      name: 'workload_manager_pending_proxy_count',
      help: 'Pods that could not be started and are retried',
      registers,
      collect() {
        this.set(count.pendingPods());
      },
    });
    new Counter({
      name: 'weft_log_lines_lost_total',
      help: 'Log lines, access log included, that the disk or the reader did not take',
      registers,
      collect() {
        this.reset();
        this.inc(count.lostLogLines());
      },
    });
    this.#workersLost = new Counter({
      name: 'weft_data_plane_workers_lost_total',
      help: 'Data plane threads that ended by themselves and were started again',
      labelNames: ['cause'],
      registers,
    });
    for (const cause of ['exception', 'memory', 'exit']) this.#workersLost.inc({ cause }, 0);
    this.#started = new Counter({ name: 'workload_manager_proxies_started_total', help: 'Pods started', registers });
    this.#stopped = new Counter({ name: 'workload_manager_proxies_stopped_total', help: 'Pods stopped', registers });
  }

  xdsTerminated(reason: TerminationReason): void {
    this.#terminations.inc({ reason });
  }

  xdsMessage(url: string, bytes: number): void {
    this.#messages.inc({ url });
    this.#messageBytes.inc({ url }, bytes);
  }

  xdsRejected(url: string, resources: number): void {
    this.#rejected.inc({ url }, resources);
  }

  /** Its connections are in `weft_connections_broken_total{reason="worker"}`. */
  workerLost(cause: 'exception' | 'memory' | 'exit'): void {
    this.#workersLost.inc({ cause });
  }

  podStarted(): void {
    this.#started.inc();
  }

  podStopped(): void {
    this.#stopped.inc();
  }
}
