import type { KubeClient } from '@weft/kube';
import type { Clock } from '@weft/result';
import type { Logger } from '@weft/runtime';
import type { ContainerHost } from '../container/container-process.js';
import type { LocalImages } from '../container/local-image.js';
import type { Sandboxes } from '../node/sandbox.js';
import type { Limiter } from '../process/limiter.js';
import type { ObjectSource } from './object-source.js';
import type { ProbeRunner } from './probe-runner.js';

/** What all pods of one node share. */
export interface KubeletContext {
  readonly kube: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly objects: ObjectSource;
  readonly host: ContainerHost;
  readonly sandboxes: Sandboxes;
  readonly probes: ProbeRunner;
  /** Pods whose network is being set up at the same time. */
  readonly sandboxLimit: Limiter;
  /** Containers that are being started at the same time. */
  readonly startLimit: Limiter;
  readonly images: LocalImages;
  readonly logDirectory: string;
  readonly logFileBytes: number;
  readonly clusterDomain: string;
  readonly dnsAddress: string;
  readonly kubernetes: { readonly host: string; readonly port: number };
  readonly hostResolvConf: string;
  readonly nodeCpus: number;
  readonly nodeMemoryBytes: number;
}
