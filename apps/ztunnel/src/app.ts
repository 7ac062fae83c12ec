import { closeDescriptor, openNetns, SeqPacketConnection } from '@weft/linux';
import type { Clock } from '@weft/result';
import { Readiness, type AdminServer, type Service } from '@weft/runtime';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { adminServers } from './admin/admin-servers.js';
import { configDump } from './admin/config-dump.js';
import { describeConfig } from './admin/describe-config.js';
import { createCertificates } from './certificates/create-certificates.js';
import type { ZtunnelConfig } from './config.js';
import { ConnectionTable } from './connections/connection-table.js';
import { createSlowPath } from './create-slow-path.js';
import type { FromWorker } from './dataplane/messages.js';
import { createDnsProxy } from './dns/create-dns-proxy.js';
import { DrainGate } from './drain-gate.js';
import type { ResolvedName } from './outbound/on-demand-names.js';
import { resolveWithSystem } from './outbound/system-resolver.js';
import type { DataPlanePort } from './pods/data-plane-port.js';
import { NETNS_DESCRIPTORS } from './pods/netns-descriptors.js';
import { PodRegistry } from './pods/pod-registry.js';
import { PodsReadiness, WORKLOAD_PROXIES } from './pods/pods-readiness.js';
import { ControlPlaneLink } from './state/control-plane-link.js';
import { meshSubscriptions } from './state/mesh-subscriptions.js';
import { MeshState } from './state/mesh-state.js';
import { readStaticConfig } from './state/read-static-config.js';
import type { LogScopes } from './telemetry/log-scopes.js';
import { ProcessMetrics } from './telemetry/process-metrics.js';
import { ZdsClient, type PacketConnection } from './zds/zds-client.js';

export interface ZtunnelPorts {
  readonly clock: Clock;
  readonly logs: LogScopes;
  /** Builds the data plane; tests give a fake. */
  readonly dataPlane: (onMessage: (message: FromWorker, workerIndex: number) => void) => DataPlanePort & Service;
  /** Connects to the CNI agent. Default: SOCK_SEQPACKET at the configured path. */
  readonly connectZds?: () => PacketConnection;
  /** Asks the name servers. Default: those of ztunnel's own resolv.conf. */
  readonly resolve?: (hostname: string) => Promise<ResolvedName>;
  readonly shutdown: () => void;
}

export interface Ztunnel {
  /** To be started in this order and stopped in reverse. */
  readonly services: readonly Service[];
  readonly state: MeshState;
  readonly readiness: Readiness;
  readonly admin: AdminServer;
  readonly metrics: AdminServer;
  readonly readinessServer: AdminServer;
}

/** Tasks of readiness; the first by its name in Istio's ztunnel. */
const STATE = 'state manager';
const DNS = 'DNS proxy';

