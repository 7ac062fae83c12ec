import { formatSocketAddress, parseSocketAddress } from '@weft/ip';
import { assertNever, type Clock } from '@weft/result';
import type { IdentityFeed } from './certificates/identity-feed.js';
import type { ConnectionTable } from './connections/connection-table.js';
import type { DeniedConnection, OpenConnection } from './connections/connection-table.js';
import type {
  ConnectionClosed,
  ConnectionOpened,
  FromWorker,
  InboundContext,
  InboundVerdict,
  OutboundPlan,
} from './dataplane/messages.js';
import { judgeInbound, type SameMesh } from './inbound/judge-inbound.js';
import { LocalWorkloadWait } from './local-workload-wait.js';
import type { OnDemandNames } from './outbound/on-demand-names.js';
import { planOutbound } from './outbound/plan-outbound.js';
import type { RouteRefusal, RouteTarget } from './outbound/route-target.js';
import { TargetLedger } from './outbound/target-ledger.js';
import { refusedPlan } from './outbound/refused-plan.js';
import type { WaypointActivation } from './outbound/waypoint-activation.js';
import { toOutboundPlan } from './outbound/to-outbound-plan.js';
import type { DataPlanePort } from './pods/data-plane-port.js';
import type { PodRegistry } from './pods/pod-registry.js';
import { formatBaggage } from './state/baggage.js';
import { DependencyIndex } from './state/dependency-index.js';
import type { MeshState } from './state/mesh-state.js';
import type { OnDemandAddresses } from './state/on-demand-addresses.js';
import { isPolicyKey, stateKeys } from './state/state-keys.js';
import { TrackingView } from './state/tracking-view.js';
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
  readonly settings: {
    readonly nodeName: string;
    readonly network: string;
    readonly preserveSource: boolean;
    readonly responseBaggage: boolean;
    /** PROXY application tunnels are delivered on loopback. */
    readonly localhostTunnel: boolean;
    /** Policy decisions at info instead of debug. */
    readonly logPolicyDecisions: boolean;
  };
}

/** Longer than from a verdict to `connectionOpened`, whatever happens in between. */
const VERDICT_MAY_BE_STALE_MS = 60_000;
/** How long a connection waits for the control plane to say what its pod is. */
const LOCAL_WORKLOAD_WAIT_MS = 5000;
/** More than any chain of service, waypoint, gateway and name has links. */
const MOST_ROUNDS = 8;
const UNKNOWN_LOCAL_WORKLOAD =
  'failed to fetch information about local workload: the control plane has not sent it within 5 s';

/**
 * The main thread's half of the data path: answers workers from the mesh state, withdraws the answers when what they were
 * made of changes, and closes the connections that policy no longer allows.
 */
export class SlowPath {
  readonly #dependencies = new DependencyIndex();
  readonly #ledger: TargetLedger;
  readonly #localWorkload: LocalWorkloadWait;
  readonly #traffics: TrafficFinder;
  readonly #warnedPolicies = new Set<string>();
  #trustDomains: ReadonlySet<string> = new Set();
  #policyChangedAtMs = -Infinity;
  /** Counts the changes that a verdict may depend on. */
  #policyRevision = 0;
  #pods: PodRegistry | null = null;
  #identities: IdentityFeed | null = null;

