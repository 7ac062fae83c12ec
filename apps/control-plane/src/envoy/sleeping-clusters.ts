import type { Collection } from '@weft/collections';
import type { SleepingCluster } from '@weft/envoy-config';
import type { Clock } from '@weft/result';
import { CLUSTER_TYPE_URL } from '@weft/xds';

/** As long as a gateway lets a request wait. Envoy never says that it waits no longer. */
const WISH_MS = 30_000;

export interface SleepingClustersOptions {
  readonly sleeping: Collection<SleepingCluster>;
  readonly clock: Pick<Clock, 'now'>;
  /** A gateway waits for something. */
  readonly onAsked: () => void;
}

/** What gateways ask for that is not there while a waypoint sleeps. */
export class SleepingClusters {
  /** Ends of wishes in ms, by gateway and cluster. */
  readonly #wishes = new Map<string, number>();

  constructor(private readonly options: SleepingClustersOptions) {}

  has(gateway: string, typeUrl: string, name: string): boolean {
    return typeUrl === CLUSTER_TYPE_URL && this.options.sleeping.get(`${gateway}|${name}`) !== undefined;
  }

  asked(gateway: string, typeUrl: string, names: readonly string[]): void {
    const missing = names.filter((name) => this.has(gateway, typeUrl, name));
    for (const name of missing) this.#wishes.set(`${gateway}|${name}`, this.options.clock.now() + WISH_MS);
    if (missing.length > 0) this.options.onAsked();
  }

  /** `<namespace>/<hostname>` of the services of waypoints that requests wait for. */
  wanted(): ReadonlySet<string> {
    const waypoints = new Set<string>();
    for (const [key, until] of this.#wishes) {
      const waypoint = until < this.options.clock.now() ? undefined : this.options.sleeping.get(key)?.waypoint;
      if (waypoint === undefined) this.#wishes.delete(key);
      else waypoints.add(waypoint);
    }
    return waypoints;
  }
}
