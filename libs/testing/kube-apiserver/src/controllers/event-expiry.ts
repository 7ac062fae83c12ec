import { asString } from '@weft/testing-kube-schema';
import type { KubeObject } from '../kube-object.js';
import type { Store } from '../storage/store.js';

const EVENT_TTL_MS = 60 * 60 * 1000;
const SWEEP_MS = 60 * 1000;

function lastSeen(event: KubeObject): number {
  const series = event['series'] as { lastObservedTime?: unknown } | undefined;
  const times = [
    series?.lastObservedTime,
    event['lastTimestamp'],
    event['deprecatedLastTimestamp'],
    event['eventTime'],
    event.metadata.creationTimestamp,
  ];
  return Math.max(...times.map((time) => Date.parse(asString(time))).filter((time) => !Number.isNaN(time)), 0);
}

/** Events go an hour after they were last seen, as in a real cluster, so that a long run does not fill the memory. */
export class EventExpiry {
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: Store,
    private readonly now: () => Date,
  ) {}

  start(): void {
    this.#timer = setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  sweep(): void {
    const bucket = this.store.bucket('events');
    const oldest = this.now().getTime() - EVENT_TTL_MS;
    for (const { object, namespace, name } of bucket.list()) {
      if (lastSeen(object) < oldest) this.store.remove(bucket, namespace, name);
    }
  }
}
