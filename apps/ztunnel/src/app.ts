import { readFileSync } from 'node:fs';
import { closeDescriptor, duplicateDescriptor, netnsIdentity, openNetns, SeqPacketConnection } from '@weft/linux';
import type { Clock } from '@weft/result';
import { AdminServer, Readiness, type Service, everyAddress } from '@weft/runtime';
import { SecretManager, type CertificateSigner } from '@weft/spiffe';
import { ACTIVATION_TYPE_URL, ADDRESS_TYPE_URL, DeltaClient, type DeltaSubscription } from '@weft/xds';
import { CaClient, DeltaXdsClient, MeshEndpoint, type MeshEndpointOptions } from '@weft/xds-grpc';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { adminRoutes } from './admin/admin-routes.js';
import { configDump } from './admin/config-dump.js';
import { readinessRoutes } from './admin/readiness-routes.js';
import { IdentityFeed } from './certificates/identity-feed.js';
import { PeerTrustFeed } from './certificates/peer-trust-feed.js';
import { RevocationMetrics } from './certificates/revocation-metrics.js';
import { trustFilesOf } from './certificates/trust-files.js';
import type { ZtunnelConfig } from './config.js';
import { ConnectionTable } from './connections/connection-table.js';
import type { FromWorker } from './dataplane/messages.js';
import { createDnsProxy } from './dns/create-dns-proxy.js';
import { DrainGate } from './drain-gate.js';
import { xdsNode } from './node-identity.js';
import { OnDemandNames, type ResolvedName } from './outbound/on-demand-names.js';
import { WaypointActivation } from './outbound/waypoint-activation.js';
import { resolveWithSystem } from './outbound/system-resolver.js';
import type { DataPlanePort } from './pods/data-plane-port.js';
import { PodRegistry } from './pods/pod-registry.js';
import { SlowPath } from './slow-path.js';
import { MeshState } from './state/mesh-state.js';
import { OnDemandAddresses } from './state/on-demand-addresses.js';
import { meshSubscriptions } from './state/mesh-subscriptions.js';
import { loadStaticConfig } from './state/static-config.js';
import { AccessLog } from './telemetry/access-log.js';
import type { LogScopes } from './telemetry/log-scopes.js';
import { OnDemandDnsMetrics } from './telemetry/on-demand-dns-metrics.js';
import { ProcessMetrics } from './telemetry/process-metrics.js';
import { WaypointMetrics } from './telemetry/waypoint-metrics.js';
import { TrafficMetrics } from './telemetry/traffic-metrics.js';
import { createTracing } from './tracing/create-tracing.js';
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

