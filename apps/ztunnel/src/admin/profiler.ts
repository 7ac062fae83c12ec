import { Session } from 'node:inspector/promises';
import type { DataPlanePort } from '../pods/data-plane-port.js';

export interface ProfileRequest {
  readonly seconds: number;
  /** Samples per second; CPU of the main thread only, a worker is sampled a thousand times. */
  readonly frequency: number;
  /** Null: the main thread. */
  readonly worker: number | null;
}

/**
 * Profiles of the main thread (answers, policy, metrics, log) or of one data-plane worker, as JSON that Chrome's developer
 * tools and `speedscope` open. One at a time.
 */
export class Profiler {
  #running = false;

  constructor(private readonly dataPlane: Pick<DataPlanePort, 'profile'>) {}

  get running(): boolean {
    return this.#running;
  }

  /** `.cpuprofile`; null if there is no such worker. */
  cpu({ seconds, frequency, worker }: ProfileRequest): Promise<string | null> {
    if (worker !== null) return this.#ofWorker(worker, 'cpu', seconds);
    return this.#during(seconds, async (session, wait) => {
      await session.post('Profiler.enable');
      await session.post('Profiler.setSamplingInterval', { interval: Math.round(1_000_000 / frequency) });
      await session.post('Profiler.start');
      await wait();
      return JSON.stringify((await session.post('Profiler.stop')).profile);
    });
  }

  /** `.heapprofile`: who allocated what is still alive at the end. */
  heap({ seconds, worker }: Omit<ProfileRequest, 'frequency'>): Promise<string | null> {
    if (worker !== null) return this.#ofWorker(worker, 'heap', seconds);
    return this.#during(seconds, async (session, wait) => {
      await session.post('HeapProfiler.enable');
      await session.post('HeapProfiler.startSampling', { samplingInterval: 32_768 });
      await wait();
      return JSON.stringify((await session.post('HeapProfiler.stopSampling')).profile);
    });
  }

  async #ofWorker(worker: number, kind: 'cpu' | 'heap', seconds: number): Promise<string | null> {
    this.#running = true;
    try {
      return await this.dataPlane.profile(worker, kind, seconds * 1000);
    } finally {
      this.#running = false;
    }
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
  const number = (key: string, fallback: number, highest: number, lowest = 1): number | string => {
    const text = query[key] ?? String(fallback);
    const value = typeof text === 'string' && /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
    return value >= lowest && value <= highest ? value : `${key}: want a whole number from ${lowest} to ${highest}\n`;
  };
  const seconds = number('seconds', 10, 300);
  const frequency = number('frequency', 100, 1000);
  const worker = query['worker'] === undefined ? null : number('worker', 0, 1023, 0);
  const wrong = [seconds, frequency, worker].find((value) => typeof value === 'string');
  if (typeof wrong === 'string') return wrong;
  return { seconds: Number(seconds), frequency: Number(frequency), worker: worker === null ? null : Number(worker) };
}
