import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@weft/result';
import { AdminServer, Readiness, SERVING, servingTask, type Logger, type Service } from '@weft/runtime';
import { SecretManager } from '@weft/spiffe';
import { CaClient, MeshEndpoint } from '@weft/xds-grpc';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { envoyBootstrap } from './bootstrap/envoy-bootstrap.js';
import { anyAddress } from './bootstrap/static-listeners.js';
import { grpcBootstrap } from './bootstrap/grpc-bootstrap.js';
import type { AgentConfig } from './config.js';
import { EnvoyAdmin } from './envoy/envoy-admin.js';
import { EnvoyProcess } from './envoy/envoy-process.js';
import { PoolMembership } from './pool-membership.js';
import { poolRoutes } from './status/pool-routes.js';
import { SdsServer } from './secrets/sds-server.js';
import { CrlFileWatch } from './secrets/crl-file-watch.js';
import { MeshSecrets } from './secrets/mesh-secrets.js';
import { proxyLoad } from './status/proxy-load.js';
import { mergedMetrics } from './status/merged-metrics.js';
import { ModuleCache } from './wasm/module-cache.js';
import { WasmExtensions } from './wasm/wasm-extensions.js';
import { WasmMetrics } from './wasm/wasm-metrics.js';
import { AdsRelay } from './xds/ads-relay.js';
import { ConfigVersions } from './xds/config-versions.js';

export interface AgentPorts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Envoy ended by itself: nothing is left to do. */
  readonly onCrash: () => void;
  /** Asks this process to drain and end. */
  readonly shutdown: () => void;
}

export interface ProxyAgent {
  /** To be started in this order and stopped in reverse. */
  readonly services: readonly Service[];
  readonly readiness: Readiness;
  readonly status: AdminServer;
}

