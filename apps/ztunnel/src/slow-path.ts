import { assertNever, type Clock } from '@weft/result';
import type { IdentityFeed } from './certificates/identity-feed.js';
import type { ConnectionTable } from './connections/connection-table.js';
import type { DeniedConnection } from './connections/connection-table.js';
import type { OpenConnection } from './connections/worker-connections.js';
import type {
  ConnectionClosed,
  ConnectionKey,
  ConnectionOpened,
  FromWorker,
  InboundVerdict,
  OutboundPlan,
} from './dataplane/messages.js';
import { InboundVerdicts, type InboundSettings } from './inbound/inbound-verdicts.js';
import { CONNECTION_WAIT_MS, LocalWorkloadWait } from './local-workload-wait.js';
import type { OnDemandNames } from './outbound/on-demand-names.js';
import { OutboundPlanner } from './outbound/outbound-planner.js';
import { TargetLedger } from './outbound/target-ledger.js';
import type { WaypointActivation } from './outbound/waypoint-activation.js';
import type { DataPlanePort } from './pods/data-plane-port.js';
import type { PodRegistry } from './pods/pod-registry.js';
import { DependencyIndex } from './state/dependency-index.js';
import type { MeshState } from './state/mesh-state.js';
import type { OnDemandAddresses } from './state/on-demand-addresses.js';
import { isPolicyKey, stateKeys } from './state/state-keys.js';
import { identityOf, type Workload } from './state/workload.js';
import type { AccessLog, AccessLogger } from './telemetry/access-log.js';
import { TrafficFinder } from './telemetry/traffic-finder.js';
import type { OnDemandDnsMetrics } from './telemetry/on-demand-dns-metrics.js';
import type { WaypointMetrics } from './telemetry/waypoint-metrics.js';
import type { ConnectionSpans } from './tracing/connection-spans.js';
import type { TrafficMetrics } from './telemetry/traffic-metrics.js';

export interface SlowPathOptions {
  readonly state: MeshState;
  readonly dataPlane: DataPlanePort;
  readonly clock: Clock;
  readonly log: AccessLogger;
  readonly accessLog: AccessLog;
  /** Null: tracing is off. */
  readonly spans: ConnectionSpans | null;
  readonly metrics: TrafficMetrics;
  readonly connections: ConnectionTable;
  readonly names: OnDemandNames;
  readonly onDemandDns: OnDemandDnsMetrics;
  /** Null: there is no control plane that could start what is asleep. */
  readonly activation: WaypointActivation | null;
  readonly waypointMetrics: WaypointMetrics;
  /** Null: everything is subscribed, so what is not known does not exist. */
  readonly onDemand: OnDemandAddresses | null;
  readonly settings: InboundSettings & { readonly nodeName: string; readonly network: string };
}

/** Longer than from a verdict to `connectionOpened`, whatever happens in between. */
const VERDICT_MAY_BE_STALE_MS = 60_000;

/**
 * The main thread's half of the data path: answers workers from the mesh state, withdraws the answers when what they were
 * made of changes, and closes the connections that policy no longer allows.
 */
export class SlowPath {
  readonly #dependencies = new DependencyIndex();
  readonly #ledger: TargetLedger;
  readonly #localWorkload: LocalWorkloadWait;
  readonly #traffics: TrafficFinder;
  readonly #planner: OutboundPlanner;
  readonly #verdicts: InboundVerdicts;
  #policyChangedAtMs = -Infinity;
  /** Counts the changes that a verdict may depend on. */
  #policyRevision = 0;
  #pods: PodRegistry | null = null;
  #identities: IdentityFeed | null = null;

