import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export class WaypointManagerMetrics {
  readonly leader: Gauge;
  readonly writes: Counter<'kind'>;
  readonly scalings: Counter<'direction'>;
  readonly claimTime: Histogram;
  readonly reconcileTime: Histogram;

  constructor(registry: Registry) {
    const registers = [registry];
    this.leader = new Gauge({ name: 'waypoint_manager_leader', help: '1 on the replica that writes.', registers });
    this.writes = new Counter({
      name: 'waypoint_manager_writes_total',
      help: 'Objects of Gateways written, by kind.',
      labelNames: ['kind'],
      registers,
    });
    this.scalings = new Counter({
      name: 'waypoint_manager_scalings_total',
      help: 'Changes of the number of proxies of a Gateway: out, in, zero, wake.',
      labelNames: ['direction'],
      registers,
    });
    this.claimTime = new Histogram({
      name: 'waypoint_manager_claim_seconds',
      help: 'From the claim on a proxy of the pool until it serves.',
      buckets: [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 20],
      registers,
    });
    this.reconcileTime = new Histogram({
      name: 'waypoint_manager_reconcile_seconds',
      help: 'Time to bring one Gateway to where it should be.',
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    });
  }
}
