import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PODS, type Pod } from '@weft/kube';
import { Backoff, toError } from '@weft/result';
import type { ContainerProcess } from '../container/container-process.js';
import { localImageOf } from '../container/local-image.js';
import type { Sandbox } from '../node/sandbox.js';
import { pause } from '../process/wait.js';
import { planContainer } from './container-plan.js';
import { ContainerSupervisor, type ContainerSurroundings } from './container-supervisor.js';
import { containerEnvironment } from './environment.js';
import type { KubeletContext } from './kubelet-context.js';
import type { Container, PodSurroundings } from './pod-fields.js';
import { podFiles, podHostname } from './pod-files.js';
import { podStatus, type PodStatus } from './pod-status.js';
import { PodVolumes } from './pod-volumes.js';
import { volumeReferences } from './volume-content.js';

const DEFAULT_GRACE_SECONDS = 30;
/** For a pod whose object is gone already. */
const FORCED_GRACE_MS = 1_000;
const VOLUME_RETRY_MS = 1_000;

/**
 * The life of one pod on one node: volumes, sandbox, init containers, containers, and everything back in reverse when it ends
 * or is deleted. What goes wrong is an event and is tried again; nothing here ends another pod.
 */
export class PodWorker {
  readonly #stopping = new AbortController();
  readonly #volumes: PodVolumes;
  readonly #startTime: string;
  readonly #init: readonly ContainerSupervisor[];
  readonly #main: readonly ContainerSupervisor[];
  readonly #references: ReadonlySet<string>;
  #sandbox: Sandbox | null = null;
  #initialized = false;
  #ended: 'Succeeded' | 'Failed' | null = null;
  #cancelRefresh: () => void = () => undefined;
  #refreshing: Promise<void> = Promise.resolve();
  #life: Promise<void> = Promise.resolve();
  #termination: Promise<void> | null = null;

  constructor(
    private readonly kubelet: KubeletContext,
    private pod: Pod,
    private readonly onChange: (worker: PodWorker) => void,
  ) {
    this.#startTime = pod.status?.startTime ?? this.#now();
    const { objects, kube, clock, host } = kubelet;
    this.#volumes = new PodVolumes({ pod, objects, kube, clock, kubeletDirectory: host.node.kubeletDirectory });
    this.#references = volumeReferences(pod.spec?.volumes ?? []);
    this.#init = (pod.spec?.initContainers ?? []).map((container) => this.#supervise(container, true));
    this.#main = (pod.spec?.containers ?? []).map((container) => this.#supervise(container, false));
  }

  get uid(): string {
    return this.pod.metadata?.uid ?? '';
  }

  get object(): Pod {
    return this.pod;
  }

