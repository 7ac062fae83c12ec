import type { KubeClient } from '@weft/kube';
import {
  extensionResources,
  gatewayResources,
  proxylessResources,
  waypointResources,
  type MeshSettings,
} from '@weft/envoy-config';
import type { MeshModel, MeshModelConfig } from '@weft/mesh-model';
import type { Clock } from '@weft/result';
import type { Logger } from '@weft/runtime';
import { ACTIVATION_TYPE_URL, ADDRESS_TYPE_URL, AUTHORIZATION_TYPE_URL, DeltaServer } from '@weft/xds';
import type { ControlPlaneMetrics } from '../control-plane-metrics.js';
import { FollowedEngine } from '../envoy/followed-engine.js';
import { ProxylessEngines } from '../envoy/proxyless-engines.js';
import { SleepingClusters } from '../envoy/sleeping-clusters.js';
import { unknownKeys } from '../envoy/unknown-keys.js';
import { WaypointEngines } from '../envoy/waypoint-engines.js';
import { WaypointActivator } from '../waypoints/waypoint-activator.js';
import { publishModel } from './model-publisher.js';

export interface EnginePorts {
  readonly model: MeshModel;
  /** May follow the whole mesh, as `namespace/serviceAccount`. */
  readonly trustedAccounts: ReadonlySet<string>;
  readonly kube: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: ControlPlaneMetrics;
}

/** What is served, by kind of client. */
export interface Engines {
  /** Workloads and policies, for node proxies. */
  readonly mesh: DeltaServer;
  readonly waypoints: WaypointEngines;
  readonly proxyless: ProxylessEngines;
  /** Which of them a client gets. */
  readonly followed: FollowedEngine;
  /** Told by the engines what clients wait for. */
  readonly activator: WaypointActivator;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** The model as resources of xDS, for every kind of client. */
export function createEngines({ model, trustedAccounts, kube, clock, log, metrics }: EnginePorts): Engines {
  const onAsked = (): void => activator.asked();
  // Policies go before the workloads that name them, so that a client never meets a name that it does not know.
  const mesh = new DeltaServer(
    [AUTHORIZATION_TYPE_URL, ADDRESS_TYPE_URL, ACTIVATION_TYPE_URL],
    { order: 'any' },
    (typeUrl) => {
      if (typeUrl === ACTIVATION_TYPE_URL) onAsked();
    },
  );
  publishModel(model, mesh, metrics);
  const settings = meshSettingsOf(model.config);
  const gateways = gatewayResources(model, settings);
  const asleep = new SleepingClusters({ sleeping: gateways.sleeping, clock, onAsked });
  const activator = new WaypointActivator({
    kube,
    model,
    wanted: () => new Set([...mesh.wanted(ACTIVATION_TYPE_URL), ...asleep.wanted()]),
    clock,
    log,
    onRequested: () => metrics.activations.inc(),
  });
  const waypoints = new WaypointEngines(
    model.graph.union('resources of Envoys', [
      waypointResources(model, settings),
      gateways.resources,
      extensionResources(model),
    ]),
    asleep,
  );
  const proxyless = new ProxylessEngines(proxylessResources(model, settings), model.sources.proxylessNamespaces);
  const followed = new FollowedEngine({ model, mesh, waypoints, proxyless, trustedAccounts });
  return { mesh, waypoints, proxyless, followed, activator };
}

const meshSettingsOf = ({ trustDomain, clusterDomain }: MeshModelConfig): MeshSettings => ({
  trustDomains: [trustDomain],
  clusterDomain,
  unknownKeys: unknownKeys(),
  connectTimeoutMs: CONNECT_TIMEOUT_MS,
});
