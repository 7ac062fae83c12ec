import type { Clock } from '@weft/result';
import type { Readiness, Service } from '@weft/runtime';
import type { PodRegistry } from './pods/pod-registry.js';
import type { DataPlanePort } from './pods/data-plane-port.js';

export interface DrainGateOptions {
  readonly readiness: Readiness;
  readonly pods: PodRegistry;
  readonly dataPlane: DataPlanePort;
  readonly clock: Clock;
  /** How long open connections may go on. */
  readonly drainMs: number;
  readonly openConnections: () => number;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  /** Told first: what comes and goes is another's business from now on. */
  readonly onDrain: () => void;
  /** Everything else runs now. */
  readonly onOpen: () => void;
}

/**
 * Started last and stopped first: opens the process to pods, and at the end lets open connections finish until the deadline
 * while the rest (answers, policy, metrics, removals by the CNI agent) goes on as before.
 */
export class DrainGate implements Service {
  readonly name = 'drain gate';
  #drained: () => void = () => undefined;
  #done = false;
  #begun: { readonly atMs: number; readonly connections: number } | null = null;

  constructor(private readonly options: DrainGateOptions) {}

  start(): Promise<void> {
    this.options.onOpen();
    return Promise.resolve();
  }

  /** The data plane has no connection left. */
  drained(): void {
    this.#done = true;
    this.#drained();
  }

  /**
   * Takes no new connections from now on and lets the open ones end, however long that takes; `stop` goes on from there. Does
   * nothing the second time.
   */
  begin(): { readonly draining: true; readonly connections: number } {
    const { readiness, pods, dataPlane, clock, openConnections, onDrain, log } = this.options;
    if (this.#begun === null) {
      this.#begun = { atMs: clock.now(), connections: openConnections() };
      readiness.pend('draining');
      onDrain();
      pods.drain();
      log.info({ connections: this.#begun.connections }, 'draining: no new connections');
      dataPlane.send({ type: 'drain' });
    }
    return { draining: true, connections: openConnections() };
  }

  async stop(hard: AbortSignal): Promise<void> {
    const { clock, drainMs, openConnections, log } = this.options;
    const startMs = this.#begun?.atMs ?? clock.now();
    const before = this.#begun?.connections ?? openConnections();
    log.info({ connections: before, deadlineMs: drainMs }, 'stopping: open connections go on until the deadline');
    await new Promise<void>((resolve) => {
      const cancel = clock.after(drainMs, resolve);
      this.#drained = () => {
        cancel();
        resolve();
      };
      if (hard.aborted) resolve();
      hard.addEventListener('abort', () => resolve(), { once: true });
      this.begin();
      if (this.#done) this.#drained();
    });
    const broken = openConnections();
    const fields = { connections: before, broken, durationMs: clock.now() - startMs };
    if (broken === 0) log.info(fields, 'drained: every connection ended by itself');
    else log.warn(fields, 'the time to drain is over: what is still open is closed');
  }
}