/** The composition root of the agent. */
export function createProxyAgent(config: AgentConfig, { clock, log, onCrash, shutdown }: AgentPorts): ProxyAgent {
  mkdirSync(config.configDir, { recursive: true });
  const sockets = { ads: join(config.configDir, 'XDS'), sds: join(config.configDir, 'SDS') };
  const readiness = new Readiness(config.envoyDisabled ? [SERVING] : ['certificate', 'Envoy', SERVING]);
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'agent_' });
  const registers = [registry];
  const expiry = new Gauge({
    name: 'istio_agent_cert_expiry_seconds',
    help: 'Seconds until the certificate expires.',
    registers,
  });
  const failures = new Counter({
    name: 'istio_agent_num_failed_outgoing_requests',
    help: 'Requests to the CA that failed.',
    registers,
  });
  const terminations = new Counter({
    name: 'istio_agent_istiod_disconnections',
    help: 'Configuration streams that ended.',
    registers,
  });

  const secrets = new SdsServer({ path: sockets.sds, clock, log });
  const pool = config.spiffeId === null ? new PoolMembership(config.trustDomain) : null;
  const ca = new CaClient(MeshEndpoint.require(config.ca), pool === null ? 'own' : 'impersonate');
  const certificates = new SecretManager({
    signer: ca,
    clock,
    ttlSeconds: config.secretTtlSeconds,
    onFailure: (identity, error) => {
      failures.inc();
      log.warn({ identity, error: error.message }, 'no new certificate; retrying');
    },
  });
  const crlRefused = new Gauge({
    name: 'weft_crl_refused',
    help: '1 while the CRL file as it is cannot be given to Envoy',
    registers,
  });
  const crl = new CrlFileWatch(config.crlPath ?? '', clock, () => meshSecrets.crlChanged());
  const meshSecrets: MeshSecrets = new MeshSecrets({
    publish: (resources) => secrets.publish(resources),
    crl: () => crl.content,
    clock,
    log,
    onCrl: ({ refused }) => crlRefused.set(refused ? 1 : 0),
  });
  let unfollow: () => void = () => undefined;
  const follow = (spiffeId: string): void => {
    unfollow();
    unfollow = certificates.watch(spiffeId, (svid) => {
      pool?.settle();
      meshSecrets.useSvid(svid);
      expiry.set((svid.notAfter.getTime() - clock.now()) / 1000);
      readiness.done('certificate');
      log.info({ identity: svid.spiffeId, notAfter: svid.notAfter.toISOString() }, 'certificate issued');
    });
  };
  const identity: Service = {
    name: 'certificate',
    start: () => {
      if (config.spiffeId !== null) follow(config.spiffeId);
      else pool?.onClaim(follow);
      return Promise.resolve();
    },
    stop: () => {
      certificates.close();
      meshSecrets.close();
      ca.close();
      return Promise.resolve();
    },
  };

  const versions = new ConfigVersions();
  const modules: ModuleCache = new ModuleCache({
    folder: join(config.configDir, 'wasm'),
    timeoutMs: config.wasm.timeoutMs,
    insecureRegistries: config.wasm.insecureRegistries,
    maxBytes: config.wasm.cacheBytes,
    inUse: () => extensions.filesInUse(),
    onLookup: (hit) => wasm.lookups.inc({ hit: String(hit) }),
    onFetch: (result) => wasm.fetches.inc({ result }),
  });
  const extensions: WasmExtensions = new WasmExtensions({
    cache: modules,
    clock,
    log,
    onConversion: (result) => wasm.conversions.inc({ result }),
  });
  const wasm = new WasmMetrics(
    registry,
    () => modules.size,
    () => extensions.missing,
  );
  const loading: Service = {
    name: 'WebAssembly modules',
    start: () => modules.open(),
    stop: () => {
      extensions.close();
      return Promise.resolve();
    },
  };
  const relay = new AdsRelay({
    path: sockets.ads,
    endpoint: MeshEndpoint.require(config.xds),
    versions,
    extensions,
    ...(pool !== null && { opened: pool.whenClaimed() }),
    log,
    onTermination: () => terminations.inc(),
  });

  const admin = new EnvoyAdmin(() => config.ports.admin);
  const envoy = new EnvoyProcess({
    config,
    bootstrap: envoyBootstrap(config, sockets),
    expected: pool?.whenClaimed() ?? null,
    admin,
    clock,
    log,
    onLive: (live) => {
      if (live) readiness.done('Envoy');
      else readiness.pend('Envoy');
      log.info({ live }, live ? 'Envoy takes connections' : 'Envoy does not answer');
    },
    onCrash: (how) => {
      log.fatal({ ...how, configuration: versions.summary() }, 'Envoy ended unexpectedly');
      onCrash();
    },
  });
  const status = new AdminServer({
    name: 'status',
    host: anyAddress(config.pod.ip),
    port: config.ports.status,
    readiness,
    routes: (server) => {
      for (const path of ['/stats/prometheus', '/metrics']) {
        server.get(path, async (_request, reply) =>
          reply.type(Registry.PROMETHEUS_CONTENT_TYPE).send(await mergedMetrics(registry, admin, envoy.pid)),
        );
      }
      server.get('/stats/load', async (_request, reply) =>
        reply.type(Registry.PROMETHEUS_CONTENT_TYPE).send(await proxyLoad(admin, envoy.pid)),
      );
      if (pool !== null) poolRoutes(server, pool, readiness);
      server.get('/debug/config_versions', () => versions.summary());
      server.post('/quitquitquit', async (request, reply) => {
        if (request.ip !== '127.0.0.1') return reply.code(403).send('ask from inside the pod\n');
        shutdown();
        return reply.send('ok\n');
      });
    },
  });
  const services = config.envoyDisabled
    ? [status, relay, bootstrapFile(config, sockets.ads), servingTask(readiness)]
    : [
        status,
        secrets,
        ...(config.crlPath === null ? [] : [crl]),
        identity,
        loading,
        relay,
        bootstrapFile(config, sockets.ads),
        envoy,
        servingTask(readiness),
      ];
  return { services, readiness, status };
}

/** Complete when it is there: programs of other containers wait for it. */
function bootstrapFile(config: AgentConfig, adsSocket: string): Service {
  const { grpcBootstrapPath: path } = config;
  return {
    name: 'gRPC bootstrap',
    start: () => {
      if (path !== null) {
        writeFileSync(`${path}.tmp`, JSON.stringify(grpcBootstrap(config, adsSocket)));
        renameSync(`${path}.tmp`, path);
      }
      return Promise.resolve();
    },
    stop: () => Promise.resolve(),
  };
}
