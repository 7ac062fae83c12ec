import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '@weft/kube';
import { toError } from '@weft/result';
import { ContainerLog } from '../container/container-log.js';
import { ContainerProcess } from '../container/container-process.js';
import type { ContainerSpec } from '../container/container-spec.js';
import { pause, settlesWithin } from '../process/wait.js';
import type { KubeletContext } from './kubelet-context.js';
import type { Container } from './pod-fields.js';
import type { Probe } from './probe-runner.js';
import { runProbe } from './probe-worker.js';
import { RestartBackoff, restarts } from './restart-backoff.js';

type ContainerStatus = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number];
export type ContainerState = NonNullable<ContainerStatus['state']>;

/** What the pod gives its containers. */
export interface ContainerSurroundings {
  readonly podIp: string;
  /** Everything decided for the next start, or why it cannot be decided now (a missing ConfigMap). */
  plan(
    container: Container,
    attempt: number,
  ): { readonly ok: true; readonly value: ContainerSpec } | { readonly ok: false; readonly error: string };
  /** Called after each change of state. */
  changed(): void;
  event(type: 'Normal' | 'Warning', reason: string, message: string): void;
}

const CONFIG_RETRY_MS = 2_000;

/**
 * Runs one container of a pod: starts it, probes it, starts it again by the restart policy with growing delays, and stops it.
 * Keeps what the status says of it.
 */
