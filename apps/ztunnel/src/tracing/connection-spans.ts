import type { Clock } from '@weft/result';
import type { ConnectionClosed, FromWorker } from '../dataplane/messages.js';
import { identityOf, type Workload } from '../state/workload.js';
import type { LoggedConnection } from '../telemetry/access-log.js';
import type { Traffic } from '../telemetry/traffic-labels.js';
import type { SpanSink } from './span.js';

type Failure = Extract<FromWorker, { type: 'connectionFailed' }>;
type Side = 'source' | 'destination';

/** Makes a span of each connection that carries a sampled `traceparent`; all others cost one comparison. */
export class ConnectionSpans {
  constructor(
    private readonly sink: SpanSink,
    private readonly clock: Clock,
    /** 16 hexadecimal digits. */
    private readonly newSpanId: () => string,
  ) {}

  closed({ details, source, traffic, authority }: LoggedConnection, closed: ConnectionClosed): void {
    if (details.trace === undefined) return;
    const outbound = details.direction === 'outbound';
    const [sent, received] = outbound
      ? [closed.receivedBytes, closed.sentBytes]
      : [closed.sentBytes, closed.receivedBytes];
    this.#add(details.direction, details.trace, {
      durationMs: closed.durationMs,
      error: closed.error ?? null,
      attributes: {
        ...sides(traffic),
        'source.address': source,
        'destination.address': outbound ? details.actualDestination : details.destination,
        ...(authority === null ? {} : { 'server.address': authority }),
        'weft.bytes_sent': sent,
        'weft.bytes_received': received,
        'weft.why': closed.why,
      },
    });
  }

  refused(failure: Failure, traffic: Traffic): void {
    if (failure.trace === undefined) return;
    const { direction, source, destination, reason, flag } = failure;
    const addresses = { 'source.address': source, 'destination.address': destination };
    const attributes = { ...sides(traffic), ...addresses, 'istio.response_flags': flag === 'none' ? '-' : flag };
    this.#add(direction, failure.trace, { durationMs: 0, error: reason, attributes });
  }

  #add(direction: 'inbound' | 'outbound', trace: string, { durationMs, error, attributes }: SpanParts): void {
    const endMs = this.clock.now();
    const [, traceId = '', parentId = ''] = trace.split('-');
    const outbound = direction === 'outbound';
    this.sink.add({
      traceId,
      // What an outbound connection sends as the parent is its own span.
      spanId: outbound ? parentId : this.newSpanId(),
      parentSpanId: outbound ? null : parentId,
      name: direction,
      kind: outbound ? 'client' : 'server',
      startMs: endMs - durationMs,
      endMs,
      attributes,
      error,
    });
  }
}

interface SpanParts {
  readonly durationMs: number;
  readonly error: string | null;
  readonly attributes: Readonly<Record<string, string | number>>;
}

function sides({ source, destination, service, sourcePrincipal }: Traffic): Record<string, string> {
  return {
    ...sideOf('source', source, sourcePrincipal),
    ...sideOf('destination', destination, destination === null ? null : identityOf(destination)),
    ...(service === null ? {} : { 'istio.destination_service': service.hostname }),
  };
}

function sideOf(side: Side, workload: Workload | null, principal: string | null): Record<string, string> {
  return {
    ...(workload === null
      ? {}
      : {
          [`istio.${side}_workload`]: workload.name === '' ? workload.canonicalName : workload.name,
          [`istio.${side}_workload_namespace`]: workload.namespace,
          [`istio.${side}_cluster`]: workload.clusterId,
        }),
    ...(principal === null ? {} : { [`istio.${side}_principal`]: principal }),
  };
}