  constructor(private readonly options: SlowPathOptions) {
    this.#ledger = new TargetLedger(options.clock);
    this.#traffics = new TrafficFinder({
      state: options.state,
      network: options.settings.network,
      ledger: this.#ledger,
      workloadOf: (podUid) => this.#pods?.get(podUid)?.workload ?? null,
    });
    this.#localWorkload = new LocalWorkloadWait(
      options.clock,
      LOCAL_WORKLOAD_WAIT_MS,
      (uid) => this.#pods?.get(uid)?.workload ?? null,
    );
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
    this.#trustDomains = names;
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
  reevaluate(only?: number): void {
    const { connections, state } = this.options;
    const workloadOf = (podUid: string) => this.#pods?.get(podUid)?.workload ?? null;
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
      case 'outboundPlanNeeded': {
        this.#localWorkload.take(message.podUid, (source) => this.#plan(message, source, workerIndex));
        return;
      }
      case 'inboundVerdictNeeded': {
        this.#localWorkload.take(message.context.podUid, (local) => this.#answerVerdict(message, local, workerIndex));
        return;
      }
      case 'identityNeeded':
        void this.#identities?.needed(message.spiffeId, workerIndex);
        return;
      case 'connectionOpened': {
        this.#opened(message, workerIndex);
        return;
      }
      case 'connectionClosed': {
        this.#closed(message);
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

  #plan(
    message: Extract<FromWorker, { type: 'outboundPlanNeeded' }>,
    source: Workload | null,
    workerIndex: number,
    roundsLeft = MOST_ROUNDS,
  ): void {
    const { state, dataPlane, names, onDemandDns } = this.options;
    const { podUid, requestId } = message;
    const destination = parseSocketAddress(message.destination);
    const answer = (plan: OutboundPlan) => dataPlane.send({ type: 'outboundPlan', requestId, plan }, workerIndex);
    if (destination === null) {
      answer({ kind: 'reject', reason: `unreadable destination ${message.destination}` });
      return;
    }
    if (source === null) {
      answer({ kind: 'reject', reason: UNKNOWN_LOCAL_WORKLOAD });
      return;
    }
    const view = new TrackingView(state, names);
    view.keys.add(stateKeys.workload(source.uid));
    const route = planOutbound(view, { source, destination });
    // Each round knows more than the one before: a service leads to its waypoint, that to its gateway, that to a name.
    const again = () => this.#plan(message, this.#workloadOf(podUid), workerIndex, roundsLeft - 1);
    if (this.#mustAsk(view, roundsLeft, again, (reason) => answer({ kind: 'reject', reason, flag: 'CONNECT' }))) return;
    if (view.unresolved.size > 0 && roundsLeft > 0) {
      for (const hostname of view.unresolved) onDemandDns.asked(hostname, source);
      names.ask(view.unresolved, again);
      return;
    }
    this.#dependencies.add(podUid, view.keys);
    const targetId = (target: RouteTarget) => this.#ledger.add(podUid, target);
    if (route.ok) answer(toOutboundPlan(route.value, { source, random: Math.random, targetId }));
    else answer(this.#refusedOrHeld(route.error, refusedPlan(route.error, destination, targetId)));
  }

  /** Held: what it would go through is asleep, and somebody can be asked to start it. */
  #refusedOrHeld({ asleep = [] }: RouteRefusal, plan: ReturnType<typeof refusedPlan>): OutboundPlan {
    const { activation } = this.options;
    if (activation === null || asleep.length === 0) return plan;
    for (const key of asleep) activation.want(key);
    return { kind: 'hold', reason: `waypoint ${asleep.join(', ')} is asleep`, targetId: plan.targetId };
  }

  /** Whether a decision needs what was not asked for yet; it is then made again, or refused when no answer comes. */
  #mustAsk(view: TrackingView, roundsLeft: number, again: () => void, refuse: (reason: string) => void): boolean {
    const { onDemand } = this.options;
    const missing = onDemand?.unanswered(view.missing) ?? [];
    if (onDemand === null || missing.length === 0) return false;
    const unanswered = `the control plane has not said what ${missing.join(', ')} is`;
    if (roundsLeft === 0) refuse(unanswered);
    else onDemand.ask(missing, (answered) => (answered ? again() : refuse(unanswered)));
    return true;
  }

  #answerVerdict(
    message: Extract<FromWorker, { type: 'inboundVerdictNeeded' }>,
    local: Workload | null,
    workerIndex: number,
    roundsLeft = MOST_ROUNDS,
  ): void {
    const { requestId, context } = message;
    const { state, dataPlane } = this.options;
    const view = new TrackingView(state);
    const verdict = this.#judge(view, context, local);
    const send = (it: InboundVerdict) =>
      dataPlane.send({ type: 'inboundVerdict', requestId, verdict: it }, workerIndex);
    const again = () => this.#answerVerdict(message, this.#workloadOf(context.podUid), workerIndex, roundsLeft - 1);
    const refuse = (reason: string) => send({ kind: 'deny', status: 503, reason });
    if (local === null || !this.#mustAsk(view, roundsLeft, again, refuse)) send(verdict);
  }

  #workloadOf(podUid: string): Workload | null {
    return this.#pods?.get(podUid)?.workload ?? null;
  }

  #judge(view: TrackingView, context: InboundContext, local: Workload | null): InboundVerdict {
    const { log, settings } = this.options;
    if (local === null) {
      return {
        kind: 'deny',
        status: 503,
        reason: UNKNOWN_LOCAL_WORKLOAD,
      };
    }
    view.keys.add(stateKeys.workload(local.uid));
    const isSameMesh: SameMesh = (own, theirs) =>
      own === theirs || (this.#trustDomains.has(own) && this.#trustDomains.has(theirs));
    const admission = judgeInbound(view, local, context, { ...settings, isSameMesh });
    this.#dependencies.add(context.podUid, view.keys);
    const fields = {
      'src.addr': context.source,
      'src.identity': context.peerIdentity ?? 'none',
      'dst.workload': local.uid,
    };
    if (!admission.ok) {
      log[settings.logPolicyDecisions ? 'info' : 'debug'](
        { ...fields, reason: admission.error.reason },
        'inbound refused',
      );
      return { kind: 'deny', ...admission.error };
    }
    const { application, decision, unknownPolicies } = admission.value;
    this.#warnUnknown(local, unknownPolicies);
    log[settings.logPolicyDecisions ? 'info' : 'debug'](
      { ...fields, allowedBy: decision.hit?.policy, dryRun: decision.dryRun ?? undefined },
      'inbound allowed',
    );
    const baggage = settings.responseBaggage && context.transport === 'hbone' ? { baggage: formatBaggage(local) } : {};
    const { dial, preserveSource, proxyHeader } = application;
    return {
      kind: 'allow',
      revision: this.#policyRevision,
      dial: formatSocketAddress(dial),
      preserveSource: preserveSource && settings.preserveSource && this.#pods?.get(context.podUid)?.own !== true,
      ...(proxyHeader === null ? {} : { proxyHeader }),
      ...baggage,
    };
  }

  #opened(opened: ConnectionOpened, workerIndex: number): void {
    const { connections, metrics, accessLog, clock } = this.options;
    const target = opened.targetId === undefined ? null : this.#ledger.get(opened.targetId);
    const authority =
      opened.direction === 'inbound' ? (opened.inbound?.authority ?? null) : (target?.authority ?? null);
    const connection: OpenConnection = { opened, workerIndex, traffic: this.#traffics.of(opened), authority };
    connections.add(connection, metrics.opened(connection.traffic));
    accessLog.opened(connection);
    // The verdict may be older than a policy that came while the application was dialled.
    const recent = clock.now() - this.#policyChangedAtMs < VERDICT_MAY_BE_STALE_MS;
    const outdated = opened.verdictRevision !== this.#policyRevision;
    if (opened.direction === 'inbound' && recent && outdated) this.reevaluate(opened.connectionId);
  }

  #closed(closed: ConnectionClosed): void {
    const { connections, metrics, accessLog } = this.options;
    const connection = connections.close(closed);
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
    const batches = new Map<string, { workerIndex: number; reason: string; connectionIds: number[] }>();
    for (const { connectionId, workerIndex, reason } of denied) {
      const key = `${workerIndex} ${reason}`;
      const batch = batches.get(key) ?? {
        workerIndex,
        reason: `connection closed due to policy change: ${reason}`,
        connectionIds: [],
      };
      batch.connectionIds.push(connectionId);
      batches.set(key, batch);
    }
    for (const { workerIndex, reason, connectionIds } of batches.values()) {
      this.options.dataPlane.send({ type: 'closeConnections', connectionIds, reason, flag: 'DENY' }, workerIndex);
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

  #warnUnknown(local: Workload, names: readonly string[]): void {
    for (const policy of names) {
      const key = `${local.uid} ${policy}`;
      if (this.#warnedPolicies.has(key)) continue;
      if (this.#warnedPolicies.size > 10_000) this.#warnedPolicies.clear();
      this.#warnedPolicies.add(key);
      this.options.log.warn(
        { workload: local.uid, policy },
        'workload names a policy that is not known; it is skipped',
      );
    }
  }
}

function isAsleep(state: MeshState, key: string): boolean {
  const service = state.service(key);
  return service !== null && service.activatable && state.endpoints(service).length === 0;
}
