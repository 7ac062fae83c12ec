import type { Sample } from '@weft/testing-mesh-deployment';
import type { RequestRow } from './picture.js';

const REQUESTS = 'istio_requests_total';
const FAULT = 'FI';

/** Requests that waypoints have seen: one row for each service, who answered, and how. */
export function requestRows(samples: readonly Sample[]): readonly RequestRow[] {
  const rows = new Map<string, Omit<RequestRow, 'share'>>();
  const totals = new Map<string, number>();
  for (const { name, labels, value } of samples) {
    if (name !== REQUESTS || labels['reporter'] !== 'waypoint') continue;
    const service = `${labels['destination_service_namespace'] ?? ''}/${labels['destination_service_name'] ?? ''}`;
    const answeredBy = answererOf(labels);
    const status = Number(labels['response_code']);
    const key = `${service} ${answeredBy} ${status}`;
    const count = (rows.get(key)?.count ?? 0) + value;
    rows.set(key, { service, answeredBy, status, count });
    totals.set(service, (totals.get(service) ?? 0) + value);
  }
  return [...rows.values()]
    .map((row) => ({ ...row, share: row.count / (totals.get(row.service) ?? row.count) }))
    .sort(
      (a, b) => a.service.localeCompare(b.service) || a.status - b.status || a.answeredBy.localeCompare(b.answeredBy),
    );
}

function answererOf(labels: Readonly<Record<string, string>>): string {
  if ((labels['response_flags'] ?? '').split(',').includes(FAULT)) return 'a fault on purpose';
  const workload = labels['destination_workload'] ?? 'unknown';
  if (workload === 'unknown') return 'the waypoint';
  return `${labels['destination_workload_namespace'] ?? ''}/${workload}`;
}
