import { createHash } from 'node:crypto';
import { toError } from '@weft/result';
import { LRUCache } from 'lru-cache';
import { KubeApiError } from './errors.js';
import type { KubeLog } from './kube-log.js';
import type { KubeObject, ResourceType } from './resource-type.js';
import { EVENTS, type KubeEvent } from './resources.js';

export type EventType = 'Normal' | 'Warning';

/** The calls that the recorder needs; KubeClient has them. */
export interface EventSink {
  create(type: ResourceType<KubeEvent>, object: KubeEvent): Promise<KubeEvent>;
  patch(
    type: ResourceType<KubeEvent>,
    namespace: string,
    name: string,
    body: unknown,
    options: { kind: 'merge' },
  ): Promise<KubeEvent>;
}

const MAX_QUEUED = 1000;
const MAX_MESSAGE_CHARS = 1024;
/** Per object: this many events at once, then one every 5 minutes, as client-go does. */
const BURST = 25;
const REFILL_MS = 300_000;

interface Known {
  readonly name: string;
  count: number;
  /** Whether the server has it, so that the next one is a patch of the count. */
  written: boolean;
}

/**
 * Writes core/v1 Events, one after another. The same event again raises the count of the first. An object that fires all the
 * time is throttled, a full queue drops; events are for people and must never hold up work.
 */
export class EventRecorder {
  readonly #known = new LRUCache<string, Known>({ max: 4096 });
  readonly #budgets = new LRUCache<string, { tokens: number; atMs: number }>({ max: 4096 });
  #queued = 0;
  #tail: Promise<void> = Promise.resolve();

  constructor(
    private readonly sink: EventSink,
    private readonly component: string,
    private readonly log: KubeLog,
    private readonly nowMs: () => number = Date.now,
  ) {}

  record(object: KubeObject, type: EventType, reason: string, message: string): void {
    if (this.#queued >= MAX_QUEUED || !this.#mayFire(object)) return;
    this.#queued++;
    const at = new Date(this.nowMs()).toISOString();
    const text = message.slice(0, MAX_MESSAGE_CHARS);
    this.#tail = this.#tail
      .then(() => this.#write(object, type, reason, text, at))
      .catch((failure: unknown) => this.log.warn({ reason, err: toError(failure).message }, 'cannot write an event'))
      .finally(() => this.#queued--);
  }

  written(): Promise<void> {
    return this.#tail;
  }

  async #write(object: KubeObject, type: EventType, reason: string, message: string, at: string): Promise<void> {
    const metadata = object.metadata ?? {};
    const namespace = metadata.namespace || 'default';
    const identity = [object.kind, namespace, metadata.name, metadata.uid, type, reason, message].join('\0');
    const known = this.#known.get(identity) ?? {
      name: this.#name(metadata.name ?? 'unknown', identity, at),
      count: 0,
      written: false,
    };
    this.#known.set(identity, known);
    known.count++;
    if (known.written) {
      try {
        const body = { count: known.count, lastTimestamp: at };
        await this.sink.patch(EVENTS, namespace, known.name, body, { kind: 'merge' });
        return;
      } catch (failure) {
        // The server drops events after an hour; start again.
        if (!(failure instanceof KubeApiError && failure.notFound)) throw failure;
        known.count = 1;
      }
    }
    await this.sink.create(EVENTS, this.#event(object, { namespace, known, type, reason, message, at }));
    known.written = true;
  }

  #event(
    object: KubeObject,
    about: { namespace: string; known: Known; type: EventType; reason: string; message: string; at: string },
  ): KubeEvent {
    const { name, namespace, uid, resourceVersion } = object.metadata ?? {};
    const { type, reason, message, at, known } = about;
    return {
      metadata: { name: known.name, namespace: about.namespace },
      involvedObject: dropUndefined({
        apiVersion: object.apiVersion,
        kind: object.kind,
        name,
        namespace,
        uid,
        resourceVersion,
      }),
      type,
      reason,
      message,
      count: known.count,
      firstTimestamp: at,
      lastTimestamp: at,
      source: { component: this.component },
      reportingComponent: this.component,
      reportingInstance: '',
    };
  }

  #name(objectName: string, identity: string, at: string): string {
    return `${objectName.slice(0, 200)}.${createHash('sha256').update(identity).update(at).digest('hex').slice(0, 16)}`;
  }

  #mayFire(object: KubeObject): boolean {
    const key =
      object.metadata?.uid ?? `${object.kind ?? ''}/${object.metadata?.namespace ?? ''}/${object.metadata?.name ?? ''}`;
    const now = this.nowMs();
    const budget = this.#budgets.get(key) ?? { tokens: BURST, atMs: now };
    const tokens = Math.min(BURST, budget.tokens + (now - budget.atMs) / REFILL_MS);
    this.#budgets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: now });
    return tokens >= 1;
  }
}

function dropUndefined<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
