import { Counter, Gauge, type Registry } from 'prom-client';
import type { FailureFlag } from '../dataplane/messages.js';
import { TRAFFIC_LABELS, trafficLabels, type Traffic } from './traffic-labels.js';

type TrafficCounter = Counter<(typeof TRAFFIC_LABELS)[number]>;

/** Bytes of one open connection go straight to its two series. */
export interface ByteCounters {
  received(bytes: number): void;
  sent(bytes: number): void;
}

/** Istio's TCP metrics. `received` is from the client to the server on both reporters, as Istio counts it. */
export class TrafficMetrics {
  readonly #opened: TrafficCounter;
  readonly #closed: TrafficCounter;
  readonly #failed: TrafficCounter;
  readonly #received: TrafficCounter;
  readonly #sent: TrafficCounter;
  readonly #sockets: Gauge<'reporter'>;

  /** `beforeScrape` runs at every scrape, so that byte counters of open connections are up to date. */
  constructor(registry: Registry, beforeScrape: () => void) {
    const counter = (name: string, help: string, collect?: () => void): TrafficCounter =>
      new Counter({
        name,
        help,
        labelNames: TRAFFIC_LABELS,
        registers: [registry],
        ...(collect === undefined ? {} : { collect }),
      });
    this.#opened = counter('istio_tcp_connections_opened_total', 'Connections opened', beforeScrape);
    this.#closed = counter('istio_tcp_connections_closed_total', 'Connections closed');
    this.#failed = counter('istio_tcp_connections_failed_total', 'Connections that ended with an error (unstable)');
    this.#received = counter('istio_tcp_received_bytes_total', 'Bytes from client to server');
    this.#sent = counter('istio_tcp_sent_bytes_total', 'Bytes from server to client');
    this.#sockets = new Gauge({
      name: 'istio_tcp_sockets_open',
      help: 'Connections open now (unstable)',
      labelNames: ['reporter'],
      registers: [registry],
    });
  }

  opened(traffic: Traffic): ByteCounters {
    const labels = trafficLabels(traffic, 'none');
    this.#opened.inc(labels);
    this.#sockets.inc({ reporter: traffic.reporter });
    const received = this.#received.labels(labels);
    const sent = this.#sent.labels(labels);
    return { received: (bytes) => received.inc(bytes), sent: (bytes) => sent.inc(bytes) };
  }

  closed(traffic: Traffic, flag: FailureFlag): void {
    const labels = trafficLabels(traffic, flag);
    this.#closed.inc(labels);
    this.#sockets.dec({ reporter: traffic.reporter });
    if (flag !== 'none') this.#failed.inc(labels);
  }

  /** Opened, failed and closed in one: it never carried a byte. */
  refused(traffic: Traffic, flag: FailureFlag): void {
    const labels = trafficLabels(traffic, flag);
    this.#opened.inc(trafficLabels(traffic, 'none'));
    this.#closed.inc(labels);
    if (flag !== 'none') this.#failed.inc(labels);
  }
}
