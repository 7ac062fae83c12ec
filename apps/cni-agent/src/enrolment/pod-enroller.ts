import { closeDescriptor, type PodRedirection, type ProbeBypass, type RedirectionOptions } from '@weft/linux';
import { parseIp } from '@weft/ip';
import { keyOf, PODS, WorkQueue, type Informer, type KubeClient, type Namespace, type Pod } from '@weft/kube';
import { MeshError, toError, type Clock } from '@weft/result';
import type { Logger, Service } from '@weft/runtime';
import type { CniAgentConfig } from '../config.js';
import type { ZdsServer, ZdsSnapshot } from '../zds/zds-server.js';
import type { ZdsPod } from '../zds/zds-messages.js';
import { captureOptions, isSelected, isTerminal, podIps, REDIRECTION_ANNOTATION } from './eligibility.js';
import type { EnrolmentMetrics } from './enrolment-metrics.js';
import { KeyedMutex } from './keyed-mutex.js';
import type { NetnsFinder } from './netns-finder.js';

/** `ENROLMENT_NO_NETNS`: no network namespace on this node holds the pod's address. */
export class EnrolmentError extends MeshError {
  readonly code = 'ENROLMENT_NO_NETNS';
}

interface EnrolledPod {
  readonly zds: ZdsPod;
  /** Ours; closed on release. */
  readonly netnsFd: number;
  ips: readonly string[];
  /** ztunnel has acknowledged the pod. */
  served: boolean;
  /** The rules were verified in the kernel. */
  captured: boolean;
  /** The annotation that the control plane reads is written. */
  announced: boolean;
  /** Its network is being taken away: nothing is done for it any more. */
  left: boolean;
}

export interface PodEnrollerOptions {
  readonly config: Pick<CniAgentConfig, 'excludedNamespaces' | 'families' | 'probeSources' | 'dnsCapture'>;
  readonly kube: Pick<KubeClient, 'patch' | 'event'>;
  readonly pods: Informer<Pod>;
  readonly namespaces: Informer<Namespace>;
  readonly redirection: Pick<PodRedirection, 'install' | 'passNew' | 'remove' | 'holds'>;
  readonly probes: Pick<ProbeBypass, 'add' | 'remove'>;
  readonly finder: Pick<NetnsFinder, 'find' | 'openIfHolds' | 'isSame'>;
  readonly zds: () => Pick<ZdsServer, 'add' | 'remove'>;
  readonly clock: Clock;
  readonly metrics: EnrolmentMetrics;
  readonly log: Logger;
}

/** How long peers get to learn that a pod left the mesh before its traffic is let pass by ztunnel. */
const RELEASE_GRACE_MS = 1000;
/** And then, how long connections that ztunnel still has get to end by themselves. */
const DRAIN_MS = 1000;
/** Releases wait, so several have to run at once. */
const CONCURRENCY = 16;

/**
 * Brings every pod of the node to where its labels want it. The order of steps keeps a running pod's traffic whole:
 * ztunnel listens before the rules send anything there, peers are told last; on the way out peers are told first.
 *
 * The rules go last: without them the end of a connection that ztunnel closes would not reach its client.
 *
 * Differs from Istio, which removes the rules and the listeners before it tells the peers.
 */
export class PodEnroller implements Service, ZdsSnapshot {
  readonly name = 'pod enrolment';
  readonly #latest = new Map<string, Pod>();
  readonly #enrolled = new Map<string, EnrolledPod>();
  readonly #locks = new KeyedMutex();
  readonly #queue: WorkQueue;
  #unsubscribe: readonly (() => void)[] = [];

