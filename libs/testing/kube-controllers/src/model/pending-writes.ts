import type { Clock } from '@weft/result';
import type { Informer, KubeObject } from '@weft/kube';

/** After this long a write that the informer never showed is taken as seen and gone again. */
const EXPIRY_MS = 5_000;

interface Pending {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly uid: string;
  readonly kind: 'created' | 'deleted';
  readonly untilMs: number;
}

/**
 * What a controller wrote and its cache does not show yet. A controller that counted without it would create twice.
 *
 * The informer's event for the object wakes the owner again, so there is nothing to poll.
 */
export class PendingWrites<T extends KubeObject> {
  readonly #byOwner = new Map<string, Pending[]>();

  constructor(
    private readonly informer: Pick<Informer<T>, 'get'>,
    private readonly clock: Clock,
  ) {}

  created(owner: string, object: T): void {
    this.#add(owner, object, 'created');
  }

  deleted(owner: string, object: T): void {
    this.#add(owner, object, 'deleted');
  }

  /** Null when the cache shows all writes for the owner; else how long to wait at most. */
  waitMs(owner: string): number | null {
    const pending = (this.#byOwner.get(owner) ?? []).filter((write) => !this.#isVisible(write));
    if (pending.length === 0) {
      this.#byOwner.delete(owner);
      return null;
    }
    this.#byOwner.set(owner, pending);
    return Math.max(1, Math.max(...pending.map(({ untilMs }) => untilMs)) - this.clock.now());
  }

  #isVisible({ namespace, name, uid, kind, untilMs }: Pending): boolean {
    if (this.clock.now() >= untilMs) return true;
    const cached = this.informer.get(namespace, name)?.metadata;
    if (kind === 'created') return cached?.uid === uid;
    return cached?.uid !== uid || cached.deletionTimestamp !== undefined;
  }

  #add(owner: string, object: T, kind: Pending['kind']): void {
    const { namespace, name = '', uid = '' } = object.metadata ?? {};
    const pending = this.#byOwner.get(owner) ?? [];
    pending.push({ namespace, name, uid, kind, untilMs: this.clock.now() + EXPIRY_MS });
    this.#byOwner.set(owner, pending);
  }
}
