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
  readonly log: { warn(fields: object, message: string): void };
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

  constructor(private readonly options: DrainGateOptions) {}

  start(): Promise<void> {
    this.options.onOpen();
    return Promise.resolve();
  }

  /** The data plane has no connection left. */
  drained(): void {
    this.#drained();
  }

  async stop(hard: AbortSignal): Promise<void> {
    const { readiness, pods, dataPlane, clock, drainMs, openConnections, log } = this.options;
    readiness.pend('draining');
    pods.drain();
    await new Promise<void>((resolve) => {
      const cancel = clock.after(drainMs, resolve);
      this.#drained = () => {
        cancel();
        resolve();
      };
      if (hard.aborted) resolve();
      hard.addEventListener('abort', () => resolve(), { once: true });
      dataPlane.send({ type: 'drain' });
    });
    const connections = openConnections();
    if (connections > 0) log.warn({ connections }, 'the time to drain is over: what is still open is closed');
  }
}
