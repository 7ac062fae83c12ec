import { join } from 'node:path';
import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads';
import { closeDescriptor, duplicateDescriptor, EventFd, raiseOpenFileLimit, warmThreadPool } from '@weft/linux';
import { toError } from '@weft/result';
import type { Logger, Service } from '@weft/runtime';
import { readBatch } from './batch-codec.js';
import type { EngineName } from './engine.js';
import { DEFAULT_LIMITS, type DataPlaneLimits } from './limits.js';
import { CLOSED_BY_WORKER_END, type FromWorker, type Identity, type ToWorker } from './messages.js';
import type { WorkerSettings } from './worker.js';

type AddPod = Extract<ToWorker, { type: 'addPod' }>;

export interface DataPlaneOptions {
  /** Threads. Every pod is served by all of them: the kernel spreads its connections. */
  readonly workers: number;
  /** Default: ffi. */
  readonly engine?: EngineName;
  readonly limits?: Partial<DataPlaneLimits>;
  readonly log: Logger;
  /**
   * Everything that the workers say, in order per worker. Answer questions with `send(answer, workerIndex)`. `ready`, `log`
   * are handled here; `podAdded`, `podFailed` and `drained` come once for all workers.
   */
  readonly onMessage: (message: FromWorker, workerIndex: number) => void;
  /** The bundled worker. Default: `data-plane.cjs` beside this bundle. */
  readonly entry?: string;
}

interface Running {
  readonly index: number;
  readonly thread: Worker;
  readonly port: MessagePort;
  /** Null where the engine needs no signal to look for mail. */
  readonly wake: EventFd | null;
  /** Descriptors that the thread has open. */
  readonly owned: Uint8Array;
  readonly exited: Promise<void>;
  readonly startedMs: number;
  cause: 'exception' | 'memory' | 'exit';
  /** Ids of the connections that are open, by counter slot, so that a dead worker's can be closed in its place; 0 for none. */
  readonly open: Float64Array;
  /** When they opened, by slot. */
  readonly openedMs: Float64Array;
  ready: boolean;
}

interface PodState {
  readonly added: AddPod;
  /** Workers that have not answered the last `addPod`. */
  readonly waiting: Set<number>;
}

const RESTART_MS = 200;
/** One that died soon after its start waits twice as long each time. */
const LONGEST_RESTART_MS = 10_000;
const SHORT_LIFE_MS = 30_000;
/** Ids of one life of a worker; the next life starts above. */
const IDS_PER_LIFE = 2 ** 32;
const STOP_MS = 2000;
const SETTLE_MS = 200;
/**
 * A worker keeps little (connections, cached answers) and throws much away: more than this for the young would only be
 * touched, not used. Out of the old, the thread ends and is started again.
 */
const HEAP = { maxYoungGenerationSizeMb: 6, maxOldGenerationSizeMb: 512 } as const;
/** The kernel's own default for the highest limit (`fs.nr_open`). */
const MOST_DESCRIPTORS = 1 << 20;

/**
 * The data plane as the main thread sees it: N worker threads, each with its own loop, behind one mailbox. It remembers
 * pods and identities, so that a worker that died is started again with all of them.
 */
export class DataPlane implements Service {
  readonly name = 'data plane';
  /** Per worker; `counters[i]` is indexed as `ConnectionOpened.counterSlot` says. */
  readonly counters: readonly Float64Array[];
  readonly #limits: DataPlaneLimits;
  readonly #running: (Running | null)[];
  readonly #lives: number[];
  readonly #shortLives: number[];
  readonly #pods = new Map<string, PodState>();
  readonly #identities = new Map<string, Identity>();
  #peerTrust: Extract<ToWorker, { type: 'setPeerTrust' }> | null = null;
  readonly #drained = new Set<number>();
  readonly #reports = new Map<number, (workerIndex: number) => void>();
  #nextReportId = 1;
  #draining = false;
  #stopping = false;

