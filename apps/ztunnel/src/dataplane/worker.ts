import type { MessagePort } from 'node:worker_threads';
import { assertNever, toError } from '@weft/result';
import { closeDescriptor, Memory, netnsIdentity, sameNetns } from '@weft/linux';
import { AnswerCache, Requests } from './answer-cache.js';
import { ConnectionLog } from './connection-log.js';
import type { Engine, EngineName } from './engine.js';
import { EnrolledPod } from './enrolled-pod.js';
import { EpollEngine } from './epoll-engine.js';
import { Identities } from './identities.js';
import { IdleCollector, type ThreadUse } from './idle-collector.js';
import type { DataPlaneLimits } from './limits.js';
import { HeldConnections } from './held-connections.js';
import type { Loop } from './loop.js';
import { CLOSED_BY_DRAIN, type FromWorker, type InboundVerdict, type OutboundPlan, type ToWorker } from './messages.js';
import { Outbox } from './outbox.js';
import { PeerTrust } from './peer-trust.js';
import { Pod } from './pod.js';
import type { PodServices } from './pod-services.js';
import { PortableEngine } from './portable/portable-engine.js';
import { TunnelPool } from './tunnel-pool.js';

/** What the main thread hands to a worker thread. */
export interface WorkerSettings {
  readonly engine: EngineName;
  /** To the worker: one message at a time. From it: batches as `Outbox` makes them. */
  readonly port: MessagePort;
  /** Signalled after each message to the worker; -1 where the engine needs no such signal. */
  readonly wakeFd: number;
  /** Float64 cells, two per connection; see `ConnectionOpened.counterSlot`. */
  readonly counters: SharedArrayBuffer;
  /** One byte per descriptor number; see `EventLoop` and `NodeLoop`. */
  readonly owned: SharedArrayBuffer;
  readonly connectionIds: { readonly first: number; readonly step: number };
  readonly limits: DataPlaneLimits;
}

const READ_BUFFER_BYTES = 262_144;
const MAX_REPORTED_EXCEPTIONS_PER_SECOND = 10;

/** One data-plane thread: its loop, its pods, and the commands of the main thread. */
export class DataPlaneWorker {
  readonly #engine: Engine;
  readonly #loop: Loop;
  readonly #requests: Requests;
  readonly #pods = new Map<string, EnrolledPod>();
  readonly #readBuffer = Memory.allocate(READ_BUFFER_BYTES);
  readonly #plainBuffer = Memory.allocate(READ_BUFFER_BYTES);
  readonly #identities: Identities;
  readonly #trust: PeerTrust;
  readonly #log: ConnectionLog;
  readonly #relaying: PodServices['relaying'];
  readonly #outbox: Outbox;
  readonly #held: HeldConnections;
  #heldChanged = false;
  #draining = false;
  #drained = false;
  #reported = 0;

  constructor(
    private readonly settings: WorkerSettings,
    /** Default: garbage is left to V8. */
    private readonly memory: (ThreadUse & { readonly collect: () => void }) | null = null,
  ) {
    this.#engine = engineOf(settings, (error) => this.#report(error));
    this.#loop = this.#engine.loop;
    this.#outbox = new Outbox(this.#loop, (batch) => settings.port.postMessage(batch));
    const post = (message: FromWorker): void => this.#outbox.add(message);
    const counters = new Float64Array(settings.counters);
    this.#identities = new Identities(this.#loop, this.#engine.transport, settings.limits, post);
    this.#trust = new PeerTrust(this.#loop, post);
    this.#held = new HeldConnections(settings.limits.maxHeld, () => (this.#heldChanged = true));
    this.#requests = new Requests(settings.connectionIds.first);
    this.#log = new ConnectionLog(this.#loop, counters, settings.connectionIds, post);
    const common = { loop: this.#loop, log: this.#log };
    this.#relaying = {
      inbound: { ...common, downstream: 'stream', socketName: 'application' },
      outbound: { ...common, downstream: 'socket', socketName: 'client' },
    };
    this.#loop.atTurnEnd(() => this.#turnEnd());
    this.#loop.everySecond(() => (this.#reported = 0));
  }

  /** Runs until `stop` is commanded; the ffi engine does not return before that. */
  run(): void {
    this.#post({ type: 'ready' });
    this.#turnEnd();
    // The other engine runs in Node's own loop, where V8 sees to it.
    const { memory } = this;
    if (this.settings.engine === 'ffi' && memory !== null) new IdleCollector(this.#loop, memory, memory.collect);
    this.#engine.run(
      (message) => this.#receive(message),
      () => {
        this.#outbox.flush();
        this.settings.port.close();
      },
    );
  }

