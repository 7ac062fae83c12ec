import type { KindDetails } from '../connections/connection-kind.js';
import type { ConnectionClosed, FromWorker } from '../dataplane/messages.js';
import { identityOf, type Workload } from '../state/workload.js';
import type { LineLog } from './line-log.js';
import type { Traffic } from './traffic-labels.js';

export interface AccessLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A connection as the access log tells of it. */
export interface LoggedConnection {
  /** One object for all that are alike, and have the same authority. */
  readonly details: KindDetails;
  /** The client's `ip:port`. */
  readonly source: string;
  readonly traffic: Traffic;
  readonly authority: string | null;
}

/** Fields that all connections between the same two share, rendered. */
interface Shared {
  /** What is said of the source, and of the destination, without addresses and identity. */
  readonly source: string;
  readonly destination: string;
  /** What was said last of a connection between them, behind its source address. */
  last: { readonly details: KindDetails; readonly text: string } | null;
}

/** One line per connection at its end, and one per refusal; absent values are left out. Field names are Istio's, plus `why`. */
export class AccessLog {
  readonly #shared = new WeakMap<Traffic, Shared>();

  constructor(private readonly log: LineLog) {}

  opened(connection: LoggedConnection): void {
    if (this.log.enabled('debug')) this.log.line('debug', this.#connectionFields(connection), 'connection opened');
  }

  closed(connection: LoggedConnection, closed: ConnectionClosed): void {
    const level = closed.error === undefined ? 'info' : 'error';
    if (!this.log.enabled(level)) return;
    const outbound = connection.details.direction === 'outbound';
    // Counted from this proxy's view: outbound sends what it received from the client.
    const [sent, received] = outbound
      ? [closed.receivedBytes, closed.sentBytes]
      : [closed.sentBytes, closed.receivedBytes];
    const fields =
      this.#connectionFields(connection) +
      this.log.field('bytes_sent', sent) +
      this.log.field('bytes_recv', received) +
      this.log.field('duration', `${Math.round(closed.durationMs)}ms`) +
      this.log.field('error', closed.error ?? '') +
      this.log.field('why', closed.why);
    this.log.line(level, fields, 'connection complete');
  }

  refused(failure: Extract<FromWorker, { type: 'connectionFailed' }>, traffic: Traffic): void {
    if (!this.log.enabled('warn')) return;
    const { direction, source, destination, peerIdentity, reason, flag } = failure;
    const expected = traffic.destination === null ? '' : identityOf(traffic.destination);
    const inbound = direction === 'inbound';
    const shared = this.#sharedFields(traffic);
    const field = this.log.field.bind(this.log);
    const fields =
      field('src.addr', source) +
      shared.source +
      field('src.identity', (inbound ? peerIdentity : traffic.sourcePrincipal) ?? '') +
      field('dst.addr', destination) +
      shared.destination +
      field('dst.identity', inbound ? expected : traffic.mutualTls ? (peerIdentity ?? expected) : '') +
      field('direction', direction) +
      field('error', reason) +
      field('why', flag === 'DENY' ? 'policy' : flag === 'none' ? 'refused' : flag.toLowerCase());
    this.log.line('warn', fields, 'connection failed');
  }

  #connectionFields({ details, source, traffic, authority }: LoggedConnection): string {
    const shared = this.#sharedFields(traffic);
    if (shared.last?.details !== details)
      shared.last = { details, text: this.#afterSource(details, traffic, authority) };
    return this.log.field('src.addr', source) + shared.last.text;
  }

  /** Everything but the client's address: connections that follow each other often have it in common. */
  #afterSource(details: KindDetails, traffic: Traffic, authority: string | null): string {
    const mutual = traffic.mutualTls;
    const shared = this.#sharedFields(traffic);
    const field = this.log.field.bind(this.log);
    return (
      shared.source +
      field('src.identity', mutual ? (traffic.sourcePrincipal ?? '') : '') +
      field('dst.addr', details.direction === 'inbound' ? details.destination : details.actualDestination) +
      field('dst.hbone_addr', details.transport === 'hbone' ? (authority ?? '') : '') +
      shared.destination +
      field('dst.identity', mutual ? destinationIdentity({ details, traffic }) : '') +
      field('direction', details.direction)
    );
  }

  #sharedFields(traffic: Traffic): Shared {
    let shared = this.#shared.get(traffic);
    if (shared === undefined) {
      const service = this.log.field('dst.service', traffic.service?.hostname ?? '');
      shared = {
        source: this.#sideFields('src', traffic.source, traffic.sourceBaggage?.workloadName),
        destination: service + this.#sideFields('dst', traffic.destination, traffic.destinationBaggage?.workloadName),
        last: null,
      };
      this.#shared.set(traffic, shared);
    }
    return shared;
  }

  #sideFields(side: 'src' | 'dst', workload: Workload | null, fallbackName = ''): string {
    if (workload === null) return this.log.field(`${side}.workload`, fallbackName);
    return (
      this.log.field(`${side}.workload`, workload.name === '' ? workload.canonicalName : workload.name) +
      this.log.field(`${side}.namespace`, workload.namespace) +
      this.log.field(`${side}.cluster`, workload.clusterId)
    );
  }
}

function destinationIdentity({ details, traffic }: Pick<LoggedConnection, 'details' | 'traffic'>): string {
  if (details.direction === 'outbound' && details.peerIdentity !== null) return details.peerIdentity;
  return traffic.destination === null ? '' : identityOf(traffic.destination);
}
