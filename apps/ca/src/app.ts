import { NAMESPACES, PODS, type KubeClient } from '@weft/kube';
import type { Clock } from '@weft/result';
import { AdminServer, Readiness, type Logger, type Service } from '@weft/runtime';
import type { CertificateAuthority } from '@weft/spiffe';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { CaMetrics } from './ca-metrics.js';
import { CertificateService } from './certificate-service.js';
import type { CaConfig } from './config.js';
import { GrpcServer } from './grpc-server.js';
import { NodeAuthorizer } from './node-authorizer.js';
import { RootDistributor } from './root-distributor.js';
import { loadOrCreateRoot } from './root-store.js';

export interface CaApp {
  readonly services: readonly Service[];
  readonly grpc: GrpcServer;
  readonly admin: AdminServer;
}

/** The one composition root of the CA. */
export function createCaApp(
  config: CaConfig,
  { kube, clock, log }: { kube: KubeClient; clock: Clock; log: Logger },
): CaApp {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = new CaMetrics(registry);
  const readiness = new Readiness(['root', 'pods synced', 'serving']);
  const pods = kube.informer(PODS);
  const namespaces = kube.informer(NAMESPACES);
  const nodes = new NodeAuthorizer(pods, config.trustedNodeAccounts);

  let authority: CertificateAuthority | null = null;
  const current = (): CertificateAuthority => {
    if (authority === null) throw new TypeError('the root is loaded before anything is served');
    return authority;
  };
  const root: Service = {
    name: 'root certificate',
    start: async () => {
      authority = await loadOrCreateRoot(kube, config, clock);
      metrics.rootExpiry.set(authority.notAfter.getTime() / 1000);
      readiness.done('root');
    },
    stop: () => Promise.resolve(),
  };
  const reviewToken = kube.reviewToken.bind(kube);
  const service = new CertificateService({ config, authority: current, reviewToken, nodes, clock, log, metrics });
  const grpc = new GrpcServer({ config, service, authority: current, clock, log });
  const admin = new AdminServer({ name: 'ca', host: '0.0.0.0', port: config.adminPort, readiness, registry });
  const distributor = new RootDistributor({ kube, namespaces, rootsPem: () => current().material.rootsPem, log });
  const synced: Service = {
    name: 'pods synced',
    start: async () => {
      await pods.synced;
      readiness.done('pods synced');
    },
    stop: () => Promise.resolve(),
  };
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
  return { services: [admin, root, pods, namespaces, synced, grpc, distributor, serving], grpc, admin };
}