  /** A running or ended container by name; the only one there is when the name is empty. */
  container(name: string): ContainerSupervisor | undefined {
    if (name === '' && this.#main.length === 1) return this.#main[0];
    return [...this.#main, ...this.#init].find(({ container }) => container.name === name);
  }

  /** Of any container that runs now; all of them share the pod's network. Null: none does. */
  get runningProcess(): ContainerProcess | null {
    for (const { process } of [...this.#main, ...this.#init]) if (process !== null) return process;
    return null;
  }

  /** Begins the pod's life. Call once. */
  start(): void {
    this.#life = this.#live().catch((thrown: unknown) => {
      this.kubelet.log.error({ err: toError(thrown), pod: this.#name }, 'pod worker failed');
      this.#event('Warning', 'FailedSync', toError(thrown).message);
    });
  }

  /** Takes a newer version of the pod. */
  update(pod: Pod): void {
    this.pod = pod;
    if (pod.metadata?.deletionTimestamp !== undefined)
      void this.terminate((pod.metadata.deletionGracePeriodSeconds ?? this.#graceSeconds) * 1000);
    else this.onChange(this);
  }

  /** A ConfigMap or Secret changed: refill the volumes that show it. */
  objectChanged(kind: 'configmap' | 'secret', namespace: string, name: string): void {
    if (namespace !== this.pod.metadata?.namespace || !this.#references.has(`${kind}/${name}`)) return;
    if (this.#sandbox !== null) this.#refreshVolumes();
  }

  /** Stops everything and removes the pod's traces; resolves when that is done. A second call does not wait longer. */
  terminate(graceMs: number): Promise<void> {
    return (this.#termination ??= this.#terminate(graceMs));
  }

  /** The object is gone from the API: nothing has to be reported any more. */
  forget(): Promise<void> {
    return this.terminate(FORCED_GRACE_MS);
  }

  status(): PodStatus {
    const { host } = this.kubelet;
    return podStatus({
      pod: this.pod,
      hostIp: host.node.plan.address,
      podIps: this.#sandbox?.ips ?? [],
      startTime: this.#startTime,
      initStatuses: this.#init.map((supervisor) => supervisor.status()),
      statuses: this.#main.map((supervisor) => supervisor.status()),
      initialized: this.#initialized || this.#init.length === 0,
      ended: this.#ended,
      now: this.#now(),
    });
  }

  async #live(): Promise<void> {
    const { signal } = this.#stopping;
    this.onChange(this);
    if (!(await this.#setUpVolumes(signal))) return;
    if (!(await this.#setUpSandbox(signal))) return;
    this.#refreshVolumes();
    if (!(await this.#runInit(signal))) return;
    this.#initialized = true;
    this.onChange(this);
    const codes = await Promise.all(this.#main.map((supervisor) => supervisor.run()));
    if (signal.aborted) return;
    await this.#end(codes.every((code) => code === 0) ? 'Succeeded' : 'Failed');
  }

  async #setUpVolumes(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      try {
        await this.#volumes.refresh(this.#around);
        return true;
      } catch (thrown) {
        this.#event('Warning', 'FailedMount', toError(thrown).message);
      }
      await pause(this.kubelet.clock, VOLUME_RETRY_MS, signal);
    }
    return false;
  }

  async #setUpSandbox(signal: AbortSignal): Promise<boolean> {
    const { sandboxes, sandboxLimit, clock } = this.kubelet;
    const name = { namespace: this.pod.metadata?.namespace ?? '', pod: this.pod.metadata?.name ?? '', uid: this.uid };
    const sysctls = Object.fromEntries(
      (this.pod.spec?.securityContext?.sysctls ?? []).map((entry) => [entry.name, entry.value]),
    );
    const backoff = new Backoff({ initialMs: 500, maxMs: 10_000 });
    if (this.pod.spec?.hostNetwork === true) this.#sandbox = sandboxes.hostNetwork(name);
    while (this.#sandbox === null) {
      if (signal.aborted) return false;
      try {
        this.#sandbox = await sandboxLimit.run(async () =>
          signal.aborted ? null : sandboxes.create(name, sysctls, signal),
        );
      } catch (thrown) {
        const message = `Failed to create pod sandbox for pod ${this.#name}: ${toError(thrown).message}`;
        this.#event('Warning', 'FailedCreatePodSandBox', message);
        await pause(clock, backoff.next(), signal);
      }
    }
    this.onChange(this);
    return !signal.aborted;
  }

  /** One after the other; a sidecar (an init container that always restarts) only has to be up. False: the pod does not go on. */
  async #runInit(signal: AbortSignal): Promise<boolean> {
    for (const supervisor of this.#init) {
      const done = supervisor.run();
      if (isSidecar(supervisor.container)) {
        await Promise.race([supervisor.startedUp, done]);
        if (signal.aborted) return false;
        continue;
      }
      const code = await done;
      if (signal.aborted) return false;
      if (code !== 0) {
        await this.#end('Failed');
        return false;
      }
    }
    return true;
  }

  async #end(phase: 'Succeeded' | 'Failed'): Promise<void> {
    this.#cancelRefresh();
    await this.#stopSidecars(this.#graceSeconds * 1000);
    this.#ended = phase;
    await this.#removeSandbox();
    this.onChange(this);
  }

  async #terminate(graceMs: number): Promise<void> {
    this.#stopping.abort();
    this.#cancelRefresh();
    this.onChange(this);
    await Promise.all(this.#main.map((supervisor) => supervisor.stop(graceMs)));
    await this.#stopSidecars(graceMs);
    await this.#life;
    await this.#refreshing;
    const ran = [...this.#main].every(({ state }) => state.terminated?.exitCode === 0);
    this.#ended ??= ran ? 'Succeeded' : 'Failed';
    await this.#removeSandbox();
    await this.#volumes
      .remove()
      .catch((thrown: unknown) =>
        this.kubelet.log.warn({ err: toError(thrown), pod: this.#name }, 'cannot remove volumes'),
      );
    await rm(this.#logDirectory, { recursive: true, force: true }).catch(() => undefined);
  }

  async #stopSidecars(graceMs: number): Promise<void> {
    for (const supervisor of [...this.#init].reverse()) await supervisor.stop(graceMs);
  }

  async #removeSandbox(): Promise<void> {
    const sandbox = this.#sandbox;
    if (sandbox === null || sandbox.attachment === null) return;
    this.#sandbox = { ...sandbox, attachment: null };
    for (const problem of await this.kubelet.sandboxes.remove(sandbox)) {
      this.kubelet.log.warn({ pod: this.#name, problem }, 'the network of a pod was not removed cleanly');
      this.#event('Warning', 'FailedKillPod', problem);
    }
  }

  /** Rewrites volumes now, and again when a token wants it. */
  #refreshVolumes(): void {
    this.#cancelRefresh();
    const { clock } = this.kubelet;
    this.#refreshing = this.#refreshing.then(async () => {
      if (this.#stopping.signal.aborted) return;
      let nextMs: number;
      try {
        nextMs = await this.#volumes.refresh(this.#around);
      } catch (thrown) {
        this.#event('Warning', 'FailedMount', toError(thrown).message);
        nextMs = clock.now() + 10 * VOLUME_RETRY_MS;
      }
      this.#cancelRefresh();
      if (nextMs !== Infinity)
        this.#cancelRefresh = clock.after(Math.max(VOLUME_RETRY_MS, nextMs - clock.now()), () =>
          this.#refreshVolumes(),
        );
    });
  }

  #supervise(container: Container, init: boolean): ContainerSupervisor {
    const ownIp = (): string => this.#sandbox?.ips[0] ?? '';
    const surroundings: ContainerSurroundings = {
      get podIp() {
        return ownIp();
      },
      plan: (planned, attempt) => this.#plan(planned, attempt),
      changed: () => this.onChange(this),
      event: (type, reason, message) => this.#event(type, reason, message),
    };
    const policy = this.pod.spec?.restartPolicy ?? 'Always';
    const sidecar = init && isSidecar(container);
    const waits = !init && (this.pod.spec?.initContainers ?? []).length > 0;
    return new ContainerSupervisor(container, this.kubelet, surroundings, {
      restartPolicy: sidecar ? 'Always' : init && policy === 'Always' ? 'OnFailure' : policy,
      waitingReason: waits ? 'PodInitializing' : 'ContainerCreating',
      runsToCompletion: init && !sidecar,
      logDirectory: join(this.#logDirectory, container.name),
      terminationGraceMs: this.#graceSeconds * 1000,
    });
  }

  #plan(container: Container, attempt: number) {
    const { pod } = this;
    const { objects, kubernetes, host, clusterDomain, dnsAddress, hostResolvConf } = this.kubelet;
    const around = this.#around;
    const hostname = podHostname(pod, host.node.name);
    const environment = containerEnvironment(container, { pod, objects, around, hostname, kubernetes });
    if (!environment.ok) return environment;
    const files = podFiles(pod, { hostname, podIps: around.podIps, clusterDomain, dnsAddress, hostResolvConf });
    return planContainer(container, {
      pod,
      attempt,
      hostname,
      netnsPath: this.#sandbox!.netnsPath,
      environment: environment.value,
      files,
      image: localImageOf(this.kubelet.images, container.image ?? ''),
    });
  }

  get #around(): PodSurroundings {
    const { host, nodeCpus, nodeMemoryBytes } = this.kubelet;
    return {
      nodeName: host.node.name,
      hostIp: host.node.plan.address,
      podIps: this.#sandbox?.ips ?? [],
      nodeCpus,
      nodeMemoryBytes,
    };
  }

  get #graceSeconds(): number {
    return this.pod.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
  }

  get #name(): string {
    return `${this.pod.metadata?.namespace ?? ''}/${this.pod.metadata?.name ?? ''}`;
  }

  get #logDirectory(): string {
    const { namespace = '', name = '' } = this.pod.metadata ?? {};
    return join(this.kubelet.logDirectory, `${namespace}_${name}_${this.uid}`);
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.kubelet.kube.event({ ...this.pod, apiVersion: PODS.apiVersion, kind: PODS.kind }, type, reason, message);
  }

  #now(): string {
    return new Date(this.kubelet.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  }
}

const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';
