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
} from './dataplane/messages.js';
import { attributeService, forwardedHost } from './inbound/attribute-service.js';
import { judgeInbound } from './inbound/judge-inbound.js';
import { LocalWorkloadWait } from './local-workload-wait.js';
import { planOutbound } from './outbound/plan-outbound.js';
import { TargetLedger } from './outbound/target-ledger.js';
import { toOutboundPlan } from './outbound/to-outbound-plan.js';
import type { DataPlanePort } from './pods/data-plane-port.js';
import type { PodRegistry } from './pods/pod-registry.js';
import { formatBaggage, parseBaggage } from './state/baggage.js';
import { DependencyIndex } from './state/dependency-index.js';
import type { MeshState } from './state/mesh-state.js';
import { isPolicyKey, stateKeys } from './state/state-keys.js';
import { TrackingView } from './state/tracking-view.js';
import { identityOf, type Workload } from './state/workload.js';
import type { AccessLog, AccessLogger } from './telemetry/access-log.js';
import { TrafficCache } from './telemetry/traffic-cache.js';
import type { Traffic } from './telemetry/traffic-labels.js';
import type { TrafficMetrics } from './telemetry/traffic-metrics.js';

export interface SlowPathOptions {
  readonly state: MeshState;
  readonly dataPlane: DataPlanePort;
  readonly clock: Clock;
  readonly log: AccessLogger;
  readonly accessLog: AccessLog;
  readonly metrics: TrafficMetrics;
  readonly connections: ConnectionTable;
  readonly settings: {
    readonly nodeName: string;
    readonly network: string;
    readonly preserveSource: boolean;
    readonly responseBaggage: boolean;
    /** Policy decisions at info instead of debug. */
    readonly logPolicyDecisions: boolean;
  };
}

/** How long a connection waits for the control plane to say what its pod is. */
const LOCAL_WORKLOAD_WAIT_MS = 5000;
const HBONE_PORT = 15008;
/** Longer than from a verdict to `connectionOpened`, whatever happens in between. */
const VERDICT_MAY_BE_STALE_MS = 60_000;

type TrafficParts = Pick<
  ConnectionOpened,
  'podUid' | 'direction' | 'transport' | 'source' | 'actualDestination' | 'peerIdentity' | 'inbound' | 'targetId'
>;

/**
 * The main thread's half of the data path: answers workers from the mesh state, withdraws the answers when what they were
 * made of changes, and closes the connections that policy no longer allows.
 */
export class SlowPath {
  readonly #dependencies = new DependencyIndex();
  readonly #ledger: TargetLedger;
  readonly #localWorkload: LocalWorkloadWait;
  readonly #traffics = new TrafficCache();
  readonly #warnedPolicies = new Set<string>();
  #policyChangedAtMs = -Infinity;
  #pods: PodRegistry | null = null;
  #identities: IdentityFeed | null = null;

