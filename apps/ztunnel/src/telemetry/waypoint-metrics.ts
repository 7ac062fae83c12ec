import { Counter, Gauge, type Registry } from 'prom-client';
import type { WaypointRefusal } from '../dataplane/messages.js';

/** What became of connections whose waypoint was not there. */
export class WaypointMetrics {
  readonly #refused: Counter<'reason'>;
  readonly #activations: Counter;
  readonly #held = new Map<number, number>();

  constructor(registry: Registry) {
    const registers = [registry];
    this.#refused = new Counter({
      name: 'weft_waypoint_refused_connections_total',
      help: 'Connections refused because the waypoint that they have to go through was not to be had',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of REASONS) this.#refused.inc({ reason }, 0);
    this.#activations = new Counter({
      name: 'weft_waypoint_activation_requests_total',
      help: 'Times that the control plane was asked to start a waypoint',
      registers,
    });
    const held = this.#held;
    new Gauge({
      name: 'weft_waypoint_held_connections',
      help: 'Connections that wait for a waypoint to be started',
      registers,
      collect() {
        this.set([...held.values()].reduce((sum, count) => sum + count, 0));
      },
    });
  }

  refused(reason: WaypointRefusal): void {
    this.#refused.inc({ reason });
  }

  activationRequested(): void {
    this.#activations.inc();
  }

  held(workerIndex: number, count: number): void {
    this.#held.set(workerIndex, count);
  }
}

const REASONS: readonly WaypointRefusal[] = ['missing', 'unavailable', 'start_timeout', 'too_many_held'];
