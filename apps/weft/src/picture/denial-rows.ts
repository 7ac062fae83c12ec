import type { DenialRow } from './picture.js';

type LogLine = Readonly<Record<string, unknown>>;

/** Reads ztunnel's access log (JSON lines) and sums up what policies refused. Lines of another kind are passed over. */
export function denialRows(logs: readonly string[]): readonly DenialRow[] {
  const rows = new Map<string, { -readonly [K in keyof DenialRow]: DenialRow[K] }>();
  for (const line of logs.flatMap((log) => log.split('\n'))) {
    const entry = parse(line);
    // A refusal is logged by the proxy that refused; the client's proxy only sees that it was.
    if (entry?.['direction'] !== 'inbound' || typeof entry['error'] !== 'string' || !/polic/i.test(entry['error']))
      continue;
    const text = (key: string): string => (typeof entry[key] === 'string' ? entry[key] : '');
    const row = {
      source:
        text('src.workload') === ''
          ? text('src.addr').replace(/:\d+$/, '')
          : `${text('src.namespace')}/${text('src.workload')}`,
      sourceIdentity: text('src.identity') || null,
      destination: `${text('dst.namespace')}/${text('dst.workload')}`,
      policy: policyIn(text('error')),
      reason: text('error').replace(/^connection closed due to policy rejection: /, ''),
    };
    const key = Object.values(row).join(' ');
    const known = rows.get(key);
    rows.set(key, { ...row, count: (known?.count ?? 0) + 1, last: text('time') || (known?.last ?? '') });
  }
  return [...rows.values()].sort((a, b) => a.source.localeCompare(b.source));
}

/** ztunnel names the policy that denied, or in brackets those that allow and did not match. */
function policyIn(reason: string): string {
  return /explicitly denied by: (\S+)/.exec(reason)?.[1] ?? /\(([^()]+)\)$/.exec(reason)?.[1] ?? '';
}

function parse(line: string): LogLine | null {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return null;
  }
}