export class ContainerSupervisor {
  readonly #stopping = new AbortController();
  readonly #backoff = new RestartBackoff();
  #state: ContainerState;
  #containerId = '';
  #lastState: ContainerState = {};
  #restartCount = 0;
  #ready = false;
  #started = false;
  #process: ContainerProcess | null = null;
  #log: ContainerLog | null = null;
  #previousLog: ContainerLog | null = null;
  #probing: AbortController | null = null;
  #onStarted: () => void = () => undefined;
  /** Resolves when the container counts as started (its startup probe succeeded). */
  readonly startedUp = new Promise<void>((resolve) => (this.#onStarted = resolve));

  constructor(
    readonly container: Container,
    private readonly kubelet: KubeletContext,
    private readonly pod: ContainerSurroundings,
    private readonly options: {
      readonly restartPolicy: string;
      /** `PodInitializing` for containers that wait for others. */
      readonly waitingReason: string;
      readonly logDirectory: string;
      readonly terminationGraceMs: number;
      /** An init container: ready once it succeeded. */
      readonly runsToCompletion: boolean;
    },
  ) {
    this.#state = { waiting: { reason: options.waitingReason } };
  }

  /** The process, while it runs. */
  get process(): ContainerProcess | null {
    return this.#process;
  }

  get state(): ContainerState {
    return this.#state;
  }

  get ready(): boolean {
    return this.#ready;
  }

  log(previous: boolean): ContainerLog | null {
    return previous ? this.#previousLog : this.#log;
  }

  status(): ContainerStatus {
    const { name, image = '' } = this.container;
    return {
      name,
      image,
      imageID: '',
      ready: this.#ready,
      started: this.#started,
      restartCount: this.#restartCount,
      state: this.#state,
      lastState: this.#lastState,
      ...(this.#process === null
        ? {}
        : { containerID: `weft://${this.#process.spec.podUid}/${name}.${this.#restartCount}` }),
    };
  }

  /** Runs until the container ended for good or was stopped. Never rejects. The exit code is null if it never ran. */
  async run(): Promise<number | null> {
    const { signal } = this.#stopping;
    for (let attempt = 0; ; attempt++) {
      const exit = await this.#runOnce(attempt, signal);
      if (exit === null) return this.#abandon();
      if (signal.aborted || !restarts(this.options.restartPolicy, exit.code)) return exit.code;
      const delay = this.#backoff.next(exit.ranMs);
      if (delay > 0) {
        const message = `back-off ${delay / 1000}s restarting failed container=${this.container.name}`;
        this.#lastState = this.#state;
        this.#set({ waiting: { reason: 'CrashLoopBackOff', message } });
        this.pod.event('Warning', 'BackOff', `Back-off restarting failed container ${this.container.name}`);
      }
      if (!(await pause(this.kubelet.clock, delay, signal))) return exit.code;
      if (this.#state.waiting === undefined) this.#lastState = this.#state;
      this.#restartCount++;
    }
  }

  /** Runs the preStop hook, then SIGTERM, then SIGKILL, all within `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    this.#probing?.abort();
    const process = this.#process;
    if (process === null) return;
    this.#ready = false;
    const { clock } = this.kubelet;
    const deadline = clock.now() + graceMs;
    this.pod.event('Normal', 'Killing', `Stopping container ${this.container.name}`);
    await settlesWithin(clock, Promise.race([this.#preStop(process, graceMs), process.exited]), graceMs);
    if (!process.signal('SIGTERM')) process.kill();
    await settlesWithin(clock, process.exited, Math.max(0, deadline - clock.now()));
    process.kill();
    await process.exited;
  }

  /** One start to its end; null if stopping came before a start. */
  async #runOnce(attempt: number, signal: AbortSignal): Promise<{ code: number; ranMs: number } | null> {
    const process = await this.#start(attempt, signal);
    if (process === null || typeof process === 'number') return process === null ? null : { code: process, ranMs: 0 };
    this.#process = process;
    this.#containerId = `weft://${process.spec.podUid}/${this.container.name}.${attempt}`;
    this.#set({ running: { startedAt: iso(process.startedAtMs) } });
    this.pod.event('Normal', 'Started', `Started container ${this.container.name}`);
    this.#probe(process);
    void this.#postStart(process);
    const { code, finishedAtMs } = await process.exited;
    this.#process = null;
    this.#probing?.abort();
    this.#ready = false;
    this.#started = false;
    const startedAt = iso(process.startedAtMs);
    const reason = code === 0 ? 'Completed' : 'Error';
    this.#ready = this.options.runsToCompletion && code === 0;
    this.#set({ terminated: { exitCode: code, reason, startedAt, finishedAt: iso(finishedAtMs) } });
    return { code, ranMs: finishedAtMs - process.startedAtMs };
  }

  /** A process; or the exit code of a start that failed; or null when stopping came first. */
  async #start(attempt: number, signal: AbortSignal): Promise<ContainerProcess | number | null> {
    for (;;) {
      if (signal.aborted) return null;
      const plan = this.pod.plan(this.container, attempt);
      if (plan.ok) return this.#launch(plan.value, signal);
      this.#set({ waiting: { reason: 'CreateContainerConfigError', message: plan.error } });
      this.pod.event('Warning', 'Failed', `Error: ${plan.error}`);
      if (!(await pause(this.kubelet.clock, CONFIG_RETRY_MS, signal))) return null;
    }
  }

  async #launch(spec: ContainerSpec, signal: AbortSignal): Promise<ContainerProcess | number | null> {
    const { startLimit, host, clock, logFileBytes } = this.kubelet;
    const log = new ContainerLog(join(this.options.logDirectory, `${spec.attempt}.log`), logFileBytes, clock);
    this.#rotateLogs(log);
    try {
      const process = await startLimit.run(async () =>
        signal.aborted ? null : ContainerProcess.start(host, spec, log),
      );
      if (process !== null && signal.aborted) process.kill();
      return process;
    } catch (thrown) {
      const { message } = toError(thrown);
      const now = iso(clock.now());
      this.pod.event('Warning', 'Failed', `Error: failed to start container "${spec.name}": ${message}`);
      this.#set({ terminated: { exitCode: 128, reason: 'StartError', message, startedAt: now, finishedAt: now } });
      return 128;
    }
  }