/** The composition root: everything is built here, top to bottom. Throws on a configuration that cannot work. */
export function createZtunnel(config: ZtunnelConfig, ports: ZtunnelPorts): Ztunnel {
  const { clock, logs } = ports;
  const readiness = new Readiness([STATE, WORKLOAD_PROXIES, ...(config.dnsCapture ? [DNS] : [])]);
  const registry = new Registry();
  // The default of 10 ms would wake an idle process a hundred times a second.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 });
  const state = new MeshState();
  const connections = new ConnectionTable();
  const staticConfig = readStaticConfig(config, state);

  const dataPlane = ports.dataPlane((message, worker) => {
    if (message.type === 'drained') gate.drained();
    else if (message.type === 'workerLost') processMetrics.workerLost(message.cause);
    else slowPath.handle(message, worker);
  });
  const answers = createSlowPath(config, {
    ...{ state, dataPlane, connections, clock, logs, registry },
    resolve: ports.resolve ?? resolveWithSystem,
    subscribe: (typeUrl, keys) => link.subscribe(typeUrl, keys),
    unsubscribe: (typeUrl, keys) => link.unsubscribe(typeUrl, keys),
  });
  const { slowPath, onDemand } = answers;
  const processMetrics = new ProcessMetrics(registry, config.version, {
    activePods: () => [...pods.all()].filter((pod) => pod.state === 'up' && !pod.own).length,
    pendingPods: () => pods.pending().length,
    lostLogLines: () => logs.lostLines,
  });

  const certificates = createCertificates(config, {
    dataPlane,
    clock,
    log: logs.scope('identity'),
    registry,
    onIdentity: () => slowPath.reevaluate(),
    onTrustDomains: (names) => slowPath.trustDomainsChanged(names),
  });
  const { identities } = certificates;
  const dns = config.dnsCapture
    ? createDnsProxy(config, {
        state,
        clock,
        registry,
        log: logs.scope('dns'),
        workloadOf: (uid) => pods.get(uid)?.workload ?? null,
        onStarted: () => readiness.done(DNS),
      })
    : null;
  const stateChanged = (): void => {
    slowPath.stateChanged();
    dns?.podsChanged();
  };

  const pods: PodRegistry = new PodRegistry({
    dataPlane,
    state,
    clock,
    log: logs.scope('inpod'),
    nodeName: config.nodeName,
    trustDomain: config.trustDomain,
    descriptors: NETNS_DESCRIPTORS,
    dns,
    onChanged: () => {
      // Who the pods of this node are is needed in any case.
      const uids = [...pods.all()].map(({ info }) => `${config.clusterId}//Pod/${info.namespace}/${info.name}`);
      onDemand?.ask(uids, () => undefined);
      slowPath.podsChanged();
      dns?.podsChanged();
      podsReadiness.podsChanged();
    },
    onStarted: () => processMetrics.podStarted(),
    onRemoved: (uid) => {
      slowPath.podRemoved(uid);
      processMetrics.podStopped();
    },
  });
  slowPath.attach(pods, identities);
  const podsReadiness = new PodsReadiness(readiness, () => pods.pending());

  const zds = new ZdsClient({
    connect: ports.connectZds ?? (() => SeqPacketConnection.connect(config.zdsPath, { maxMessageBytes: 1024 })),
    closeDescriptor,
    pods,
    clock,
    log: logs.scope('inpod'),
    onSnapshot: (complete) => podsReadiness.agentSynced(complete),
    onLeft: () => pods.followControlPlane(),
  });

  let open = false;
  const synced = (): void => {
    readiness.done(STATE);
    if (open) zds.start();
  };
  const gate: DrainGate = new DrainGate({
    readiness,
    pods,
    dataPlane,
    clock,
    drainMs: config.drainMs,
    openConnections: () => connections.size,
    log: logs.scope('ztunnel'),
    onDrain: () => zds.drain(),
    onOpen: () => {
      open = true;
      if (config.ownPod !== null) pods.addOwn(config.ownPod, openNetns('/proc/self/ns/net'));
      stateChanged();
      if (config.xds === null) synced();
      else if (link.synced) zds.start();
    },
  });

  const link: ControlPlaneLink = new ControlPlaneLink(config, {
    subscriptions: meshSubscriptions(state, stateChanged, onDemand),
    onSynced: synced,
    clock,
    log: logs.scope('xds'),
    metrics: processMetrics,
  });

  const dump = () =>
    configDump({
      state,
      pods: pods.all(),
      connections: connections.all(),
      certificates: identities.states(),
      config: describeConfig(config),
      staticConfig,
      version: config.version,
    });
  const servers = adminServers(config, {
    ...{ logs, dump, dataPlane, registry, readiness },
    drain: () => gate.begin(),
    shutdown: ports.shutdown,
  });

  const agent: Service = {
    name: 'CNI agent connection',
    // What must not be trusted is known before the first connection.
    start: () => certificates.start(),
    stop: () => {
      zds.stop();
      certificates.close();
      answers.close();
      return Promise.resolve();
    },
  };
  const { admin, metrics, readinessServer } = servers;
  const services = [
    ...[admin, metrics, readinessServer, ...answers.services, ...link.services, dataPlane],
    ...(dns === null ? [] : [dns]),
    ...[agent, gate],
  ];
  return { services, state, readiness, admin, metrics, readinessServer };
}