  constructor(private readonly options: DataPlaneOptions) {
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    const bytes = this.#limits.maxConnections * 2 * Float64Array.BYTES_PER_ELEMENT;
    this.counters = Array.from({ length: options.workers }, () => new Float64Array(new SharedArrayBuffer(bytes)));
    this.#running = this.counters.map(() => null);
    this.#lives = this.counters.map(() => 0);
    this.#shortLives = this.counters.map(() => 0);
  }

  async start(): Promise<void> {
    await warmThreadPool();
    raiseOpenFileLimit();
    await Promise.all(this.counters.map((_, index) => this.#startWorker(index)));
  }

  /** Ends every connection at once; drain first with `send({ type: 'drain' })` if they should end by themselves. */
  async stop(hard: AbortSignal): Promise<void> {
    this.#stopping = true;
    const running = this.#running.filter((worker) => worker !== null);
    for (const worker of running) this.#post(worker, { type: 'stop' });
    const deadline = AbortSignal.any([hard, AbortSignal.timeout(STOP_MS)]);
    const gaveUp = new Promise<void>((resolve) => {
      if (deadline.aborted) resolve();
      deadline.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([Promise.all(running.map(({ exited }) => exited)), gaveUp]);
    await Promise.all(running.map(async ({ thread }) => thread.terminate()));
    for (const { added } of this.#pods.values()) closeDescriptor(added.netnsFd);
    this.#pods.clear();
  }

  /** To one worker, or to all. `addPod` always goes to all, and the descriptor in it becomes the data plane's. */
  send(message: ToWorker, workerIndex?: number): void {
    this.#remember(message);
    if (message.type === 'addPod') {
      this.#addPod(message);
      return;
    }
    for (const worker of this.#running) {
      if (worker === null || (workerIndex !== undefined && worker.index !== workerIndex)) continue;
      const own = message.type === 'closeConnections' ? ownConnections(message, worker) : message;
      if (own !== null) this.#post(worker, own);
    }
  }

  /**
   * Resolves when everything has been heard that workers had to say until now: what tells of connections is gathered for
   * up to 50 ms. A worker that does not answer within `deadlineMs` is not waited for.
   */
  async settle(deadlineMs = SETTLE_MS): Promise<void> {
    const waiting = new Set(this.#running.flatMap((worker) => (worker?.ready === true ? [worker.index] : [])));
    if (waiting.size === 0) return;
    const reportId = this.#nextReportId++;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      this.#reports.set(reportId, (workerIndex) => {
        waiting.delete(workerIndex);
        if (waiting.size > 0) return;
        clearTimeout(timer);
        resolve();
      });
      this.send({ type: 'report', reportId });
    });
    this.#reports.delete(reportId);
  }

  /** The thread is interrupted where it stands, so it need not return to Node's own loop. */
  async profile(workerIndex: number, kind: 'cpu' | 'heap', durationMs: number): Promise<string | null> {
    const worker = this.#running[workerIndex];
    if (worker?.ready !== true) return null;
    const { thread } = worker;
    const handle = kind === 'cpu' ? await thread.startCpuProfile() : await thread.startHeapProfile();
    await new Promise((resolve) => setTimeout(resolve, durationMs).unref());
    return handle.stop();
  }

  /** Ends one thread as a crash would: it is started again with everything it had. For a stuck worker, and for tests. */
  async terminateWorker(index: number): Promise<void> {
    const worker = this.#running[index];
    worker?.wake?.signal();
    await worker?.thread.terminate();
  }

  #remember(message: ToWorker): void {
    if (message.type === 'setIdentity') this.#identities.set(message.identity.spiffeId, message.identity);
    else if (message.type === 'setPeerTrust') this.#peerTrust = message;
    else if (message.type === 'dropIdentity') this.#identities.delete(message.spiffeId);
    else if (message.type === 'drain') this.#draining = true;
    else if (message.type === 'removePod') this.#forgetPod(message.podUid);
    else if (message.type === 'updatePod') {
      const pod = this.#pods.get(message.podUid);
      if (pod === undefined) return;
      const { podIps, sourceIdentity } = message;
      this.#pods.set(message.podUid, { ...pod, added: { ...pod.added, podIps, sourceIdentity } });
    }
  }

  #addPod(message: AddPod): void {
    this.#forgetPod(message.podUid);
    const pod = { added: message, waiting: new Set(this.counters.keys()) };
    this.#pods.set(message.podUid, pod);
    for (const worker of this.#running) if (worker !== null) this.#postPod(worker, pod);
  }

  #forgetPod(podUid: string): void {
    const pod = this.#pods.get(podUid);
    if (pod !== undefined) closeDescriptor(pod.added.netnsFd);
    this.#pods.delete(podUid);
  }