  #post(message: FromWorker): void {
    this.#outbox.add(message);
  }

  #turnEnd(): void {
    if (this.#heldChanged) this.#post({ type: 'connectionsHeld', count: this.#held.count });
    this.#heldChanged = false;
    if (this.#draining && !this.#drained && this.#log.openCount === 0 && !this.#busy) {
      this.#drained = true;
      this.#post({ type: 'drained' });
    }
    this.#outbox.turnEnd();
  }

  get #busy(): boolean {
    for (const { services } of this.#pods.values()) if (services.pod.busy) return true;
    return false;
  }

  #report(error: Error): void {
    if (this.#reported++ >= MAX_REPORTED_EXCEPTIONS_PER_SECOND) return;
    this.#post({ type: 'log', level: 'error', message: `unexpected exception: ${error.stack ?? error.message}` });
  }

  #receive(message: ToWorker): void {
    try {
      this.#command(message);
    } catch (thrown) {
      this.#report(toError(thrown));
    }
  }

  #command(message: ToWorker): void {
    switch (message.type) {
      case 'addPod': {
        this.#addPod(message);
        return;
      }
      case 'updatePod': {
        this.#updatePod(message);
        return;
      }
      case 'removePod': {
        this.#removePod(message.podUid, 'pod removed');
        return;
      }
      case 'setIdentity': {
        this.#identities.set(message.identity);
        return;
      }
      case 'setPeerTrust': {
        this.#trust.set(message);
        return;
      }
      case 'dropIdentity': {
        this.#identities.drop(message.spiffeId);
        return;
      }
      case 'outboundPlan': {
        this.#requests.answer(message.requestId, message.plan);
        return;
      }
      case 'inboundVerdict': {
        this.#requests.answer(message.requestId, message.verdict);
        return;
      }
      case 'invalidate': {
        this.#invalidate(message.podUid);
        return;
      }
      case 'closeConnections':
        for (const key of message.connections) this.#log.terminate(key, message.reason, message.flag);
        return;
      case 'evictTunnels': {
        this.#evictTunnels(message.addresses);
        return;
      }
      case 'report': {
        this.#post({ type: 'reported', reportId: message.reportId });
        return;
      }
      case 'drain': {
        this.#drain();
        return;
      }
      case 'stop': {
        this.#stop();
        return;
      }
      default:
        return assertNever(message);
    }
  }

  #addPod({ podUid, netnsFd, sourceIdentity, listeners }: Extract<ToWorker, { type: 'addPod' }>): void {
    const before = this.#pods.get(podUid);
    if (before !== undefined) {
      if (sameNetns(netnsIdentity(before.services.pod.netnsFd), netnsIdentity(netnsFd))) {
        closeDescriptor(netnsFd);
        before.services.pod.sourceIdentity = sourceIdentity;
        this.#post({ type: 'podAdded', podUid });
        return;
      }
      this.#removePod(podUid, 'pod replaced');
    }
    const enrolled = this.#enrolled(podUid, netnsFd, sourceIdentity);
    try {
      if (!this.#draining) enrolled.listen(listeners);
    } catch (cause) {
      enrolled.remove('pod not added');
      this.#post({ type: 'podFailed', podUid, error: toError(cause).message });
      return;
    }
    this.#pods.set(podUid, enrolled);
    this.#post({ type: 'podAdded', podUid });
  }

  #enrolled(podUid: string, netnsFd: number, sourceIdentity: string): EnrolledPod {
    const { limits } = this.settings;
    const loop = this.#loop;
    const { transport } = this.#engine;
    const cached = { timeoutMs: limits.answerTimeoutMs, entries: limits.cacheEntries };
    const plans = new AnswerCache<OutboundPlan>(loop, this.#requests, cached);
    const verdicts = new AnswerCache<InboundVerdict>(loop, this.#requests, cached);
    const pod = new Pod({ loop, transport, limits, uid: podUid, netnsFd, sourceIdentity, plans, verdicts });
    const readBuffer = this.#readBuffer;
    const identities = this.#identities;
    const trust = this.#trust;
    const pool = new TunnelPool({ loop, transport, limits, identities, trust, pod, readBuffer });
    const post = (message: FromWorker): void => this.#post(message);
    const held = this.#held;
    const shared = { loop, transport, limits, pod, pool, identities, trust, held, readBuffer, post };
    return new EnrolledPod({ ...shared, log: this.#log, relaying: this.#relaying, plainBuffer: this.#plainBuffer });
  }

  #updatePod({ podUid, sourceIdentity }: Extract<ToWorker, { type: 'updatePod' }>): void {
    const enrolled = this.#pods.get(podUid);
    if (enrolled === undefined) return;
    enrolled.services.pod.sourceIdentity = sourceIdentity;
    this.#invalidate(podUid);
  }

  #removePod(podUid: string, why: string): void {
    this.#pods.get(podUid)?.remove(why);
    this.#pods.delete(podUid);
  }

  #invalidate(podUid: string | undefined): void {
    for (const [uid, { services }] of this.#pods) {
      if (podUid !== undefined && uid !== podUid) continue;
      services.pod.plans.clear();
      services.pod.verdicts.clear();
    }
    this.#held.wake(podUid);
  }

  #evictTunnels(addresses: readonly string[]): void {
    const set = new Set(addresses);
    for (const { services } of this.#pods.values()) services.pool.evict(set);
  }

  #drain(): void {
    this.#draining = true;
    for (const enrolled of this.#pods.values()) enrolled.drain();
  }

  #stop(): void {
    const why = this.#draining ? CLOSED_BY_DRAIN : 'proxy stopped';
    // Before their tunnels, so that each is told the reason itself.
    this.#log.terminateAll(why);
    for (const podUid of [...this.#pods.keys()]) this.#removePod(podUid, why);
    this.#identities.close();
    this.#loop.stop();
  }
}

function engineOf({ engine, owned, port, wakeFd }: WorkerSettings, report: (error: Error) => void): Engine {
  const table = new Uint8Array(owned);
  if (engine === 'portable') return new PortableEngine(report, table, port);
  return new EpollEngine(report, table, { port, wakeFd });
}
