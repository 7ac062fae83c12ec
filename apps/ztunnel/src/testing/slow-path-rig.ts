import { FakeClock } from '@weft/testing-fixtures';
import { Registry } from 'prom-client';
import { IdentityFeed, type CertificateSource } from '../certificates/identity-feed.js';
import { ConnectionTable } from '../connections/connection-table.js';
import type { ConnectionClosed, ConnectionOpened, FromWorker } from '../dataplane/messages.js';
import { OnDemandNames, type ResolvedName } from '../outbound/on-demand-names.js';
import { WaypointActivation } from '../outbound/waypoint-activation.js';
import { PodRegistry } from '../pods/pod-registry.js';
import { SlowPath } from '../slow-path.js';
import { OnDemandAddresses } from '../state/on-demand-addresses.js';
import { MeshState } from '../state/mesh-state.js';
import { AccessLog } from '../telemetry/access-log.js';
import { LogScopes } from '../telemetry/log-scopes.js';
import { OnDemandDnsMetrics } from '../telemetry/on-demand-dns-metrics.js';
import { WaypointMetrics } from '../telemetry/waypoint-metrics.js';
import { TrafficMetrics } from '../telemetry/traffic-metrics.js';
import { ConnectionSpans } from '../tracing/connection-spans.js';
import type { Span } from '../tracing/span.js';
import { FakeDataPlane } from './fake-data-plane.js';

const noCertificates: CertificateSource = {
  get: () => Promise.reject(new Error('no CA')),
  watch: () => () => undefined,
  forget: () => undefined,
  renew: () => undefined,
  states: () => new Map(),
};

/** The slow path with everything real but the data plane, the clock and the certificates. */
export class SlowPathRig {
  readonly clock = new FakeClock();
  readonly state = new MeshState();
  readonly dataPlane = new FakeDataPlane();
  readonly connections = new ConnectionTable();
  readonly registry = new Registry();
  readonly lines: string[] = [];
  readonly spans: Span[] = [];
  readonly logs = new LogScopes({
    format: 'json',
    filter: { level: 'info', scopes: new Map() },
    write: (line) => this.lines.push(line),
  });
  readonly metrics = new TrafficMetrics(this.registry, () => this.connections.countBytes(this.dataPlane.counters));
  readonly slowPath: SlowPath;
  /** The name servers. */
  resolve: (hostname: string) => Promise<ResolvedName> = () => Promise.reject(new Error('no such name'));
  readonly pods: PodRegistry;

  /** Keys that were subscribed, in order. */
  readonly subscribed: string[] = [];

  readonly onDemand: OnDemandAddresses | null;

  /** Services that are asked to be started. */
  readonly wanted = new Set<string>();
  readonly activation = new WaypointActivation({
    clock: this.clock,
    subscribe: (keys) => keys.forEach((key) => this.wanted.add(key)),
    unsubscribe: (keys) => keys.forEach((key) => this.wanted.delete(key)),
    onRequested: () => undefined,
    askAgain: (key) => this.slowPath.activationOutdated(key),
  });

  constructor(certificates: CertificateSource = noCertificates, options: { readonly onDemand?: boolean } = {}) {
    const { state, clock, dataPlane, connections, logs } = this;
    const onDemand = new OnDemandAddresses({
      clock,
      subscribe: (keys) => this.subscribed.push(...keys),
      unsubscribe: (keys) => this.subscribed.push(...keys.map((key) => `-${key}`)),
      onForgotten: (keys) => this.slowPath.addressesForgotten(keys),
    });
    this.onDemand = options.onDemand === true ? onDemand : null;
    const names = new OnDemandNames({
      resolve: (hostname) => this.resolve(hostname),
      clock,
      onExpired: (hostname) => this.slowPath.nameExpired(hostname),
      log: logs.scope('proxy'),
    });
    this.slowPath = new SlowPath({
      spans: new ConnectionSpans({ add: (span) => this.spans.push(span) }, clock, () => '00000000000000bb'),
      state,
      clock,
      dataPlane,
      connections,
      log: logs.scope('proxy'),
      accessLog: new AccessLog(logs.lines('access')),
      metrics: this.metrics,
      names,
      onDemandDns: new OnDemandDnsMetrics(this.registry),
      activation: this.activation,
      waypointMetrics: new WaypointMetrics(this.registry),
      onDemand: this.onDemand,
      settings: {
        nodeName: 'n1',
        network: '',
        preserveSource: true,
        responseBaggage: true,
        localhostTunnel: true,
        logPolicyDecisions: false,
      },
    });
    this.pods = new PodRegistry({
      dataPlane,
      state,
      clock,
      log: logs.scope('inpod'),
      nodeName: 'n1',
      trustDomain: 'cluster.local',
      descriptors: { duplicate: (fd) => fd, close: () => undefined, identity: String },
      onChanged: () => this.slowPath.podsChanged(),
      onRemoved: (uid) => this.slowPath.podRemoved(uid),
    });
    const identities = new IdentityFeed({
      certificates,
      dataPlane,
      clock,
      log: logs.scope('identity'),
      onIdentity: () => this.slowPath.reevaluate(),
    });
    this.slowPath.attach(this.pods, identities);
    dataPlane.say = (message, worker = 0) => this.slowPath.handle(message, worker);
  }

  async addPod(name: string): Promise<void> {
    await this.pods.add(name, { name, namespace: 'shop', serviceAccount: name }, 100 + name.length);
  }

  /** Changes the mesh as one push. */
  push(change: (state: MeshState) => void): void {
    change(this.state);
    this.slowPath.stateChanged();
  }

  say(message: FromWorker): void {
    this.slowPath.handle(message, 0);
  }

  askPlan(podUid: string, destination: string, requestId = 1): void {
    this.say({ type: 'outboundPlanNeeded', requestId, podUid, source: '10.0.0.1:4000', destination });
  }

  askVerdict(podUid: string, authority: string, peerIdentity: string, requestId = 1): void {
    const context = {
      podUid,
      transport: 'hbone',
      source: '10.0.0.1:4000',
      destination: '10.0.0.2:15008',
      peerIdentity,
      authority,
    } as const;
    this.say({ type: 'inboundVerdictNeeded', requestId, context });
  }

  open(fields: Partial<ConnectionOpened> & Pick<ConnectionOpened, 'connectionId' | 'podUid' | 'direction'>): void {
    this.say({
      type: 'connectionOpened',
      transport: 'hbone',
      source: '10.0.0.1:4000',
      destination: fields.direction === 'inbound' ? '10.0.0.2:15008' : '10.96.0.1:80',
      actualDestination: fields.direction === 'inbound' ? '10.0.0.2:8080' : '10.0.0.2:15008',
      peerIdentity: null,
      counterSlot: fields.connectionId,
      ...fields,
    });
  }

  close(connectionId: number, fields: Partial<ConnectionClosed> = {}): void {
    this.say({
      type: 'connectionClosed',
      connectionId,
      counterSlot: connectionId,
      receivedBytes: 0,
      sentBytes: 0,
      durationMs: 1,
      flag: 'none',
      why: 'client closed',
      ...fields,
    });
  }

  /** Access log lines, without what changes from run to run. */
  access(): Record<string, unknown>[] {
    return this.lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ scope }) => scope === 'access')
      .map(({ time, ...rest }) => (time === undefined ? {} : rest));
  }
}