  #rotateLogs(next: ContainerLog): void {
    const old = this.#previousLog;
    this.#previousLog = this.#log;
    this.#log = next;
    if (old === null) return;
    for (const path of [old.path, `${old.path}.1`]) void rm(path, { force: true }).catch(() => undefined);
  }

  #abandon(): null {
    if (this.#state.terminated === undefined && this.#state.running === undefined) {
      this.#set({
        terminated: {
          exitCode: 137,
          reason: 'ContainerStatusUnknown',
          message: 'the pod ended before the container started',
        },
      });
    }
    return null;
  }

  #probe(process: ContainerProcess): void {
    const probing = (this.#probing = new AbortController());
    const { startupProbe, livenessProbe, readinessProbe } = this.container;
    const begin = (): void => {
      this.#started = true;
      this.#onStarted();
      if (readinessProbe === undefined) this.#ready = true;
      else this.#watch('Readiness', readinessProbe, process, probing.signal, (ok) => this.#setReady(ok));
      if (livenessProbe !== undefined)
        this.#watch(
          'Liveness',
          livenessProbe,
          process,
          probing.signal,
          (ok) => ok || this.#restart(process, 'liveness', livenessProbe),
        );
      this.pod.changed();
    };
    if (startupProbe === undefined) {
      begin();
      return;
    }
    const startup = new AbortController();
    probing.signal.addEventListener('abort', () => startup.abort(), { once: true });
    this.#watch('Startup', startupProbe, process, startup.signal, (ok) => {
      startup.abort();
      if (ok) begin();
      else this.#restart(process, 'startup', startupProbe);
    });
  }

  #watch(
    kind: string,
    probe: Probe,
    process: ContainerProcess,
    signal: AbortSignal,
    onVerdict: (ok: boolean) => void,
  ): void {
    const { probes, clock } = this.kubelet;
    const target = { podIp: this.pod.podIp, container: this.container, process };
    void runProbe(
      {
        probe,
        clock,
        eager: kind === 'Readiness',
        run: () => probes.run(probe, target),
        onVerdict: (verdict) => onVerdict(verdict === 'success'),
        onFailure: (message) => this.pod.event('Warning', 'Unhealthy', `${kind} probe failed: ${message}`),
      },
      signal,
    );
  }

  #setReady(ready: boolean): void {
    this.#ready = ready;
    this.pod.changed();
  }

  /** A failed liveness or startup probe: the container is stopped, and the restart policy decides. */
  #restart(process: ContainerProcess, kind: string, probe: Probe): void {
    this.#probing?.abort();
    this.pod.event('Normal', 'Killing', `Container ${this.container.name} failed ${kind} probe, will be restarted`);
    const graceMs =
      probe.terminationGracePeriodSeconds === undefined
        ? this.options.terminationGraceMs
        : probe.terminationGracePeriodSeconds * 1000;
    if (!process.signal('SIGTERM')) process.kill();
    void settlesWithin(this.kubelet.clock, process.exited, graceMs).then((ended) => ended || process.kill());
  }

  async #preStop(process: ContainerProcess, timeoutMs: number): Promise<void> {
    const hook = this.container.lifecycle?.preStop;
    if (hook !== undefined) await this.#runHook(hook, process, timeoutMs, 'PreStop');
  }

  async #postStart(process: ContainerProcess): Promise<void> {
    const hook = this.container.lifecycle?.postStart;
    if (hook === undefined) return;
    const failed = await this.#runHook(hook, process, 60_000, 'PostStart');
    if (failed) process.kill();
  }

  async #runHook(
    hook: NonNullable<NonNullable<Container['lifecycle']>['preStop']>,
    process: ContainerProcess,
    timeoutMs: number,
    name: string,
  ): Promise<boolean> {
    const { probes, clock } = this.kubelet;
    const target = { podIp: this.pod.podIp, container: this.container, process };
    if (hook.sleep !== undefined) {
      await pause(clock, Math.min(timeoutMs, hook.sleep.seconds * 1000), AbortSignal.timeout(timeoutMs));
      return false;
    }
    const run =
      hook.exec !== undefined
        ? probes.exec(hook.exec.command ?? [], process, timeoutMs)
        : hook.httpGet !== undefined
          ? probes.httpGet(hook.httpGet, target, timeoutMs)
          : Promise.resolve(null);
    const problem = await run.catch((thrown: unknown) => toError(thrown).message);
    if (problem !== null) this.pod.event('Warning', `Failed${name}Hook`, `${name}Hook failed: ${problem}`);
    return problem !== null;
  }

  #set(state: ContainerState): void {
    this.#state = state;
    this.pod.changed();
  }
}

const iso = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
