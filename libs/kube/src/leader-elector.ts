import { setTimeout as delay } from 'node:timers/promises';
import { toError } from '@weft/result';
import type { Service } from '@weft/runtime';
import { isAlreadyExists, isConflict } from './errors.js';
import { SILENT, type KubeLog } from './kube-log.js';
import type { KubeClient } from './kube-client.js';
import { LEASES, type Lease } from './resources.js';

export interface LeaderElectorOptions {
  readonly kube: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Ours; unique among the candidates, for example the pod name. */
  readonly identity: string;
  /** How long others wait after the last renewal that they saw. Default 15 s. */
  readonly leaseDurationMs?: number;
  /** A leader that could not renew for this long steps down. Less than the lease duration. Default 10 s. */
  readonly renewDeadlineMs?: number;
  /** Between attempts. Default 2 s. */
  readonly retryPeriodMs?: number;
  /** Called each time we become leader; `signal` aborts when we are not any more. */
  readonly lead: (signal: AbortSignal) => void;
  readonly log?: KubeLog;
  readonly monotonicMs?: () => number;
}

/**
 * Leader election on a Lease, compatible with client-go's.
 *
 * A candidate measures with its own monotonic clock how long a foreign lease did not change, so wrong wall clocks do no harm.
 * At most one leader acts at a time as long as `renewDeadlineMs` < `leaseDurationMs` and `lead` heeds its signal. `stop`
 * releases the lease, so that the next leader need not wait.
 */
export class LeaderElector implements Service {
  readonly name: string;
  readonly #abort = new AbortController();
  readonly #log: KubeLog;
  readonly #leaseMs: number;
  readonly #renewMs: number;
  readonly #retryMs: number;
  readonly #now: () => number;
  #leading: AbortController | null = null;
  #renewedAtMs = 0;
  /** The lease as last seen and when it was first seen so. */
  #observed: { version: string; atMs: number } | null = null;
  #running: Promise<void> | null = null;

  constructor(private readonly options: LeaderElectorOptions) {
    this.name = `leader election ${options.namespace}/${options.name}`;
    this.#log = options.log ?? SILENT;
    this.#leaseMs = options.leaseDurationMs ?? 15_000;
    this.#renewMs = options.renewDeadlineMs ?? 10_000;
    this.#retryMs = options.retryPeriodMs ?? 2_000;
    this.#now = options.monotonicMs ?? (() => performance.now());
    if (this.#renewMs >= this.#leaseMs) throw new TypeError('renewDeadlineMs must be less than leaseDurationMs');
  }

  get isLeader(): boolean {
    return this.#leading !== null;
  }

  start(): Promise<void> {
    this.#running ??= this.#run();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
    const wasLeader = this.isLeader;
    this.#stepDown();
    if (wasLeader) await this.#release().catch((failure: unknown) => this.#warn(failure, 'cannot release the lease'));
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      // The attempt itself must end before the deadline: a leader that hangs in a request is no leader.
      const remainingMs = this.isLeader
        ? Math.max(0, this.#renewMs - (this.#now() - this.#renewedAtMs))
        : this.#renewMs;
      const attempt = await Promise.race([this.#attempt(), delay(remainingMs, false, { ref: false })]);
      if (attempt && this.#leading === null && !this.#abort.signal.aborted) this.#stepUp();
      else if (!attempt && this.#leading !== null && this.#now() - this.#renewedAtMs >= this.#renewMs) this.#stepDown();
      await delay(this.#retryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** True if the lease is ours now. */
  async #attempt(): Promise<boolean> {
    const startedAtMs = this.#now();
    try {
      if (!(await this.#acquire())) {
        // Somebody else holds it for certain; waiting for the deadline would make two leaders.
        this.#stepDown();
        return false;
      }
      this.#renewedAtMs = startedAtMs;
      return true;
    } catch (failure) {
      if (!isConflict(failure) && !isAlreadyExists(failure)) this.#warn(failure, 'cannot renew or take the lease');
      return false;
    }
  }

  async #acquire(): Promise<boolean> {
    const { kube, namespace, name, identity } = this.options;
    const now = microTime();
    const lease = await kube.get(LEASES, namespace, name);
    const spec = { holderIdentity: identity, leaseDurationSeconds: Math.ceil(this.#leaseMs / 1000), renewTime: now };
    if (lease === null) {
      await kube.create(LEASES, {
        metadata: { name, namespace },
        spec: { ...spec, acquireTime: now, leaseTransitions: 0 },
      });
      return true;
    }
    const holder = lease.spec?.holderIdentity ?? '';
    if (holder !== identity && holder !== '' && !this.#isExpired(lease)) return false;
    const taken = holder !== identity;
    await kube.replace(LEASES, {
      ...lease,
      spec: {
        ...lease.spec,
        ...spec,
        acquireTime: taken ? now : (lease.spec?.acquireTime ?? now),
        leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + (taken ? 1 : 0),
      },
    });
    return true;
  }

  #isExpired(lease: Lease): boolean {
    const version = `${lease.spec?.holderIdentity ?? ''} ${lease.spec?.renewTime ?? ''}`;
    if (this.#observed?.version !== version) this.#observed = { version, atMs: this.#now() };
    const durationMs = (lease.spec?.leaseDurationSeconds ?? this.#leaseMs / 1000) * 1000;
    return this.#now() - this.#observed.atMs >= durationMs;
  }

  async #release(): Promise<void> {
    const { kube, namespace, name, identity } = this.options;
    const lease = await kube.get(LEASES, namespace, name);
    if (lease?.spec?.holderIdentity !== identity) return;
    await kube.replace(LEASES, {
      ...lease,
      spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime() },
    });
  }

  #stepUp(): void {
    this.#leading = new AbortController();
    this.#log.info({ lease: this.name, identity: this.options.identity }, 'became leader');
    this.options.lead(this.#leading.signal);
  }

  #stepDown(): void {
    if (this.#leading === null) return;
    const leading = this.#leading;
    this.#leading = null;
    this.#log.info({ lease: this.name, identity: this.options.identity }, 'stopped leading');
    leading.abort();
  }

  #warn(failure: unknown, message: string): void {
    this.#log.warn({ lease: this.name, err: toError(failure).message }, message);
  }
}

/** RFC 3339 with microseconds, the form of Lease times. */
const microTime = (): string => new Date().toISOString().replace('Z', '000Z');
