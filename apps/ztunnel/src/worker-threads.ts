import { err, ok, type Result } from '@weft/result';
import type { ConfigProblem, EnvReader } from '@weft/runtime';

/**
 * How many data-plane threads: `ZTUNNEL_WORKER_THREADS` (a number, 0 for all cores, or a percentage), else what the
 * resource limits of the pod allow.
 */
export function workerThreads(reader: EnvReader, machineCores: number): Result<number, ConfigProblem> {
  const wanted = reader.optional('ZTUNNEL_WORKER_THREADS');
  const limit = quantity(reader, 'ZTUNNEL_RESOURCE_CPU_LIMIT');
  const request = quantity(reader, 'ZTUNNEL_RESOURCE_CPU_REQUEST');
  const cores = Math.max(1, quantity(reader, 'ZTUNNEL_CPU_LIMIT') ?? machineCores);
  if (wanted !== undefined) {
    const match = /^(\d{1,4})(%?)$/.exec(wanted);
    if (match === null) {
      return err({
        key: 'ZTUNNEL_WORKER_THREADS',
        problem: `want a number or a percentage, got ${JSON.stringify(wanted)}`,
      });
    }
    const value = Number(match[1]);
    if (match[2] === '%') return ok(Math.max(1, Math.ceil((cores * value) / 100)));
    return ok(value === 0 ? cores : value);
  }
  if (limit !== null) return ok(Math.max(1, limit));
  return ok(Math.min(cores, Math.max(Math.ceil(cores / 4), request ?? 0, 2)));
}

/** CPUs as the downward API gives them: whole numbers, rounded up. */
function quantity(reader: EnvReader, key: string): number | null {
  const value = reader.integer(key, 0, 0, 4096);
  return value === 0 ? null : value;
}
