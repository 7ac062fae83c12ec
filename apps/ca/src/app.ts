import { randomUUID } from 'node:crypto';
import { LeaderElector, MeshTrustWatch, NAMESPACES, PODS, type KubeClient, type KubeObject } from '@weft/kube';
import type { Clock } from '@weft/result';
import { AdminServer, everyAddress, Readiness, SERVING, servingTask, type Logger, type Service } from '@weft/runtime';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { authenticatorsOf } from './authentication/authenticators-of.js';
import { TokenReviewer } from './authentication/token-reviewer.js';
import { AuthorityHolder } from './authority-holder.js';
import { BundleEndpoint } from './bundle-endpoint.js';
import { CaMetrics } from './ca-metrics.js';
import { CertificateService } from './certificate-service.js';
import { ClusterTrustBundlePublisher } from './cluster-trust-bundle.js';
import { ConfigMapDistributor, CRL_CONFIG_MAP, ROOT_CONFIG_MAP, ROOT_KEY } from './config-map-distributor.js';
import type { CaConfig } from './config.js';
import { CrlPublisher } from './crl-publisher.js';
import { EventLoopTurn } from './event-loop-turn.js';
import { externalOf } from './external/external-of.js';
import { GrpcServer } from './grpc-server.js';
import { NodeAuthorizer } from './node-authorizer.js';
import { podIdentity } from './pod-identity.js';
import { fastestProofCheck } from './proof-check.js';
import { RequestGate } from './request-gate.js';
import { RevocationRegister } from './revocation-register.js';
import { SignerChoice } from './signer-choice.js';

/** Half of the deadline that node proxies set. */
const LONGEST_QUEUE_WAIT_MS = 5000;

export interface CaApp {
  readonly services: readonly Service[];
  readonly grpc: GrpcServer;
  readonly bundle: BundleEndpoint;
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
  const readiness = new Readiness(['root', 'pods synced', SERVING]);
  const pods = kube.informer(PODS, { transform: podIdentity });
  const labelSelector = config.namespaceSelector;
  const namespaces = kube.informer(NAMESPACES, labelSelector === null ? {} : { labelSelector });
  const nodes = new NodeAuthorizer(pods, config, clock);

  const event = kube.event.bind(kube);
  const holder = new AuthorityHolder({ log, metrics, event });
  const distributor: ConfigMapDistributor = new ConfigMapDistributor({
    kube,
    namespaces,
    ownNamespace: config.namespace,
    configMap: ROOT_CONFIG_MAP,
    content: () => ({ [ROOT_KEY]: signer.rootsPem() }),
    clock,
    log,
  });
  const trust = new MeshTrustWatch({ kube, namespace: config.namespace, trustDomain: config.trustDomain, log });
  const register = new RevocationRegister({ kube, namespace: config.namespace, log });
  const crls: ConfigMapDistributor = new ConfigMapDistributor({
    kube,
    namespaces,
    ownNamespace: config.namespace,
    configMap: CRL_CONFIG_MAP,
    content: () => publisher.content(),
    clock,
    log,
  });
  const trustBundle = new ClusterTrustBundlePublisher({ kube, rootsPem: () => signer.rootsPem(), clock, log });
  const elector = new LeaderElector({
    kube,
    namespace: config.namespace,
    name: 'weft-ca-leader',
    identity: `${config.podName}_${randomUUID()}`,
    lead: (signal) => {
      for (const each of [distributor, crls, trustBundle]) {
        each.lead(true);
        signal.addEventListener('abort', () => each.lead(false), { once: true });
      }
    },
    log,
  });
  const rotation = {
    isLeader: () => elector.isLeader,
    isEverywhere: (rootsPem: string) => distributor.isEverywhere({ [ROOT_KEY]: rootsPem }),
  };
  const pod: KubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: config.namespace, name: config.podName },
  };
  const signer: SignerChoice = new SignerChoice({
    ...{ kube, config, holder, clock, log, metrics, rotation, pod },
    external: externalOf(config, { kube, instance: randomUUID(), clock, log }),
  });
  signer.onChange(() => distributor.distribute());
  signer.onChange(() => trustBundle.publish());
  const published = () => crls.current(config.namespace);
  const publisher = new CrlPublisher({ signer, register, published, clock, log });
  signer.onChange(() => crls.distribute());
  register.onChange(() => crls.distribute());
  const root: Service = {
    name: 'root certificate',
    start: async () => {
      await signer.start();
      readiness.done('root');
    },
    stop: () => signer.stop(),
  };
  const review = kube.reviewToken.bind(kube);
  const reviewer = new TokenReviewer({ review, audience: config.audience, pods, clock });
  const gate = new RequestGate({
    concurrency: config.maxConcurrent,
    queueLength: config.maxQueued,
    maxWaitMs: LONGEST_QUEUE_WAIT_MS,
    clock,
  });
  metrics.watchLoad(registry, {
    rememberedTokens: () => reviewer.size,
    waitingRequests: () => gate.waiting,
    knownPods: () => pods.list().length,
  });
  const trustDomains = () => trust.names;
  const authenticators = authenticatorsOf(config, { reviewer, nodes, signer, register, trustDomains, clock });
  const parts = {
    signer,
    register,
    trustDomains,
    authenticators,
    gate,
    nodes,
    turn: new EventLoopTurn(),
    proves: fastestProofCheck(),
  };
  const service = new CertificateService({ config, ...parts, clock, log, metrics });
  const bundle = new BundleEndpoint({
    config,
    roots: () => {
      const [rootsPem, sequence] = [signer.rootsPem(), distributor.version(config.namespace)];
      const published = distributor.current(config.namespace)?.[ROOT_KEY] === rootsPem;
      return published && sequence !== null ? { rootsPem, sequence } : null;
    },
    clock,
    log,
  });
  const onCertificate = bundle.useCertificate.bind(bundle);
  const grpc = new GrpcServer({ config, service, signer, onCertificate, clock, log });
  const admin = new AdminServer({ name: 'ca', host: everyAddress(), port: config.adminPort, readiness, registry });
  const synced: Service = {
    name: 'pods synced',
    start: async () => {
      await pods.synced;
      readiness.done('pods synced');
    },
    stop: () => Promise.resolve(),
  };
  const trustBundles = config.clusterTrustBundle ? [trustBundle] : [];
  return {
    services: [
      ...[admin, root, pods, namespaces, trust, register, synced, grpc, bundle],
      ...[distributor, crls, ...trustBundles, elector, servingTask(readiness)],
    ],
    grpc,
    bundle,
    admin,
  };
}