  constructor(private readonly options: PodEnrollerOptions) {
    this.#queue = new WorkQueue({
      name: 'pod enrolment',
      concurrency: CONCURRENCY,
      maxBackoffMs: 5000,
      log: options.log,
      handle: (uid) => this.#reconcile(uid),
    });
  }

  /** Resolves when every pod that was there at the start has been looked at once. */
  async start(): Promise<void> {
    const { pods, namespaces } = this.options;
    const seen = (pod: Pod): void => {
      const uid = pod.metadata?.uid ?? '';
      this.#latest.set(uid, pod);
      this.#queue.add(uid);
    };
    const initial: Promise<unknown>[] = [];
    for (const pod of pods.list()) {
      this.#latest.set(pod.metadata?.uid ?? '', pod);
      initial.push(this.#reconcile(pod.metadata?.uid ?? '').catch(() => this.#queue.add(pod.metadata?.uid ?? '')));
    }
    await Promise.all(initial);
    await this.#queue.start();
    this.#unsubscribe = [
      pods.on({
        added: seen,
        updated: seen,
        deleted: (pod) => {
          this.#latest.delete(pod.metadata?.uid ?? '');
          this.#queue.add(pod.metadata?.uid ?? '');
        },
      }),
      namespaces.on({
        updated: ({ metadata }) => {
          for (const [uid, pod] of this.#latest) if (pod.metadata?.namespace === metadata?.name) this.#queue.add(uid);
        },
      }),
    ];
  }

  /** Leaves everything in place: the rules must outlive an agent that is being replaced. */
  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await this.#queue.stop();
  }

  *entries(): Generator<{ readonly pod: ZdsPod; readonly netnsFd: number }> {
    for (const { zds, netnsFd, left } of this.#enrolled.values()) if (!left) yield { pod: zds, netnsFd };
  }

  onSnapshotAnswer(uid: string, error: Error | null): void {
    const pod = this.#enrolled.get(uid);
    if (pod === undefined) return;
    pod.served = error === null;
    if (error !== null)
      this.options.log.warn(
        { uid, pod: keyOf(pod.zds.namespace, pod.zds.name), err: error },
        'ztunnel refused a pod of the snapshot',
      );
    this.#queue.add(uid);
  }

  /**
   * Before the containers of a new pod start: resolves to whether the pod belongs to the mesh, when it is captured and
   * served; rejects otherwise, and the pod must then not start.
   */
  async enrolNew(pod: Pod, netnsPath: string, ips: readonly string[]): Promise<boolean> {
    if (!this.#selected(pod)) return false;
    const uid = pod.metadata?.uid ?? '';
    return this.#locks.run(uid, async () => {
      const fd = this.options.finder.openIfHolds(netnsPath, ips);
      if (fd === null) throw new EnrolmentError(`${netnsPath} is not a network namespace that holds ${ips.join(', ')}`);
      const old = this.#enrolled.get(uid);
      if (old !== undefined) this.#forget(old);
      const entry = this.#remember(pod, fd, ips);
      try {
        await this.#capture(entry, pod); // rules first: nothing of this pod has run yet, and nothing may leave uncaptured
        await this.#serve(entry);
      } catch (thrown) {
        this.#forget(entry);
        throw thrown;
      }
      // The control plane learns it from the annotation; a failure there is repaired by the queue, the pod may start.
      this.#queue.add(uid);
      return true;
    });
  }

  /**
   * Before the network of a pod is taken away: ztunnel closes what it has in it while that can still be told to peers. Only if
   * the namespace is the one that is enrolled; a pod may have got a new one meanwhile.
   */
  async leave(namespace: string, name: string, netnsPath: string): Promise<void> {
    const of = ({ zds, netnsFd, left }: EnrolledPod): boolean =>
      !left && zds.namespace === namespace && zds.name === name && this.options.finder.isSame(netnsPath, netnsFd);
    const entry = [...this.#enrolled.values()].find(of);
    if (entry === undefined) return;
    await this.#locks.run(entry.zds.uid, async () => {
      if (this.#enrolled.get(entry.zds.uid) !== entry) return;
      entry.left = true;
      await this.#withdraw(entry);
    });
  }

  async #reconcile(uid: string): Promise<undefined> {
    await this.#locks.run(uid, async () => {
      const pod = this.#latest.get(uid);
      const entry = this.#enrolled.get(uid);
      try {
        if (pod !== undefined && !isTerminal(pod) && this.#selected(pod)) await this.#enrol(pod, entry);
        else if (entry !== undefined) await this.#release(entry, pod);
      } catch (thrown) {
        this.#report(pod, toError(thrown));
        throw thrown;
      }
    });
    return undefined;
  }

  #selected(pod: Pod): boolean {
    const { namespaces, config } = this.options;
    return isSelected(pod, namespaces.get(undefined, pod.metadata?.namespace ?? ''), config.excludedNamespaces);
  }

  async #enrol(pod: Pod, known: EnrolledPod | undefined): Promise<void> {
    const ips = podIps(pod);
    let entry = known;
    if (entry?.left === true) return;
    if (entry === undefined) {
      if (ips.length === 0) return; // the plugin, or the update that brings the address, enrols it
      const fd = this.options.finder.find(pod.metadata?.uid ?? '', ips);
      if (fd === null) throw new EnrolmentError(`no network namespace on this node holds ${ips.join(', ')}`);
      entry = this.#remember(pod, fd, ips);
    }
    if (ips.length > 0) entry.ips = ips;
    if (!entry.served) await this.#serve(entry);
    if (!entry.captured) await this.#capture(entry, pod);
    if (!entry.announced || pod.metadata?.annotations?.[REDIRECTION_ANNOTATION] !== 'enabled') {
      await this.#annotate(pod, 'enabled');
      entry.announced = true;
      this.options.log.info({ pod: keyOf(entry.zds.namespace, entry.zds.name), ips: entry.ips }, 'pod enrolled');
    }
  }

  async #serve(entry: EnrolledPod): Promise<void> {
    await this.options.zds().add(entry.zds, entry.netnsFd);
    entry.served = true;
  }

  async #capture(entry: EnrolledPod, pod: Pod): Promise<void> {
    const { redirection, probes } = this.options;
    const options = this.#rulesOf(pod);
    if (!(await redirection.holds(entry.netnsFd, options))) await redirection.install(entry.netnsFd, options);
    for (const ip of entry.ips) await probes.add(addressOf(ip), entry.zds.uid);
    entry.captured = true;
  }

  #rulesOf(pod: Pod): RedirectionOptions {
    const { dnsCapture, families, probeSources } = this.options.config;
    return { ...captureOptions(pod, dnsCapture), families, probeSources };
  }

  async #release(entry: EnrolledPod, pod: Pod | undefined): Promise<void> {
    const { clock, config, log, redirection } = this.options;
    const running = pod !== undefined && !isTerminal(pod);
    const wait = (ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve));
    if (running && entry.announced) {
      await this.#annotate(pod, null);
      entry.announced = false;
      await wait(RELEASE_GRACE_MS);
    }
    if (running && entry.captured) {
      await redirection.passNew(entry.netnsFd, this.#rulesOf(pod));
      entry.captured = false;
      await wait(DRAIN_MS);
    }
    if (!entry.left) await this.#withdraw(entry);
    if (running) await redirection.remove(entry.netnsFd, config.families);
    this.#forget(entry);
    log.info({ pod: keyOf(entry.zds.namespace, entry.zds.name) }, 'pod released');
  }

  async #withdraw(entry: EnrolledPod): Promise<void> {
    const { probes, zds } = this.options;
    for (const ip of entry.ips) await probes.remove(addressOf(ip), entry.zds.uid);
    await zds().remove(entry.zds.uid);
    entry.served = false;
  }

  #remember(pod: Pod, netnsFd: number, ips: readonly string[]): EnrolledPod {
    const { uid = '', name = '', namespace = '' } = pod.metadata ?? {};
    const serviceAccount = pod.spec?.serviceAccountName ?? 'default';
    const entry = {
      zds: { uid, name, namespace, serviceAccount },
      netnsFd,
      ips,
      served: false,
      captured: false,
      announced: false,
      left: false,
    };
    this.#enrolled.set(uid, entry);
    this.options.metrics.enrolled.set(this.#enrolled.size);
    return entry;
  }

  #forget(entry: EnrolledPod): void {
    if (this.#enrolled.get(entry.zds.uid) === entry) this.#enrolled.delete(entry.zds.uid);
    closeDescriptor(entry.netnsFd);
    this.options.metrics.enrolled.set(this.#enrolled.size);
  }

  /** Through pods/status, which the agent may write; `uid` makes it fail on a pod of the same name made meanwhile. */
  async #annotate(pod: Pod, value: 'enabled' | null): Promise<void> {
    const { name = '', namespace, uid } = pod.metadata ?? {};
    const body = { metadata: { uid, annotations: { [REDIRECTION_ANNOTATION]: value } } };
    await this.options.kube.patch(PODS, namespace, name, body, { kind: 'merge', subresource: 'status' });
  }

  #report(pod: Pod | undefined, error: Error): void {
    const { kube, log, metrics } = this.options;
    metrics.failures.inc();
    log.warn(
      { pod: pod && keyOf(pod.metadata?.namespace, pod.metadata?.name ?? ''), err: error },
      'enrolment failed, it is tried again',
    );
    if (pod !== undefined) kube.event(pod, 'Warning', 'EnrolmentFailed', error.message);
  }
}

function addressOf(text: string): { readonly family: 4 | 6; readonly text: string } {
  const ip = parseIp(text);
  if (ip === null) throw new TypeError(`the API server gave ${JSON.stringify(text)} as a pod address`);
  return ip;
}
