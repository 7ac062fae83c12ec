import { cpuSeconds } from '../l4/cpu-meter.js';
import { Latencies } from '../latencies.js';

/** One client of the load: asks for the `i`th time; resolves with the failure, null for a certificate. */
export type Ask = (i: number) => Promise<string | null>;

export interface IssueSample {
  readonly requests: number;
  readonly seconds: number;
  /** Of the server. */
  readonly cpuSeconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly errors: number;
  readonly firstError: string | null;
}

/** A closed loop: each client asks again as soon as it has an answer, `count` times together. */
export async function issueLoad(clients: readonly Ask[], serverPid: number, count: number): Promise<IssueSample> {
  const latencies = new Latencies();
  let left = count;
  let errors = 0;
  let firstError: string | null = null;
  const run = async (ask: Ask): Promise<void> => {
    for (let i = 0; left-- > 0; i++) {
      const startedAt = performance.now();
      const failure = await ask(i);
      latencies.add((performance.now() - startedAt) * 1000);
      if (failure === null) continue;
      errors++;
      firstError ??= failure;
    }
  };
  const [cpuBefore, startedAt] = [cpuSeconds([serverPid]), performance.now()];
  await Promise.all(clients.map(run));
  return {
    requests: count,
    seconds: (performance.now() - startedAt) / 1000,
    cpuSeconds: cpuSeconds([serverPid]) - cpuBefore,
    ...{ p50Us: latencies.quantile(0.5), p99Us: latencies.quantile(0.99), errors, firstError },
  };
}
