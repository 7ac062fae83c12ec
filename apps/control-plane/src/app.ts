import { status, type ServerCredentials } from '@grpc/grpc-js';
import {
  extensionResources,
  gatewayResources,
  jwksSources,
  proxylessResources,
  waypointResources,
  type MeshSettings,
} from '@weft/envoy-config';
import { MeshTrustWatch, type KubeClient } from '@weft/kube';
import { parseMeshExtensions } from '@weft/mesh-api';
import { MESH_TRUST_KEY, MeshModel, type MeshModelConfig } from '@weft/mesh-model';
import { type Clock, toError } from '@weft/result';
import { AdminServer, Readiness, type Logger, type Service } from '@weft/runtime';
import { XdsServer, RotatingServerCertificate } from '@weft/xds-grpc';
import { ACTIVATION_TYPE_URL, ADDRESS_TYPE_URL, AUTHORIZATION_TYPE_URL, DeltaServer } from '@weft/xds';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { validation } from './admission/validation.js';
import { CallerAuthenticator } from './identity/caller-authenticator.js';
import type { ControlPlaneConfig } from './config.js';
import { ControlPlaneMetrics, shortType } from './control-plane-metrics.js';
import { mayDebug } from './debug/debug-access.js';
import { debugPages } from './debug/debug-pages.js';
import { Debouncer } from './debouncer.js';
import { FollowedEngine } from './envoy/followed-engine.js';
import { JwksFetcher } from './envoy/jwks-fetcher.js';
import { ProxylessEngines } from './envoy/proxyless-engines.js';
import { rejectionEvents } from './envoy/rejection-events.js';
import { SleepingClusters } from './envoy/sleeping-clusters.js';
import { unknownKeys } from './envoy/unknown-keys.js';
import { WaypointEngines } from './envoy/waypoint-engines.js';
import { KubeFeed } from './kube/kube-feed.js';
import { publishModel } from './model-publisher.js';
import { ownCertificate } from './identity/own-certificate.js';
import { WaypointActivator } from './waypoints/waypoint-activator.js';
import { StatusController } from './status/status-controller.js';

export interface ControlPlanePorts {
  readonly kube: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** In place of TLS with the configured certificate; for tests. */
  readonly credentials?: ServerCredentials;
}

export interface ControlPlaneApp {
  readonly services: readonly Service[];
  readonly model: MeshModel;
  readonly xds: XdsServer;
  readonly admin: AdminServer;
  readonly readiness: Readiness;
}

const KEPT_NACKS = 100;
/** Events that belong together arrive in one piece of a watch. */
const DEBOUNCE_FIRST_MS = 2;

