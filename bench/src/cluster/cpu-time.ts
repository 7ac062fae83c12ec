/** Clock ticks a second in /proc; the same on every Linux that we run on. */
const TICKS_PER_SECOND = 100;

type Exec = (argv: readonly string[]) => Promise<string>;

/** The processes of a cluster share one PID namespace, so any node sees all of them. A pod's host name tells two of a kind apart. */
function script(pattern: string, hostName: string | undefined, read: string): string {
  const host = hostName === undefined ? '' : `grep -qaz '^HOSTNAME=${hostName}$' /proc/$p/environ || continue;`;
  return `for p in $(ls /proc | grep -E '^[0-9]+$'); do tr '\\0' ' ' < /proc/$p/cmdline 2>/dev/null | grep -qF -- '${pattern}' || continue; [ $p = $$ ] && continue; ${host} ${read}; done`;
}

/** User and system time of the matching processes and their ended children, in seconds. */
export async function cpuSecondsByPattern(exec: Exec, pattern: string, hostName?: string): Promise<number> {
  const stats = await exec(['sh', '-c', script(pattern, hostName, 'cat /proc/$p/stat 2>/dev/null')]);
  return sumCpuSeconds(stats);
}

/** Resident memory of the matching processes, in MiB. */
export async function residentMiB(exec: Exec, pattern: string, hostName?: string): Promise<number> {
  const lines = await exec(['sh', '-c', script(pattern, hostName, 'grep VmRSS /proc/$p/status 2>/dev/null')]);
  const kib = [...lines.matchAll(/VmRSS:\s+(\d+) kB/g)].reduce((sum, [, value]) => sum + Number(value), 0);
  return kib / 1024;
}

/** Reads lines of /proc/<pid>/stat (proc(5)): fields 14 to 17 are utime, stime, cutime, cstime. */
export function sumCpuSeconds(stats: string): number {
  let ticks = 0;
  for (const line of stats.split('\n')) {
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    if (fields.length < 15) continue;
    for (const field of fields.slice(11, 15)) ticks += Number(field);
  }
  return ticks / TICKS_PER_SECOND;
}
