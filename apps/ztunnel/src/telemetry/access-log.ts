import type { ConnectionClosed, ConnectionOpened, FromWorker } from '../dataplane/messages.js';
import { identityOf, type Workload } from '../state/workload.js';
import type { Traffic } from './traffic-labels.js';

export interface AccessLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A connection as the access log tells of it. */
export interface LoggedConnection {
  readonly opened: ConnectionOpened;
  readonly traffic: Traffic;
  readonly authority: string | null;
}

type Fields = Record<string, string | number>;

/** One line per connection at its end, and one per refusal; absent values are left out. Field names are Istio's, plus `why`. */
export class AccessLog {
  constructor(private readonly log: AccessLogger) {}

  opened(connection: LoggedConnection): void {
    this.log.debug(connectionFields(connection), 'connection opened');
  }

  closed(connection: LoggedConnection, closed: ConnectionClosed): void {
    const outbound = connection.opened.direction === 'outbound';
    // Counted from this proxy's view: outbound sends what it received from the client.
    const [sent, received] = outbound
      ? [closed.receivedBytes, closed.sentBytes]
      : [closed.sentBytes, closed.receivedBytes];
    const fields = {
      ...connectionFields(connection),
      bytes_sent: sent,
      bytes_recv: received,
      duration: `${Math.round(closed.durationMs)}ms`,
      ...(closed.error === undefined ? {} : { error: closed.error }),
      why: closed.why,
    };
    if (closed.error === undefined) this.log.info(fields, 'connection complete');
    else this.log.error(fields, 'connection complete');
  }

  refused(failure: Extract<FromWorker, { type: 'connectionFailed' }>, traffic: Traffic): void {
    const { direction, source, destination, peerIdentity, reason, flag } = failure;
    const expected = traffic.destination === null ? '' : identityOf(traffic.destination);
    const inbound = direction === 'inbound';
    this.log.warn(
      present({
        'src.addr': source,
        ...sideFields('src', traffic.source, traffic.sourceBaggage?.workloadName),
        'src.identity': (inbound ? peerIdentity : traffic.sourcePrincipal) ?? '',
        'dst.addr': destination,
        'dst.service': traffic.service?.hostname ?? '',
        ...sideFields('dst', traffic.destination),
        'dst.identity': inbound ? expected : traffic.mutualTls ? (peerIdentity ?? expected) : '',
        direction,
        error: reason,
        why: flag === 'DENY' ? 'policy' : flag === 'none' ? 'refused' : flag.toLowerCase(),
      }),
      'connection failed',
    );
  }
}

function connectionFields({ opened, traffic, authority }: LoggedConnection): Fields {
  const mutual = traffic.mutualTls;
  return present({
    'src.addr': opened.source,
    ...sideFields('src', traffic.source, traffic.sourceBaggage?.workloadName),
    'src.identity': mutual ? (traffic.sourcePrincipal ?? '') : '',
    'dst.addr': opened.direction === 'inbound' ? opened.destination : opened.actualDestination,
    'dst.hbone_addr': opened.transport === 'hbone' ? (authority ?? '') : '',
    'dst.service': traffic.service?.hostname ?? '',
    ...sideFields('dst', traffic.destination),
    'dst.identity': mutual ? destinationIdentity({ opened, traffic }) : '',
    direction: opened.direction,
  });
}

function destinationIdentity({ opened, traffic }: Pick<LoggedConnection, 'opened' | 'traffic'>): string {
  if (opened.direction === 'outbound' && opened.peerIdentity !== null) return opened.peerIdentity;
  return traffic.destination === null ? '' : identityOf(traffic.destination);
}

function sideFields(side: 'src' | 'dst', workload: Workload | null, fallbackName = ''): Fields {
  if (workload === null) return { [`${side}.workload`]: fallbackName };
  return {
    [`${side}.workload`]: workload.name === '' ? workload.canonicalName : workload.name,
    [`${side}.namespace`]: workload.namespace,
    [`${side}.cluster`]: workload.clusterId,
  };
}

function present(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''));
}
