import type { Sample } from '@weft/testing-mesh-deployment';
import type { ConnectionRow } from './picture.js';

const OPENED = 'istio_tcp_connections_opened_total';
const CLOSED = 'istio_tcp_connections_closed_total';
const SENT = 'istio_tcp_received_bytes_total';
const RECEIVED = 'istio_tcp_sent_bytes_total';

/**
 * One row for each pair of workloads. A connection between two enrolled pods is reported at both ends and counted at its
 * source; one that came in from outside is known at its destination only.
 */
export function connectionRows(samples: readonly Sample[]): readonly ConnectionRow[] {
  const rows = new Map<string, { -readonly [K in keyof ConnectionRow]: ConnectionRow[K] }>();
  for (const { name, labels, value } of samples) {
    if (![OPENED, CLOSED, SENT, RECEIVED].includes(name)) continue;
    const mutual = labels['connection_security_policy'] === 'mutual_tls';
    if (labels['reporter'] !== 'source' && mutual) continue;
    const source = side(labels, 'source');
    const destination = side(labels, 'destination');
    const key = `${source} ${destination} ${String(mutual)}`;
    const row = rows.get(key) ?? {
      source,
      sourceIdentity: mutual ? known(labels['source_principal']) : null,
      destination,
      destinationIdentity: mutual ? known(labels['destination_principal']) : null,
      security: mutual ? ('mTLS' as const) : ('plain' as const),
      opened: 0,
      open: 0,
      bytesSent: 0,
      bytesReceived: 0,
    };
    rows.set(key, row);
    if (name === OPENED) row.opened += value;
    if (name === OPENED) row.open += value;
    if (name === CLOSED) row.open -= value;
    if (name === SENT) row.bytesSent += value;
    if (name === RECEIVED) row.bytesReceived += value;
  }
  return [...rows.values()].sort(
    (a, b) => a.source.localeCompare(b.source) || a.destination.localeCompare(b.destination),
  );
}

function side(labels: Readonly<Record<string, string>>, end: 'source' | 'destination'): string {
  const workload = known(labels[`${end}_workload`]);
  if (workload === null) return 'outside the mesh';
  return `${known(labels[`${end}_workload_namespace`]) ?? ''}/${workload}`;
}

function known(value: string | undefined): string | null {
  return value === undefined || value === '' || value === 'unknown' ? null : value;
}
