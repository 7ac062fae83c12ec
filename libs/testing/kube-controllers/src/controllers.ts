import { setTimeout as delay } from 'node:timers/promises';
import { MeshError, type Clock } from '@weft/result';
import { startAll, type Service } from '@weft/runtime';
import type { KubeClient, KubeLog } from '@weft/kube';
import { Cluster } from './cluster.js';
import type { ControllerContext } from './controller.js';
import { DaemonSetController } from './daemon-set/daemon-set-controller.js';
import { DeploymentController } from './deployment/deployment-controller.js';
import { EndpointSliceController } from './endpoint-slice/endpoint-slice-controller.js';
import { JobController } from './job/job-controller.js';
import { LoadBalancerController } from './load-balancer/load-balancer-controller.js';
import { PodCollector } from './pod-collector/pod-collector.js';
import { ReplicaSetController } from './replica-set/replica-set-controller.js';
import { Scheduler } from './scheduler/scheduler.js';
import { StatefulSetController } from './stateful-set/stateful-set-controller.js';

export interface ControllersOptions {
  readonly kube: KubeClient;
  readonly log: KubeLog;
  readonly clock: Clock;
}

const DRAIN_MS = 5_000;
/** The API server may still be starting. */
const SYNC_MS = 60_000;

/** The first lists did not come: the API server is away or refuses us. */
export class CachesNotFilledError extends MeshError {
  readonly code = 'CLUSTER_CACHES_NOT_FILLED';
}

/**
 * The controllers of a cluster in one service: scheduler, Deployments, ReplicaSets, DaemonSets, StatefulSets, Jobs,
 * EndpointSlices, load balancer addresses and orphaned pods, over one set of informers. They start work once all caches are filled.
 */
export class Controllers implements Service {
  readonly name = 'kube-controllers';
  #stop: (() => Promise<void>) | null = null;

  constructor(private readonly options: ControllersOptions) {}

  async start(): Promise<void> {
    const cluster = new Cluster(this.options.kube);
    const context: ControllerContext = { cluster, clock: this.options.clock, log: this.options.log };
    const controllers: Service[] = [
      new Scheduler(context),
      new ReplicaSetController(context),
      new DeploymentController(context),
      new DaemonSetController(context),
      new StatefulSetController(context),
      new JobController(context),
      new EndpointSliceController(context),
      new LoadBalancerController(context),
      new PodCollector(context),
    ];
    const synced: Service = {
      name: 'caches',
      start: async () => {
        const filled = Promise.all(cluster.informers.map((informer) => informer.synced));
        await Promise.race([filled, delay(SYNC_MS, undefined, { ref: false }).then(() => notSynced(cluster))]);
      },
      stop: () => Promise.resolve(),
    };
    this.#stop = await startAll([...cluster.informers, synced, ...controllers], DRAIN_MS);
  }

  async stop(): Promise<void> {
    await this.#stop?.();
    this.#stop = null;
  }
}

function notSynced({ informers }: Cluster): never {
  const missing = informers.filter(({ hasSynced }) => !hasSynced).map(({ name }) => name);
  throw new CachesNotFilledError(`no list within ${SYNC_MS / 1000} s from the API server: ${missing.join(', ')}`);
}