  #postPod(worker: Running, { added }: PodState): void {
    this.#post(worker, { ...added, netnsFd: duplicateDescriptor(added.netnsFd) });
  }

  #post({ port, wake }: Running, message: ToWorker): void {
    port.postMessage(message);
    wake?.signal();
  }

  async #startWorker(index: number): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    const engine = this.options.engine ?? 'ffi';
    const wake = engine === 'ffi' ? EventFd.create() : null;
    const step = this.options.workers;
    const workerData: WorkerSettings = {
      engine,
      port: port2,
      wakeFd: wake?.fd ?? -1,
      counters: this.counters[index]!.buffer as SharedArrayBuffer,
      owned: new SharedArrayBuffer(MOST_DESCRIPTORS),
      connectionIds: { first: (this.#lives[index]!++ * IDS_PER_LIFE + 1) * step + index, step },
      limits: this.#limits,
    };
    const entry = this.options.entry ?? join(__dirname, 'data-plane.cjs');
    const thread = new Worker(entry, {
      workerData,
      transferList: [port2],
      name: `data-plane-${index}`,
      resourceLimits: HEAP,
    });
    const exited = new Promise<void>((resolve) => {
      thread.once('exit', () => resolve());
    });
    const worker: Running = {
      index,
      thread,
      port: port1,
      wake,
      exited,
      startedMs: performance.now(),
      cause: 'exit',
      owned: new Uint8Array(workerData.owned),
      open: new Float64Array(this.#limits.maxConnections),
      openedMs: new Float64Array(this.#limits.maxConnections),
      ready: false,
    };
    this.#running[index] = worker;
    const ready = new Promise<void>((resolve, reject) => {
      port1.on('message', (batch: string) => {
        this.#receivedBatch(worker, batch, resolve);
      });
      thread.on('error', (error) => {
        worker.cause = isOutOfMemory(error) ? 'memory' : 'exception';
        this.options.log.error({ worker: index, err: toError(error) }, 'data plane worker failed');
        reject(toError(error));
      });
      thread.once('exit', () => {
        reject(new Error(`data plane worker ${index} ended before it was ready`));
        this.#exited(worker);
      });
    });
    await ready;
  }

  #receivedBatch(worker: Running, batch: string, onReady: () => void): void {
    for (const message of readBatch(batch)) this.#received(worker, message, onReady);
  }

  #received(worker: Running, message: FromWorker, onReady: () => void): void {
    switch (message.type) {
      case 'ready':
        worker.ready = true;
        this.#bringUp(worker);
        {
          onReady();
          return;
        }
      case 'log': {
        this.options.log[message.level]({ worker: worker.index }, message.message);
        return;
      }
      case 'podAdded':
      case 'podFailed': {
        this.#podAnswered(worker, message);
        return;
      }
      case 'drained':
        this.#drained.add(worker.index);
        if (this.#drained.size < this.options.workers) return;
        break;
      case 'reported': {
        this.#reports.get(message.reportId)?.(worker.index);
        return;
      }
      case 'connectionOpened':
        worker.open[message.counterSlot] = message.connectionId;
        worker.openedMs[message.counterSlot] = performance.now();
        break;
      case 'connectionClosed':
        worker.open[message.counterSlot] = 0;
        break;
      default:
    }
    this.options.onMessage(message, worker.index);
  }

  #podAnswered(
    worker: Running,
    message: Extract<FromWorker, { podUid: string; type: 'podAdded' | 'podFailed' }>,
  ): void {
    const pod = this.#pods.get(message.podUid);
    if (pod === undefined) return;
    const waited = pod.waiting.delete(worker.index);
    // One that was started again says it unasked, which is news only when it failed.
    if (!waited && message.type === 'podAdded') return;
    if (message.type === 'podFailed') pod.waiting.clear();
    if (pod.waiting.size === 0) this.options.onMessage(message, worker.index);
  }

  /** What a new worker has to know. */
  #bringUp(worker: Running): void {
    if (this.#peerTrust !== null) this.#post(worker, this.#peerTrust);
    for (const identity of this.#identities.values()) this.#post(worker, { type: 'setIdentity', identity });
    for (const pod of this.#pods.values()) this.#postPod(worker, pod);
    if (this.#draining) this.#post(worker, { type: 'drain' });
  }

  #exited(worker: Running): void {
    // Its last words may still be on their way.
    for (;;) {
      const last = receiveMessageOnPort(worker.port) as { message: string } | undefined;
      if (last === undefined) break;
      this.#receivedBatch(worker, last.message, () => undefined);
    }
    worker.port.close();
    worker.wake?.close();
    this.#running[worker.index] = null;
    // Sockets outlive their thread: a listener left open would go on taking connections that nobody serves.
    worker.owned.forEach((owned, fd) => {
      if (owned !== 0) closeDescriptor(fd);
    });
    const openConnections = this.#closeAll(worker);
    if (this.#stopping || !worker.ready) return;
    const { index, cause } = worker;
    this.options.log.error(
      { worker: index, cause, connections: openConnections, pods: this.#pods.size },
      'data plane worker ended: its connections are closed, and it is started again',
    );
    this.options.onMessage({ type: 'workerLost', cause, openConnections }, index);
    this.#shortLives[index] = performance.now() - worker.startedMs < SHORT_LIFE_MS ? this.#shortLives[index]! + 1 : 1;
    this.#restart(index);
  }

  /** Says of each connection that it is closed, since its worker cannot. Returns how many there were. */
  #closeAll({ index, open, openedMs }: Running): number {
    const cells = this.counters[index]!;
    const nowMs = performance.now();
    let count = 0;
    open.forEach((connectionId, counterSlot) => {
      if (connectionId === 0) return;
      count++;
      open[counterSlot] = 0;
      const [receivedBytes, sentBytes] = [cells[counterSlot * 2]!, cells[counterSlot * 2 + 1]!];
      const durationMs = nowMs - openedMs[counterSlot]!;
      const why = CLOSED_BY_WORKER_END;
      const ended = { receivedBytes, sentBytes, durationMs, flag: 'none', why, error: why } as const;
      this.options.onMessage({ type: 'connectionClosed', connectionId, counterSlot, ...ended }, index);
    });
    return count;
  }

  #restart(index: number): void {
    const delayMs = Math.min(LONGEST_RESTART_MS, RESTART_MS * 2 ** (this.#shortLives[index]! - 1));
    setTimeout(() => {
      if (this.#stopping) return;
      this.#startWorker(index).catch((error: unknown) => {
        this.options.log.error({ worker: index, err: toError(error) }, 'data plane worker did not start again');
        this.#shortLives[index]!++;
        this.#restart(index);
      });
    }, delayMs);
  }
}

function isOutOfMemory(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === 'ERR_WORKER_OUT_OF_MEMORY';
}

/** The part of a close command that is about this worker's connections. */
function ownConnections(message: Extract<ToWorker, { type: 'closeConnections' }>, worker: Running): ToWorker | null {
  const connections = message.connections.filter((key) => worker.open[key.counterSlot] === key.connectionId);
  return connections.length === 0 ? null : { ...message, connections };
}
