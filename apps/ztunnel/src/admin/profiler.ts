import { Session } from 'node:inspector/promises';

export interface ProfileRequest {
  readonly seconds: number;
  /** Samples per second; CPU only. */
  readonly frequency: number;
}

/**
 * Profiles of the main thread (answers, policy, metrics, log), as JSON that Chrome's developer tools and `speedscope` open.
 * The data-plane threads never return to Node's own loop and are not in them; `perf` sees those. One at a time.
 */
export class Profiler {
  #running = false;

  get running(): boolean {
    return this.#running;
  }

  /** `.cpuprofile`. */
  cpu({ seconds, frequency }: ProfileRequest): Promise<string> {
    return this.#during(seconds, async (session, wait) => {
      await session.post('Profiler.enable');
      await session.post('Profiler.setSamplingInterval', { interval: Math.round(1_000_000 / frequency) });
      await session.post('Profiler.start');
      await wait();
      return JSON.stringify((await session.post('Profiler.stop')).profile);
    });
  }

  /** `.heapprofile`: who allocated what is still alive at the end. */
  heap({ seconds }: Pick<ProfileRequest, 'seconds'>): Promise<string> {
    return this.#during(seconds, async (session, wait) => {
      await session.post('HeapProfiler.enable');
      await session.post('HeapProfiler.startSampling', { samplingInterval: 32_768 });
      await wait();
      return JSON.stringify((await session.post('HeapProfiler.stopSampling')).profile);
    });
  }

  async #during(
    seconds: number,
    profile: (session: Session, wait: () => Promise<void>) => Promise<string>,
  ): Promise<string> {
    this.#running = true;
    const session = new Session();
    try {
      session.connect();
      return await profile(session, () => new Promise((resolve) => setTimeout(resolve, seconds * 1000).unref()));
    } finally {
      session.disconnect();
      this.#running = false;
    }
  }
}

/** From the query of `/debug/pprof/...`; a text says what is wrong. */
export function parseProfileRequest(query: Readonly<Record<string, unknown>>): ProfileRequest | string {
  const number = (key: string, fallback: number, highest: number): number | string => {
    const text = query[key] ?? String(fallback);
    const value = typeof text === 'string' && /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
    return value >= 1 && value <= highest ? value : `${key}: want a whole number from 1 to ${highest}\n`;
  };
  const seconds = number('seconds', 10, 300);
  const frequency = number('frequency', 100, 1000);
  if (typeof seconds === 'string') return seconds;
  return typeof frequency === 'string' ? frequency : { seconds, frequency };
}
