import { readFile } from 'node:fs/promises';
import type { EnvoyAdmin } from '../envoy/envoy-admin.js';

/** USER_HZ, which Linux shows to programs whatever its own clock is. */
const TICKS_PER_SECOND = 100;

/** What whoever scales proxies has to know, without the hundreds of metrics beside it. Empty when Envoy does not answer. */
export async function proxyLoad(admin: Pick<EnvoyAdmin, 'load'>, envoyPid: number | null): Promise<string> {
  const stat = envoyPid === null ? '' : await readFile(`/proc/${envoyPid}/stat`, 'utf8').catch(() => '');
  const cpuSeconds = cpuSecondsIn(stat);
  const load = await admin.load().catch(() => null);
  if (load === null || cpuSeconds === null) return '';
  return [
    ...metric('weft_proxy_requests_total', 'counter', 'Requests of users, and connections through a waypoint, so far'),
    `weft_proxy_requests_total ${load.requests}`,
    ...metric(
      'weft_proxy_connections_active',
      'gauge',
      'Connections through a waypoint, or requests in a gateway, now',
    ),
    `weft_proxy_connections_active ${load.connections}`,
    ...metric('weft_proxy_cpu_seconds_total', 'counter', 'CPU time of Envoy'),
    `weft_proxy_cpu_seconds_total ${cpuSeconds}`,
    '',
  ].join('\n');
}

const metric = (name: string, type: string, help: string): readonly string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
];

/** Fields 14 and 15 of proc_pid_stat(5); the name before them may hold anything. Null if that is not what it is. */
export function cpuSecondsIn(stat: string): number | null {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11] ?? NaN) + Number(fields[12] ?? NaN);
  return Number.isFinite(ticks) ? ticks / TICKS_PER_SECOND : null;
}
