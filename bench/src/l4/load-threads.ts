import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { toError } from '@weft/result';
import { ServerCounters } from './client/server-counters.js';
import type { LoadReply, LoadRequest, LoadSample } from './client/load-order.js';
import { SERVER_PORT } from './namespace-pair.js';

const STOP_MS = 1000;

/** The two ends of every load, each on a thread of its own: the same for all peers. */
export class LoadThreads {
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly server: Worker,
    private readonly load: Worker,
    private readonly counters: ServerCounters,
  ) {}

  /** `serverNetns`: paths of the network namespaces in which the server listens. */
  static async start(root: string, serverNetns: readonly string[]): Promise<LoadThreads> {
    const entry = (name: string): string => join(root, 'dist/bench', name);
    // Their descriptors are closed by number, which Node would take for a mistake.
    const options = { trackUnmanagedFds: false };
    const counters = new ServerCounters();
    const { memory } = counters;
    const server = new Worker(entry('l4-server.cjs'), {
      ...options,
      workerData: { memory, netnsPaths: serverNetns, port: SERVER_PORT },
    });
    const serverThread = await messageOf<string>(server);
    const load = new Worker(entry('l4-load.cjs'), { ...options, workerData: { memory, serverThread } });
    return new LoadThreads(server, load, counters);
  }

  /** One at a time: the next waits. */
  run(request: LoadRequest): Promise<LoadSample> {
    const sample = this.#last.then(() => this.#run(request));
    this.#last = sample.catch(() => undefined);
    return sample;
  }

  async #run(request: LoadRequest): Promise<LoadSample> {
    const reply = messageOf<LoadReply>(this.load);
    this.load.postMessage(request);
    const result = await reply;
    if (!result.ok) throw new Error(result.error);
    return result.sample;
  }

  async stop(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.server.once('exit', () => resolve()));
    this.counters.stop();
    const timer = setTimeout(() => void this.server.terminate(), STOP_MS);
    await Promise.all([ended, this.load.terminate()]);
    clearTimeout(timer);
  }
}

function messageOf<T>(worker: Worker): Promise<T> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: T): void => {
      worker.off('error', onError);
      resolve(message);
    };
    const onError = (thrown: unknown): void => {
      worker.off('message', onMessage);
      reject(toError(thrown));
    };
    worker.once('message', onMessage);
    worker.once('error', onError);
  });
}