/** The composition root: everything is built here, top to bottom. Throws on a configuration that cannot work. */
export function createZtunnel(config: ZtunnelConfig, ports: ZtunnelPorts): Ztunnel {
  const { clock, logs } = ports;
  const readiness = new Readiness([
    'state manager',
    'workload proxy manager',
    ...(config.dnsCapture ? ['DNS proxy'] : []),
  ]);
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
  const names = new OnDemandNames({
    resolve: ports.resolve ?? resolveWithSystem,
    clock,
    onExpired: (hostname) => slowPath.nameExpired(hostname),
    log: logs.scope('proxy'),
  });
  const onDemand = config.xdsOnDemand
    ? new OnDemandAddresses({
        clock,
        subscribe: (keys) => xds.forEach((it) => it.subscribe(ADDRESS_TYPE_URL, keys)),
        unsubscribe: (keys) => xds.forEach((it) => it.unsubscribe(ADDRESS_TYPE_URL, keys)),
        onForgotten: (keys) => slowPath.addressesForgotten(keys),
      })
    : null;
  const waypointMetrics = new WaypointMetrics(registry);
  const activation =
    config.xds === null
      ? null
      : new WaypointActivation({
          clock,
          subscribe: (keys) => xds.forEach((it) => it.subscribe(ACTIVATION_TYPE_URL, keys)),
          unsubscribe: (keys) => xds.forEach((it) => it.unsubscribe(ACTIVATION_TYPE_URL, keys)),
          onRequested: (key) => {
            waypointMetrics.activationRequested();
            logs.scope('proxy').info({ waypoint: key }, 'a waypoint is asleep; the control plane is asked to start it');
          },
          askAgain: (key) => slowPath.activationOutdated(key),
        });
  const tracing = createTracing(config, { clock, registry, logs });
  const slowPath: SlowPath = new SlowPath({
    spans: tracing.spans,
    state,
    dataPlane,
    clock,
    connections,
    log: logs.scope('proxy'),
    accessLog: new AccessLog(logs.lines('access')),
    metrics: new TrafficMetrics(registry, () => connections.countBytes(dataPlane.counters)),
    names,
    onDemandDns: new OnDemandDnsMetrics(registry),
    activation,
    waypointMetrics,
    onDemand,
    settings: config,
  });
  const processMetrics = new ProcessMetrics(registry, config.version, {
    activePods: () => [...pods.all()].filter((pod) => pod.state === 'up' && !pod.own).length,
    pendingPods: () => pods.pending().length,
    lostLogLines: () => logs.lostLines,
  });

  const certificateLog = logs.scope('identity');
  const signer = config.ca === null ? noCa : new CaClient(endpointOf(config.ca), 'impersonate');
  const certificates = new SecretManager({
    signer,
    clock,
    ttlSeconds: config.secretTtlSeconds,
    onFailure: (identity, error) =>
      certificateLog.warn({ identity, error: error.message }, 'no new certificate; retrying'),
  });
  const identities = new IdentityFeed({
    certificates,
    dataPlane,
    clock,
    log: certificateLog,
    onIdentity: (identity) => {
      certificateLog.info({ identity }, 'certificate issued');
      slowPath.reevaluate();
      peerTrust.identitiesChanged();
    },
  });

  const peerTrust: PeerTrustFeed = new PeerTrustFeed({
    certificates,
    dataPlane,
    clock,
    log: certificateLog,
    metrics: new RevocationMetrics(registry),
    onTrustDomains: (names) => slowPath.trustDomainsChanged(names),
  });
  const trustFiles = trustFilesOf(config, peerTrust, clock, certificateLog);

  const dns = config.dnsCapture
    ? createDnsProxy(config, {
        state,
        clock,
        registry,
        log: logs.scope('dns'),
        workloadOf: (uid) => pods.get(uid)?.workload ?? null,
        onStarted: () => readiness.done('DNS proxy'),
      })
    : null;
  const stateChanged = (): void => {
    slowPath.stateChanged();
    dns?.podsChanged();
  };

  let agentSynced = false;
  const pods: PodRegistry = new PodRegistry({
    dataPlane,
    state,
    clock,
    log: logs.scope('inpod'),
    nodeName: config.nodeName,
    trustDomain: config.trustDomain,
    descriptors: {
      duplicate: duplicateDescriptor,
      close: closeDescriptor,
      identity: (fd) => {
        const { device, inode } = netnsIdentity(fd);
        return `${device}:${inode}`;
      },
    },
    dns,
    onChanged: () => {
      // Who the pods of this node are is needed in any case.
      const uids = [...pods.all()].map(({ info }) => `${config.clusterId}//Pod/${info.namespace}/${info.name}`);
      onDemand?.ask(uids, () => undefined);
      slowPath.podsChanged();
      dns?.podsChanged();
      updateReadiness();
    },
    onStarted: () => processMetrics.podStarted(),
    onRemoved: (uid) => {
      slowPath.podRemoved(uid);
      processMetrics.podStopped();
    },
  });
  slowPath.attach(pods, identities);
  const updateReadiness = (): void => {
    if (agentSynced && pods.pending().length === 0) readiness.done('workload proxy manager');
    else readiness.pend('workload proxy manager');
  };

  const zds = new ZdsClient({
    connect: ports.connectZds ?? (() => SeqPacketConnection.connect(config.zdsPath, { maxMessageBytes: 1024 })),
    closeDescriptor,
    pods,
    clock,
    log: logs.scope('inpod'),
    onSnapshot: (complete) => {
      agentSynced = complete;
      updateReadiness();
    },
    onLeft: () => pods.followControlPlane(),
  });

  let open = false;
  const synced = (): void => {
    readiness.done('state manager');
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
      else if (engine.synced) zds.start();
    },
  });

  const xdsLog = logs.scope('xds');
  const engine = new DeltaClient({
    node: xdsNode(config),
    subscriptions: [...meshSubscriptions(state, stateChanged, onDemand), ACTIVATION],
    onSynced: synced,
    onRejected: (typeUrl, rejected) => {
      processMetrics.xdsRejected(typeUrl, rejected.length);
      for (const { name, reason } of rejected)
        xdsLog.warn({ typeUrl, name, reason }, 'resource rejected; its last good version stays in use');
    },
  });
  const xds =
    config.xds === null
      ? []
      : [
          new DeltaXdsClient({
            endpoint: endpointOf(config.xds),
            client: engine,
            clock,
            log: xdsLog,
            onTermination: (reason) => processMetrics.xdsTerminated(reason),
            onMessage: (url, bytes) => processMetrics.xdsMessage(url, bytes),
          }),
        ];

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
  const wildcard = config.ipv6 ? everyAddress() : '0.0.0.0';
  const admin = new AdminServer({
    name: 'admin',
    host: 'localhost',
    port: config.ports.admin,
    routes: adminRoutes({ logs, dump, dataPlane, drain: () => gate.begin(), shutdown: ports.shutdown }),
  });
  const metrics = new AdminServer({
    name: 'metrics',
    host: wildcard,
    port: config.ports.metrics,
    registry,
    beforeMetrics: () => dataPlane.settle(),
  });
  const readinessServer = new AdminServer({
    name: 'readiness',
    host: wildcard,
    port: config.ports.readiness,
    routes: readinessRoutes(readiness),
  });

  const agent: Service = {
    name: 'CNI agent connection',
    // What must not be trusted is known before the first connection.
    start: async () => {
      await Promise.all(trustFiles.map((file) => file.start()));
    },
    stop: () => {
      zds.stop();
      for (const file of trustFiles) file.stop();
      certificates.close();
      names.close();
      activation?.close();
      return Promise.resolve();
    },
  };
  const services = [
    admin,
    metrics,
    readinessServer,
    ...tracing.services,
    ...xds,
    dataPlane,
    ...(dns === null ? [] : [dns]),
    agent,
    gate,
  ];
  return { services, state, readiness, admin, metrics, readinessServer };
}