  constructor(private readonly options: SlowPathOptions) {
    this.#ledger = new TargetLedger(options.clock);
    const dependencies = this.#dependencies;
    const ledger = this.#ledger;
    const workloadOf = (podUid: string) => this.#workloadOf(podUid);
    this.#traffics = new TrafficFinder({
      state: options.state,
      network: options.settings.network,
      ledger,
      workloadOf,
    });
    this.#localWorkload = new LocalWorkloadWait(options.clock, CONNECTION_WAIT_MS, workloadOf);
    this.#planner = new OutboundPlanner({ ...options, dependencies, ledger, workloadOf });
    this.#verdicts = new InboundVerdicts({
      ...options,
      dependencies,
      workloadOf,
      isOwn: (podUid) => this.#pods?.get(podUid)?.own === true,
      revision: () => this.#policyRevision,
    });
  }

  /** The two parts that call back into this one. Once, before the first message. */
  attach(pods: PodRegistry, identities: IdentityFeed): void {
    this.#pods = pods;
    this.#identities = identities;
  }

  /** Pods came, went, or became another workload. */
  podsChanged(): void {
    this.#traffics.clear();
    this.#updateIdentities();
    this.#localWorkload.check();
  }

  podRemoved(podUid: string): void {
    this.#traffics.clear();
    this.#dependencies.forget(podUid);
    this.#ledger.retire(podUid);
  }

  /** The mesh state was changed; call it once per batch. */
  stateChanged(): void {
    const { state, dataPlane, clock } = this.options;
    const { keys, lostAddresses } = state.takeChanges();
    if (keys.size === 0 && lostAddresses.length === 0) return;
    const changedPods = this.#pods?.refresh() ?? [];
    this.#traffics.clear();
    this.options.activation?.check((key) => !isAsleep(state, key));
    this.#invalidate(new Set([...this.#dependencies.takeAffected(keys), ...changedPods]));
    if (lostAddresses.length > 0) {
      dataPlane.send({ type: 'evictTunnels', addresses: lostAddresses.map(({ text }) => text) });
    }
    if (changedPods.length > 0 || [...keys].some(isPolicyKey)) {
      this.#policyChangedAtMs = clock.now();
      this.#policyRevision++;
      this.reevaluate();
    }
    this.podsChanged();
  }

  /** What the name servers said of a name is too old: whoever was answered by it has to ask again. */
  nameExpired(hostname: string): void {
    this.#invalidate(this.#dependencies.takeAffected(new Set([stateKeys.resolved(hostname)])));
  }

  /** All names of this mesh. */
  trustDomainsChanged(names: ReadonlySet<string>): void {
    this.#verdicts.trustDomainsChanged(names);
    this.options.dataPlane.send({ type: 'invalidate' });
  }

  /** Whether connections still wait for a service shows when they ask again. */
  activationOutdated(key: string): void {
    this.#invalidate(this.#dependencies.takeAffected(new Set([stateKeys.service(key)])));
  }

  /** Addresses that were nobody's are not followed any more: whoever was answered by them has to ask again. */
  addressesForgotten(keys: readonly string[]): void {
    this.#invalidate(this.#dependencies.takeAffected(new Set(keys.map((key) => `ip ${key}`))));
  }

  /** Looks at every open inbound connection again and closes those that are denied now. */
  reevaluate(only?: OpenConnection): void {
    const { connections, state } = this.options;
    const workloadOf = (podUid: string) => this.#workloadOf(podUid);
    this.#close(connections.reevaluate(state, workloadOf, only));
  }

  handle(message: FromWorker, workerIndex: number): void {
    switch (message.type) {
      case 'ready':
      case 'reported':
      case 'drained':
      case 'workerLost':
        return;
      case 'podAdded':
        return this.#pods?.podAdded(message);
      case 'podFailed':
        return this.#pods?.podFailed(message);
      case 'outboundPlanNeeded':
        this.#answerPlan(message, workerIndex);
        return;
      case 'inboundVerdictNeeded':
        this.#answerVerdict(message, workerIndex);
        return;
      case 'identityNeeded':
        void this.#identities?.needed(message.spiffeId, workerIndex);
        return;
      case 'connectionOpened': {
        this.#opened(message, workerIndex);
        return;
      }
      case 'connectionClosed': {
        this.#closed(message, workerIndex);
        return;
      }
      case 'connectionFailed': {
        this.#failed(message);
        return;
      }
      case 'connectionsHeld': {
        this.options.waypointMetrics.held(workerIndex, message.count);
        return;
      }
      case 'log': {
        this.options.log[message.level]({ worker: workerIndex }, message.message);
        return;
      }
      default:
        assertNever(message);
    }
  }

  #answerPlan(message: Extract<FromWorker, { type: 'outboundPlanNeeded' }>, workerIndex: number): void {
    const { requestId, podUid } = message;
    const answer = (plan: OutboundPlan) =>
      this.options.dataPlane.send({ type: 'outboundPlan', requestId, plan }, workerIndex);
    this.#localWorkload.take(podUid, (source) => this.#planner.plan(message, source, answer));
  }

  #answerVerdict(message: Extract<FromWorker, { type: 'inboundVerdictNeeded' }>, workerIndex: number): void {
    const { requestId, context } = message;
    const answer = (verdict: InboundVerdict) =>
      this.options.dataPlane.send({ type: 'inboundVerdict', requestId, verdict }, workerIndex);
    this.#localWorkload.take(context.podUid, (local) => this.#verdicts.decide(context, local, answer));
  }

  #workloadOf(podUid: string): Workload | null {
    return this.#pods?.get(podUid)?.workload ?? null;
  }

  #opened(opened: ConnectionOpened, workerIndex: number): void {
    const { connections, metrics, accessLog, clock } = this.options;
    const target = opened.targetId === undefined ? null : this.#ledger.get(opened.targetId);
    const authority =
      opened.direction === 'inbound' ? (opened.inbound?.authority ?? null) : (target?.authority ?? null);
    const traffic = this.#traffics.of(opened);
    const connection = connections.add(opened, workerIndex, { traffic, authority, bytes: metrics.opened(traffic) });
    accessLog.opened(connection);
    // The verdict may be older than a policy that came while the application was dialled.
    const recent = clock.now() - this.#policyChangedAtMs < VERDICT_MAY_BE_STALE_MS;
    const outdated = opened.verdictRevision !== this.#policyRevision;
    if (opened.direction === 'inbound' && recent && outdated) this.reevaluate(connection);
  }

  #closed(closed: ConnectionClosed, workerIndex: number): void {
    const { connections, metrics, accessLog } = this.options;
    const connection = connections.close(closed, workerIndex);
    if (connection === null) return;
    metrics.closed(connection.traffic, closed);
    accessLog.closed(connection, closed);
    this.options.spans?.closed(connection, closed);
  }

  #failed(failure: Extract<FromWorker, { type: 'connectionFailed' }>): void {
    const { metrics, accessLog, waypointMetrics } = this.options;
    const target = failure.targetId === undefined ? null : this.#ledger.get(failure.targetId);
    const tunnelled = target?.protocol === 'HBONE' || failure.peerIdentity !== null;
    const transport = failure.inbound?.transport ?? (tunnelled ? 'hbone' : 'plaintext');
    const traffic = this.#traffics.of({ ...failure, transport, actualDestination: failure.destination });
    if (failure.waypoint !== undefined) waypointMetrics.refused(failure.waypoint);
    if (failure.flag !== 'none') metrics.refused(traffic, failure.flag);
    accessLog.refused(failure, traffic);
    this.options.spans?.refused(failure, traffic);
  }

  #invalidate(podUids: ReadonlySet<string>): void {
    for (const podUid of podUids) {
      this.#dependencies.forget(podUid);
      this.#ledger.retire(podUid);
      this.options.dataPlane.send({ type: 'invalidate', podUid });
    }
  }

  #close(denied: readonly DeniedConnection[]): void {
    const batches = new Map<string, { workerIndex: number; reason: string; connections: ConnectionKey[] }>();
    for (const { connectionId, counterSlot, workerIndex, reason } of denied) {
      const key = `${workerIndex} ${reason}`;
      const batch = batches.get(key) ?? {
        workerIndex,
        reason: `connection closed due to policy change: ${reason}`,
        connections: [],
      };
      batch.connections.push({ connectionId, counterSlot });
      batches.set(key, batch);
    }
    for (const { workerIndex, reason, connections } of batches.values()) {
      this.options.dataPlane.send({ type: 'closeConnections', connections, reason, flag: 'DENY' }, workerIndex);
    }
  }

  #updateIdentities(): void {
    const { state, settings } = this.options;
    const needed = new Set<string>();
    for (const pod of this.#pods?.all() ?? []) needed.add(pod.identity);
    if (settings.nodeName !== '') {
      for (const workload of state.workloadsOfNode(settings.nodeName))
        if (workload.protocol === 'HBONE') needed.add(identityOf(workload));
    }
    this.#identities?.setNeeded(needed);
  }
}

function isAsleep(state: MeshState, key: string): boolean {
  const service = state.service(key);
  return service !== null && service.activatable && state.endpoints(service).length === 0;
}