/** The one composition root of the control plane. */
export function createControlPlane(
  config: ControlPlaneConfig,
  { kube, clock, log, credentials }: ControlPlanePorts,
): ControlPlaneApp {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = new ControlPlaneMetrics(
    registry,
    () => engine.sessions.size + waypoints.sessions + proxyless.sessions,
  );
  const readiness = new Readiness([
    'kubernetes synced',
    ...(credentials === undefined ? ['server certificate'] : []),
    'serving',
  ]);

  const model = new MeshModel(config.mesh, ({ collection, key, thrown }) => {
    metrics.modelFaults.inc({ collection });
    log.error({ collection, key, err: toError(thrown) }, 'deriving failed; the last good result stays in use');
  });
  // Policies go before the workloads that name them, so that a client never meets a name that it does not know.
  const engine: DeltaServer = new DeltaServer(
    [AUTHORIZATION_TYPE_URL, ADDRESS_TYPE_URL, ACTIVATION_TYPE_URL],
    { order: 'any' },
    (typeUrl) => {
      if (typeUrl === ACTIVATION_TYPE_URL) activator.asked();
    },
  );
  const activator = new WaypointActivator({
    kube,
    model,
    wanted: () => new Set([...engine.wanted(ACTIVATION_TYPE_URL), ...asleep.wanted()]),
    clock,
    log,
    onRequested: () => metrics.activations.inc(),
  });
  publishModel(model, engine, metrics);

  const trust = new MeshTrustWatch({
    kube,
    namespace: config.namespace,
    trustDomain: config.mesh.trustDomain,
    log,
  });
  trust.onChange(() => {
    model.sources.trustDomains.set(MESH_TRUST_KEY, trust.current);
    debouncer.trigger();
  });
  trust.onText((yaml, object) => {
    const read = parseMeshExtensions(yaml);
    if (!read.ok) return;
    for (const problem of read.value.problems) {
      log.warn({ problem }, 'a part of MeshConfig is not used');
      kube.event(object, 'Warning', 'MeshConfigIncomplete', problem);
    }
    model.sources.meshExtensions.set(MESH_TRUST_KEY, read.value.extensions);
    debouncer.trigger();
  });
  const settings = meshSettingsOf(config.mesh);
  const gateways = gatewayResources(model, settings);
  const asleep = new SleepingClusters({ sleeping: gateways.sleeping, clock, onAsked: () => activator.asked() });
  const waypoints = new WaypointEngines(
    model.graph.union('resources of Envoys', [
      waypointResources(model, settings),
      gateways.resources,
      extensionResources(model),
    ]),
    asleep,
  );
  const proxyless = new ProxylessEngines(proxylessResources(model, settings), model.sources.proxylessNamespaces);
  const followed = new FollowedEngine({
    model,
    mesh: engine,
    waypoints,
    proxyless,
    trustedAccounts: config.trustedAccounts,
  });

  const flush = (waitedMs: number): void => {
    const startedMs = performance.now();
    feed.flush();
    xds.push();
    const tookMs = performance.now() - startedMs;
    metrics.debounceTime.observe(waitedMs / 1000);
    metrics.pushTime.observe(tookMs / 1000);
    metrics.convergenceTime.observe((waitedMs + tookMs) / 1000);
  };
  const debouncer = new Debouncer({
    clock,
    firstMs: Math.min(DEBOUNCE_FIRST_MS, config.debounceQuietMs),
    quietMs: config.debounceQuietMs,
    maxMs: config.debounceMaxMs,
    run: flush,
  });
  const feed = new KubeFeed({
    kube,
    model,
    onPending: () => debouncer.trigger(),
    onChange: (type, event) => metrics.kubeEvents.inc({ type, event }),
  });

  const keys = new JwksFetcher({
    wanted: jwksSources(model),
    jwks: model.sources.jwks,
    clock,
    log,
    onChanged: () => debouncer.trigger(),
    onFetch: (result) => metrics.jwksFetches.inc({ result }),
  });

  let synced = false;
  const sync: Service = {
    name: 'first state of the mesh',
    start: () => {
      for (const { plural, synced: listed } of feed.kinds) {
        readiness.pend(`${plural} listed`);
        void listed.then(() => readiness.done(`${plural} listed`));
      }
      void feed.synced.then(() => {
        flush(0);
        synced = true;
        debouncer.release();
        readiness.done('kubernetes synced');
        log.info(
          { workloads: model.workloads.size, services: model.services.size, policies: model.authorizations.size },
          'the mesh is known',
        );
      });
      return Promise.resolve();
    },
    stop: () => {
      debouncer.stop();
      return Promise.resolve();
    },
  };

  const certificate = new RotatingServerCertificate();
  const webhook =
    config.validation === null || credentials !== undefined
      ? null
      : validation({
          config: config.validation,
          kube,
          namespace: config.namespace,
          identity: config.podName,
          metrics,
          log,
        });
  const own = ownCertificate(config, {
    targets: [certificate, ...(webhook === null ? [] : [webhook.server])],
    clock,
    log,
    onCertificate: (notAfter) => {
      metrics.certificateExpiry.set(notAfter.getTime() / 1000);
      readiness.done('server certificate');
    },
    onFailure: () => metrics.certificateErrors.inc(),
  });
  if (!own.ok) throw own.error;

  const authenticator = new CallerAuthenticator({
    reviewToken: (token, audiences) => kube.reviewToken(token, audiences),
    audience: config.audience,
    trustDomains: () => trust.names,
    clock,
    log,
  });
  const accountOf = async (authorization: string | undefined): Promise<string | null> => {
    const account = await authenticator.accountOf(authorization);
    return account.ok ? account.value : null;
  };
  const nacks: { at: string; node: string; typeUrl: string; message: string }[] = [];
  const tellRejection = rejectionEvents({ kube, model });
  const xds = new XdsServer({
    host: config.xdsHost,
    port: config.xdsPort,
    // Files come without roots to verify clients with.
    credentials: credentials ?? certificate.credentials({ askClients: config.certificate.kind === 'ca' }),
    engineFor: (caller, node) => followed.engineFor(caller, node),
    authenticate: (metadata, shown) => authenticator.authenticate(metadata, shown),
    ready: () => synced,
    clock,
    log,
    onPush: ({ typeUrl }, bytes) => {
      const type = shortType(typeUrl);
      metrics.pushes.inc({ type });
      metrics.pushBytes.inc({ type }, bytes);
      metrics.configSize.observe({ type }, bytes);
    },
    onNack: (node, { typeUrl, message }) => {
      metrics.rejects.inc({ type: shortType(typeUrl) });
      tellRejection(node, message);
      nacks.push({ at: new Date(clock.now()).toISOString(), node, typeUrl, message });
      if (nacks.length > KEPT_NACKS) nacks.shift();
    },
    onRefused: ({ code }) => metrics.refused.inc({ code: status[code] }),
  });

  const pages = debugPages({
    model,
    engine,
    waypoints,
    proxyless,
    xds,
    config: printable(config),
    lastNacks: () => nacks,
  });
  const admin = new AdminServer({
    name: 'control plane',
    host: config.adminHost,
    port: config.adminPort,
    readiness,
    registry,
    routes: (server) => {
      server.get('/ready', (_request, reply) => reply.redirect('/readyz'));
      for (const { path, answer } of pages) {
        server.get(path, async (request, reply) => {
          const { authorization } = request.headers;
          if (!(await mayDebug({ peerAddress: request.ip, authorization }, config.namespace, accountOf))) {
            return reply
              .code(401)
              .send({ error: 'ask from loopback, or with a service account token of the root namespace' });
          }
          return reply.send(answer(request.query as Record<string, string | undefined>));
        });
      }
    },
  });
  const statuses = new StatusController({
    kube,
    model,
    namespace: config.namespace,
    identity: config.podName,
    clock,
    log,
    onLeading: (leading) => metrics.leader.set(leading ? 1 : 0),
  });
  const serving: Service = {
    name: 'readiness',
    start: () => {
      readiness.done('serving');
      return Promise.resolve();
    },
    stop: () => {
      readiness.pend('serving');
      return Promise.resolve();
    },
  };
  const services = [
    admin,
    ...(credentials === undefined ? [own.value] : []),
    trust,
    feed,
    sync,
    keys,
    activator,
    xds,
    ...(config.statusEnabled ? [statuses] : []),
    ...(webhook?.services ?? []),
    serving,
  ];
  return { services, model, xds, admin, readiness };
}

const CONNECT_TIMEOUT_MS = 10_000;

const meshSettingsOf = ({ trustDomain, clusterDomain }: MeshModelConfig): MeshSettings => ({
  trustDomains: [trustDomain],
  clusterDomain,
  unknownKeys: unknownKeys(),
  connectTimeoutMs: CONNECT_TIMEOUT_MS,
});

/** Sets and maps do not print as JSON. */
function printable(config: ControlPlaneConfig): unknown {
  return { ...config, trustedAccounts: [...config.trustedAccounts] };
}
