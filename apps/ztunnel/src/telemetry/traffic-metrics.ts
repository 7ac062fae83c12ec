import { Counter, Gauge, type Registry } from 'prom-client';
import {
  CLOSED_BY_DRAIN,
  CLOSED_BY_WORKER_END,
  type ConnectionClosed,
  type FailureFlag,
} from '../dataplane/messages.js';
import { TRAFFIC_LABELS, trafficLabels, type Traffic, type TrafficLabels } from './traffic-labels.js';

type TrafficCounter = Counter<(typeof TRAFFIC_LABELS)[number]>;

/** Bytes of one open connection go straight to its two series. */
export interface ByteCounters {
  received(bytes: number): void;
  sent(bytes: number): void;
}

/** What was counted for one set of labels and is not in the registry yet. */
class Pending implements ByteCounters {
  opened = 0;
  closed = 0;
  failed = 0;
  receivedBytes = 0;
  sentBytes = 0;

  constructor(
    readonly labels: TrafficLabels,
    private readonly touched: (pending: Pending) => void,
  ) {}

  received(bytes: number): void {
    this.receivedBytes += bytes;
    this.touched(this);
  }

  sent(bytes: number): void {
    this.sentBytes += bytes;
    this.touched(this);
  }
}

const BROKEN_BY: Readonly<Record<string, string>> = {
  [CLOSED_BY_DRAIN]: 'drain',
  [CLOSED_BY_WORKER_END]: 'worker',
};
/** More than this waits only where nobody scrapes. */
const MOST_PENDING = 10_000;

/**
 * Istio's TCP metrics. `received` is from the client to the server on both reporters, as Istio counts it. A connection
 * only adds to plain numbers, found by its `Traffic` object (callers keep and share those); the registry, which hashes 28
 * labels for each step, is brought up to date by each scrape.
 */
export class TrafficMetrics {
  readonly #opened: TrafficCounter;
  readonly #closed: TrafficCounter;
  readonly #failed: TrafficCounter;
  readonly #received: TrafficCounter;
  readonly #sent: TrafficCounter;
  readonly #broken: Counter<'reason'>;
  readonly #revoked: Counter<'reporter'>;
  readonly #open = { source: 0, destination: 0 };
  readonly #byTraffic = new WeakMap<Traffic, Map<FailureFlag, Pending>>();
  readonly #touched = new Set<Pending>();

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
    // The first of them to be collected: what it does is done for all.
    this.#opened = counter('istio_tcp_connections_opened_total', 'Connections opened', () => {
      beforeScrape();
      this.#settle();
    });
    this.#closed = counter('istio_tcp_connections_closed_total', 'Connections closed');
    this.#failed = counter('istio_tcp_connections_failed_total', 'Connections that ended with an error (unstable)');
    this.#received = counter('istio_tcp_received_bytes_total', 'Bytes from client to server');
    this.#sent = counter('istio_tcp_sent_bytes_total', 'Bytes from server to client');
    this.#broken = new Counter({
      name: 'weft_connections_broken_total',
      help: 'Open connections that this proxy ended because it stopped, or because a part of it died',
      labelNames: ['reason'],
      registers: [registry],
    });
    this.#revoked = new Counter({
      name: 'istio_crl_policy_rejections_total',
      help: 'Connections refused or closed because the certificate of the peer was taken back',
      labelNames: ['reporter'],
      registers: [registry],
    });
    for (const reporter of ['source', 'destination']) this.#revoked.inc({ reporter }, 0);
    for (const reason of Object.values(BROKEN_BY)) this.#broken.inc({ reason }, 0);
    const open = this.#open;
    new Gauge({
      name: 'istio_tcp_sockets_open',
      help: 'Connections open now (unstable)',
      labelNames: ['reporter'],
      registers: [registry],
      collect() {
        for (const [reporter, count] of Object.entries(open)) this.set({ reporter }, count);
      },
    });
  }

  opened(traffic: Traffic): ByteCounters {
    const pending = this.#pending(traffic, 'none');
    pending.opened++;
    this.#open[traffic.reporter]++;
    return pending;
  }

  closed(traffic: Traffic, { flag, why }: Pick<ConnectionClosed, 'flag' | 'why'>): void {
    this.#ended(traffic, flag);
    const reason = BROKEN_BY[why];
    if (reason !== undefined) this.#broken.inc({ reason });
    this.#open[traffic.reporter]--;
  }

  /** Opened, failed and closed in one: it never carried a byte. */
  refused(traffic: Traffic, flag: FailureFlag): void {
    this.#pending(traffic, 'none').opened++;
    this.#ended(traffic, flag);
  }

  #ended(traffic: Traffic, flag: FailureFlag): void {
    const pending = this.#pending(traffic, flag);
    pending.closed++;
    if (flag !== 'none') pending.failed++;
    if (flag === 'CERT_REVOKED') this.#revoked.inc({ reporter: traffic.reporter });
  }

  #pending(traffic: Traffic, flag: FailureFlag): Pending {
    let byFlag = this.#byTraffic.get(traffic);
    if (byFlag === undefined) this.#byTraffic.set(traffic, (byFlag = new Map<FailureFlag, Pending>()));
    let pending = byFlag.get(flag);
    if (pending === undefined) {
      pending = new Pending(trafficLabels(traffic, flag), (touched) => this.#touched.add(touched));
      byFlag.set(flag, pending);
    }
    this.#touched.add(pending);
    if (this.#touched.size > MOST_PENDING) this.#settle();
    return pending;
  }

  /** A series that was never counted up does not appear. */
  #settle(): void {
    for (const pending of this.#touched) {
      const { labels, opened, closed, failed, receivedBytes, sentBytes } = pending;
      if (opened > 0) this.#opened.inc(labels, opened);
      if (closed > 0) this.#closed.inc(labels, closed);
      if (failed > 0) this.#failed.inc(labels, failed);
      if (receivedBytes > 0) this.#received.inc(labels, receivedBytes);
      if (sentBytes > 0) this.#sent.inc(labels, sentBytes);
      pending.opened = pending.closed = pending.failed = pending.receivedBytes = pending.sentBytes = 0;
    }
    this.#touched.clear();
  }
}
