import type { Clock } from '@weft/result';
import type { Service } from '@weft/runtime';
import { ACTIVATION_TYPE_URL, ADDRESS_TYPE_URL } from '@weft/xds';
import type { Registry } from 'prom-client';
import type { ZtunnelConfig } from './config.js';
import type { ConnectionTable } from './connections/connection-table.js';
import { OnDemandNames, type ResolvedName } from './outbound/on-demand-names.js';
import { WaypointActivation } from './outbound/waypoint-activation.js';
import type { DataPlanePort } from './pods/data-plane-port.js';
import { SlowPath } from './slow-path.js';
import type { MeshState } from './state/mesh-state.js';
import { OnDemandAddresses } from './state/on-demand-addresses.js';
import { AccessLog } from './telemetry/access-log.js';
import type { LogScopes } from './telemetry/log-scopes.js';
import { OnDemandDnsMetrics } from './telemetry/on-demand-dns-metrics.js';
import { TrafficMetrics } from './telemetry/traffic-metrics.js';
import { WaypointMetrics } from './telemetry/waypoint-metrics.js';
import { createTracing } from './tracing/create-tracing.js';

export interface SlowPathPorts {
  readonly state: MeshState;
  readonly dataPlane: DataPlanePort;
  readonly connections: ConnectionTable;
  readonly resolve: (hostname: string) => Promise<ResolvedName>;
  /** Asks the control plane for single resources. */
  readonly subscribe: (typeUrl: string, keys: readonly string[]) => void;
  readonly unsubscribe: (typeUrl: string, keys: readonly string[]) => void;
  readonly clock: Clock;
  readonly logs: LogScopes;
  readonly registry: Registry;
}

export interface SlowPathParts {
  readonly slowPath: SlowPath;
  /** Null: everything is subscribed. */
  readonly onDemand: OnDemandAddresses | null;
  /** What sends spans. */
  readonly services: readonly Service[];
  readonly close: () => void;
}

/** The slow path with all that it asks when it does not know: name servers, the control plane, whoever starts waypoints. */
export function createSlowPath(config: ZtunnelConfig, ports: SlowPathPorts): SlowPathParts {
  const { state, dataPlane, connections, resolve, subscribe, unsubscribe, clock, logs, registry } = ports;
  const log = logs.scope('proxy');
  const names = new OnDemandNames({
    resolve,
    clock,
    onExpired: (hostname) => slowPath.nameExpired(hostname),
    log,
  });
  const onDemand = config.xdsOnDemand
    ? new OnDemandAddresses({
        clock,
        subscribe: (keys) => subscribe(ADDRESS_TYPE_URL, keys),
        unsubscribe: (keys) => unsubscribe(ADDRESS_TYPE_URL, keys),
        onForgotten: (keys) => slowPath.addressesForgotten(keys),
      })
    : null;
  const waypointMetrics = new WaypointMetrics(registry);
  const activation =
    config.xds === null
      ? null
      : new WaypointActivation({
          clock,
          subscribe: (keys) => subscribe(ACTIVATION_TYPE_URL, keys),
          unsubscribe: (keys) => unsubscribe(ACTIVATION_TYPE_URL, keys),
          onRequested: (key) => {
            waypointMetrics.activationRequested();
            log.info({ waypoint: key }, 'a waypoint is asleep; the control plane is asked to start it');
          },
          askAgain: (key) => slowPath.activationOutdated(key),
        });
  const { spans, services } = createTracing(config, { clock, registry, logs });
  const slowPath: SlowPath = new SlowPath({
    ...{ state, dataPlane, connections, clock, log, names, onDemand, activation, waypointMetrics, spans },
    accessLog: new AccessLog(logs.lines('access')),
    metrics: new TrafficMetrics(registry, () => connections.countBytes(dataPlane.counters)),
    onDemandDns: new OnDemandDnsMetrics(registry),
    settings: config,
  });
  const close = (): void => {
    names.close();
    activation?.close();
  };
  return { slowPath, onDemand, services, close };
}