  constructor(private readonly options: SlowPathOptions) {
    this.#ledger = new TargetLedger(options.clock);
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
    this.#invalidate(new Set([...this.#dependencies.takeAffected(keys), ...changedPods]));
    if (lostAddresses.length > 0) {
      const dials = lostAddresses.map((ip) => formatSocketAddress({ ip, port: HBONE_PORT }));
      dataPlane.send({ type: 'evictTunnels', dials });
    }
    if (changedPods.length > 0 || [...keys].some(isPolicyKey)) {
      this.#policyChangedAtMs = clock.now();
      this.reevaluate();
    }
    this.podsChanged();
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
        this.#localWorkload.take(message.context.podUid, (local) => {
          const verdict = this.#judge(message.context, local);
          this.options.dataPlane.send({ type: 'inboundVerdict', requestId: message.requestId, verdict }, workerIndex);
        });
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
  ): void {
    const { state, dataPlane } = this.options;
    const { podUid, requestId } = message;
    const destination = parseSocketAddress(message.destination);
    const reject = (reason: string) =>
      dataPlane.send({ type: 'outboundPlan', requestId, plan: { kind: 'reject', reason } }, workerIndex);
    if (destination === null) {
      reject(`unreadable destination ${message.destination}`);
      return;
    }
    if (source === null) {
      reject('failed to fetch information about local workload: the control plane has not sent it within 5 s');
      return;
    }
    const view = new TrackingView(state);
    view.keys.add(stateKeys.workload(source.uid));
    const route = planOutbound(view, { source, destination });
    this.#dependencies.add(podUid, view.keys);
    if (!route.ok) {
      reject(route.error);
      return;
    }
    const plan = toOutboundPlan(route.value, {
      source,
      random: Math.random,
      targetId: (target) => this.#ledger.add(podUid, target),
    });
    dataPlane.send({ type: 'outboundPlan', requestId, plan }, workerIndex);
  }

  #judge(context: InboundContext, local: Workload | null): InboundVerdict {
    const { state, log, settings } = this.options;
    if (local === null) {
      return {
        kind: 'deny',
        status: 503,
        reason: 'failed to fetch information about local workload: the control plane has not sent it within 5 s',
      };
    }
    const view = new TrackingView(state);
    view.keys.add(stateKeys.workload(local.uid));
    const admission = judgeInbound(view, local, context);
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
    const { dial, decision, unknownPolicies } = admission.value;
    this.#warnUnknown(local, unknownPolicies);
    log[settings.logPolicyDecisions ? 'info' : 'debug'](
      { ...fields, allowedBy: decision.hit?.policy, dryRun: decision.dryRun ?? undefined },
      'inbound allowed',
    );
    const baggage = settings.responseBaggage && context.transport === 'hbone' ? { baggage: formatBaggage(local) } : {};
    return { kind: 'allow', dial: formatSocketAddress(dial), preserveSource: settings.preserveSource, ...baggage };
  }

  #opened(opened: ConnectionOpened, workerIndex: number): void {
    const { connections, metrics, accessLog, clock } = this.options;
    const target = opened.targetId === undefined ? null : this.#ledger.get(opened.targetId);
    const authority =
      opened.direction === 'inbound' ? (opened.inbound?.authority ?? null) : (target?.authority ?? null);
    const connection: OpenConnection = { opened, workerIndex, traffic: this.#traffic(opened), authority };
    connections.add(connection, metrics.opened(connection.traffic));
    accessLog.opened(connection);
    // The verdict may be older than a policy that came while the application was dialled.
    const recent = clock.now() - this.#policyChangedAtMs < VERDICT_MAY_BE_STALE_MS;
    if (opened.direction === 'inbound' && recent) this.reevaluate(opened.connectionId);
  }

  #closed(closed: ConnectionClosed): void {
    const { connections, metrics, accessLog } = this.options;
    const connection = connections.close(closed);
    if (connection === null) return;
    metrics.closed(connection.traffic, closed);
    accessLog.closed(connection, closed);
  }

  #failed(failure: Extract<FromWorker, { type: 'connectionFailed' }>): void {
    const { metrics, accessLog } = this.options;
    const target = failure.targetId === undefined ? null : this.#ledger.get(failure.targetId);
    const tunnelled = target?.protocol === 'HBONE' || failure.peerIdentity !== null;
    const transport = failure.inbound?.transport ?? (tunnelled ? 'hbone' : 'plaintext');
    const traffic = this.#traffic({ ...failure, transport, actualDestination: failure.destination });
    if (failure.flag !== 'none') metrics.refused(traffic, failure.flag);
    accessLog.refused(failure, traffic);
  }

  #traffic(of: TrafficParts): Traffic {
    const [network, service] = [of.inbound?.forwardedNetwork, forwardedHost(of.inbound?.forwarded)];
    const key =
      of.direction === 'outbound'
        ? `${of.podUid} ${of.targetId} ${of.transport}`
        : JSON.stringify([of.podUid, of.transport, hostOf(of.source), of.actualDestination, of.peerIdentity]) +
          JSON.stringify([of.inbound?.baggage, network, service]);
    return this.#traffics.get(key, () => (of.direction === 'outbound' ? this.#outbound(of) : this.#inbound(of)));
  }

  #outbound(of: TrafficParts): Traffic {
    const local = this.#pods?.get(of.podUid)?.workload ?? null;
    const mutualTls = of.transport === 'hbone';
    const target = of.targetId === undefined ? null : this.#ledger.get(of.targetId);
    const { workload = null, service = null } = target ?? {};
    return {
      reporter: 'source',
      source: local,
      sourceBaggage: null,
      sourcePrincipal: mutualTls && local !== null ? identityOf(local) : null,
      destination: workload,
      service,
      mutualTls,
    };
  }

  #inbound(of: TrafficParts): Traffic {
    const { state, settings } = this.options;
    const local = this.#pods?.get(of.podUid)?.workload ?? null;
    const peer = parseSocketAddress(of.source);
    const { baggage, forwarded, forwardedNetwork } = of.inbound ?? {};
    const throughGateway =
      forwardedNetwork !== undefined && forwardedNetwork.toLowerCase() !== settings.network.toLowerCase();
    const port = parseSocketAddress(of.actualDestination)?.port ?? 0;
    return {
      reporter: 'destination',
      source: peer === null || throughGateway ? null : state.workloadByIp(settings.network, peer.ip),
      sourceBaggage: baggage === undefined ? null : parseBaggage(baggage),
      sourcePrincipal: of.transport === 'hbone' ? of.peerIdentity : null,
      destination: local,
      service: local === null ? null : attributeService(state, local, { port, forwarded }),
      mutualTls: of.transport === 'hbone',
    };
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

/** `ip:port` without the port. */
function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}