function endpointOf(options: MeshEndpointOptions): MeshEndpoint {
  const endpoint = MeshEndpoint.parse(options);
  if (!endpoint.ok) throw endpoint.error;
  return endpoint.value;
}

/** Its names are the message; nothing is sent for them. */
const ACTIVATION: DeltaSubscription = { typeUrl: ACTIVATION_TYPE_URL, mode: 'when-asked', apply: () => [] };

const noCa: CertificateSigner = {
  sign: () => Promise.reject(new Error('no CA is configured: CA_ADDRESS is empty')),
};

function readStaticConfig({ localXds }: ZtunnelConfig, state: MeshState): unknown {
  if (localXds === null) return {};
  const text = 'path' in localXds ? readFileSync(localXds.path, 'utf8') : localXds.inline;
  const loaded = loadStaticConfig(text, state);
  if (!loaded.ok) throw new Error(`local configuration: ${loaded.error.join('; ')}`);
  return { resources: loaded.value };
}

/** The effective configuration without what could be secret: a literal token, extra headers. */
function describeConfig({ xds, ca, logFilter, tracing, ...rest }: ZtunnelConfig): unknown {
  const endpoint = (it: MeshEndpointOptions | null) =>
    it === null ? null : { address: it.address, root: it.root, token: it.token.includes('/') ? it.token : 'literal' };
  return {
    ...rest,
    logFilter: { level: logFilter.level, scopes: Object.fromEntries(logFilter.scopes) },
    xds: endpoint(xds),
    ca: endpoint(ca),
    tracing:
      tracing === null ? null : { ...tracing, endpoint: tracing.endpoint.host, headers: Object.keys(tracing.headers) },
  };
}
