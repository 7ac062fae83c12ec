import type { ServerCredentials } from '@grpc/grpc-js';
import type { KubeClient } from '@weft/kube';
import { MeshModel } from '@weft/mesh-model';
import { type Clock, toError } from '@weft/result';
import { Readiness, SERVING, servingTask, type AdminServer, type Logger, type Service } from '@weft/runtime';
import type { XdsServer } from '@weft/xds-grpc';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { validation } from './admission/validation.js';
import type { ControlPlaneConfig } from './config.js';
import { ControlPlaneMetrics } from './control-plane-metrics.js';
import { debugPages } from './debug/debug-pages.js';
import { debugServer } from './debug/debug-server.js';
import { CallerAuthenticator } from './identity/caller-authenticator.js';
import { SERVER_CERTIFICATE, serverIdentity } from './identity/server-identity.js';
import { meshInputs } from './kube/mesh-inputs.js';
import { countedXdsServer } from './serving/counted-xds-server.js';
import { createEngines } from './serving/engines.js';
import { FirstState, KUBERNETES_SYNCED } from './serving/first-state.js';
import { NackLog } from './serving/nack-log.js';
import { PushSchedule } from './serving/push-schedule.js';
import { StatusController } from './status/status-controller.js';

export interface ControlPlanePorts {
  readonly kube: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** In place of TLS with the configured certificate, and without admission; for tests. */
  readonly credentials?: ServerCredentials;
}

export interface ControlPlaneApp {
  readonly services: readonly Service[];
  readonly model: MeshModel;
  readonly xds: XdsServer;
  readonly admin: AdminServer;
  readonly readiness: Readiness;
}

/** The one composition root of the control plane: what is known, what follows from it, who is told. */
export function createControlPlane(config: ControlPlaneConfig, ports: ControlPlanePorts): ControlPlaneApp {
  const { kube, clock, log } = ports;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = new ControlPlaneMetrics(registry);
  const readiness = new Readiness([KUBERNETES_SYNCED, SERVING]);

  const model = createModel(config, metrics, log);
  const { trustedAccounts } = config;
  const engines = createEngines({ model, trustedAccounts, kube, clock, log, metrics });
  const { mesh, waypoints, proxyless, followed, activator } = engines;
  metrics.watchClients(registry, () => mesh.sessions.size + waypoints.sessions + proxyless.sessions);

  const onChange = (): void => pushes.trigger();
  const { trust, feed, keys } = meshInputs({ kube, model, clock, log, metrics, onChange });
  const push = (): void => {
    feed.flush();
    xds.push();
  };
  const pushes = new PushSchedule(config, { clock, metrics, push });
  const firstState = new FirstState({ feed, model, pushes, readiness, log });

  const tls = tlsServing(config, ports, { metrics, readiness });
  const authenticator = new CallerAuthenticator({
    reviewToken: (token, audiences) => kube.reviewToken(token, audiences),
    audience: config.audience,
    trustDomains: () => trust.names,
    clock,
    log,
  });
  const nacks = new NackLog();
  const xds = countedXdsServer({
    ...{ host: config.xdsHost, port: config.xdsPort, credentials: tls.credentials },
    ...{ authenticator, followed, nacks, ready: () => firstState.known },
    ...{ kube, model, metrics, clock, log },
  });
  const pages = debugPages({ model, engine: mesh, waypoints, proxyless, xds, config: printable(config), nacks });
  const admin = debugServer({
    ...{ host: config.adminHost, port: config.adminPort, rootNamespace: config.namespace },
    ...{ readiness, registry, authenticator, pages },
  });
  const statuses = new StatusController({
    ...{ kube, model, clock, log, namespace: config.namespace, identity: config.podName },
    onLeading: (leading) => metrics.leader.set(leading ? 1 : 0),
  });
  const services = [
    ...[admin, ...tls.certificate, trust, feed, firstState, keys, activator, xds],
    ...(config.statusEnabled ? [statuses] : []),
    ...[...tls.admission, servingTask(readiness)],
  ];
  return { services, model, xds, admin, readiness };
}

function createModel(config: ControlPlaneConfig, metrics: ControlPlaneMetrics, log: Logger): MeshModel {
  return new MeshModel(config.mesh, ({ collection, key, thrown }) => {
    metrics.modelFaults.inc({ collection });
    log.error({ collection, key, err: toError(thrown) }, 'deriving failed; the last good result stays in use');
  });
}

/** What serves over TLS: xDS, and admission with the same certificate. */
interface TlsServing {
  readonly credentials: ServerCredentials;
  readonly certificate: readonly Service[];
  readonly admission: readonly Service[];
}

function tlsServing(
  config: ControlPlaneConfig,
  { kube, clock, log, credentials }: ControlPlanePorts,
  { metrics, readiness }: { readonly metrics: ControlPlaneMetrics; readonly readiness: Readiness },
): TlsServing {
  if (credentials !== undefined) return { credentials, certificate: [], admission: [] };
  const { validation: webhook, namespace, podName: identity } = config;
  const admission = webhook === null ? null : validation({ config: webhook, kube, namespace, identity, metrics, log });
  readiness.pend(SERVER_CERTIFICATE);
  const alsoFor = admission === null ? [] : [admission.server];
  const own = serverIdentity(config, { alsoFor, readiness, metrics, clock, log });
  return { credentials: own.credentials, certificate: [own.service], admission: admission?.services ?? [] };
}

/** Sets and maps do not print as JSON. */
function printable(config: ControlPlaneConfig): unknown {
  return { ...config, trustedAccounts: [...config.trustedAccounts] };
}
