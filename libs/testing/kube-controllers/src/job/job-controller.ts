import type { Service } from '@weft/runtime';
import { JOBS, setCondition, splitKey, type Job, type Pod, type WorkQueue } from '@weft/kube';
import {
  controllerQueue,
  queueController,
  queueSelf,
  requeueAfter,
  writeStatus,
  type ControllerContext,
  type Outcome,
} from '../controller.js';
import { isActive, isReady } from '../model/pod-state.js';
import { podFrom, PodWriter } from '../model/pod-writer.js';
import { finishedAt, jobVerdict, retryDelayMs, type JobVerdict } from './job-verdict.js';

type Status = NonNullable<Job['status']>;
type Condition = NonNullable<Status['conditions']>[number];

/**
 * Runs Jobs to completion: parallelism, completions, backoffLimit, activeDeadlineSeconds, suspend, ttlSecondsAfterFinished.
 *
 * Finished pods are counted while they exist and remembered by the status when they are deleted; there are no tracking
 * finalizers. Completion mode Indexed is refused with a condition.
 */
export class JobController implements Service {
  readonly name = 'Job controller';
  readonly #queue: WorkQueue;
  readonly #writer: PodWriter;

  constructor(private readonly context: ControllerContext) {
    const { cluster, clock } = context;
    this.#writer = new PodWriter(cluster, clock);
    this.#queue = controllerQueue('jobs', context, (key) => this.#reconcile(key));
    queueSelf(cluster.jobs, this.#queue);
    queueController(cluster.pods, 'Job', this.#queue);
  }

  start(): Promise<void> {
    return this.#queue.start();
  }

  stop(hard: AbortSignal): Promise<void> {
    return this.#queue.stop(hard);
  }

  async #reconcile(key: string): Promise<Outcome> {
    const { namespace, name } = splitKey(key);
    const { cluster, clock } = this.context;
    const job = cluster.jobs.get(namespace, name);
    if (job === undefined || job.metadata?.deletionTimestamp !== undefined) return undefined;
    const doneAt = finishedAt(job);
    if (doneAt !== null) return this.#expire(job, doneAt);
    const waitMs = this.#writer.waitMs(job);
    if (waitMs !== null) return requeueAfter(waitMs);
    const pods = cluster.podsByController.get(job.metadata?.uid ?? '');
    const verdict = jobVerdict(job, pods, clock.now());
    const startTime = job.status?.startTime ?? (job.spec?.suspend ? undefined : new Date(clock.now()).toISOString());
    const retryMs = await this.#manage(job, pods, verdict);
    await writeStatus(cluster.kube, JOBS, job, this.#status(job, pods, verdict, startTime));
    this.#tell(job, verdict);
    return requeueAfter(retryMs, verdict.deadlineMs);
  }

  /** Until a failed pod may be replaced. */
  async #manage(job: Job, pods: readonly Pod[], verdict: JobVerdict): Promise<number | undefined> {
    const active = pods.filter(isActive);
    if (verdict.outcome !== 'running' || job.spec?.suspend) {
      await this.#writer.delete(job, active);
      return undefined;
    }
    const { parallelism = 1, completions } = job.spec ?? {};
    const left =
      completions === undefined
        ? verdict.succeeded > 0
          ? active.length
          : parallelism
        : completions - verdict.succeeded;
    const wanted = Math.max(0, Math.min(parallelism, left));
    if (active.length > wanted) await this.#writer.delete(job, active.slice(wanted));
    if (active.length >= wanted) return undefined;
    const pauseMs = retryDelayMs(pods, verdict.failed, this.context.clock.now());
    if (pauseMs > 0) return pauseMs;
    const { name = '', uid = '' } = job.metadata ?? {};
    const labels = {
      'batch.kubernetes.io/controller-uid': uid,
      'batch.kubernetes.io/job-name': name,
      'controller-uid': uid,
      'job-name': name,
    };
    await this.#writer.create(
      job,
      Array<Pod>(wanted - active.length).fill(podFrom(job.spec?.template ?? {}, job, JOBS, { labels })),
    );
    return undefined;
  }

  #status(job: Job, pods: readonly Pod[], verdict: JobVerdict, startTime: string | undefined): Status {
    const now = new Date(this.context.clock.now()).toISOString();
    const active = verdict.outcome === 'running' && !job.spec?.suspend ? pods.filter(isActive) : [];
    let conditions: readonly Condition[] = job.status?.conditions ?? [];
    const set = (type: string, reason: string | undefined, message: string | undefined): void => {
      const wanted = {
        type,
        status: 'True',
        lastProbeTime: now,
        ...(reason === undefined ? {} : { reason }),
        ...(message === undefined ? {} : { message }),
      };
      if (!conditions.some((each) => each.type === type && each.status === 'True'))
        conditions = setCondition(conditions, wanted, now);
    };
    if (verdict.outcome === 'complete') {
      set('SuccessCriteriaMet', 'CompletionsReached', 'Reached expected number of succeeded pods');
      set('Complete', 'CompletionsReached', 'Reached expected number of succeeded pods');
    } else if (verdict.outcome === 'failed') {
      set('FailureTarget', verdict.reason, verdict.message);
      set('Failed', verdict.reason, verdict.message);
    }
    return {
      ...(startTime === undefined ? {} : { startTime }),
      ...(active.length === 0 ? {} : { active: active.length }),
      ready: active.filter(isReady).length,
      terminating: pods.filter(
        (pod) => pod.metadata?.deletionTimestamp !== undefined && pod.status?.phase === 'Running',
      ).length,
      ...(verdict.succeeded === 0 ? {} : { succeeded: verdict.succeeded }),
      ...(verdict.failed === 0 ? {} : { failed: verdict.failed }),
      ...(verdict.outcome === 'complete' ? { completionTime: now } : {}),
      ...(conditions.length === 0 ? {} : { conditions: [...conditions] }),
      uncountedTerminatedPods: {},
    };
  }

  #tell(job: Job, verdict: JobVerdict): void {
    const { kube } = this.context.cluster;
    if (verdict.outcome === 'complete') kube.event(job, 'Normal', 'Completed', 'Job completed');
    else if (verdict.outcome === 'failed') kube.event(job, 'Warning', verdict.reason, verdict.message);
  }

  async #expire(job: Job, doneAtMs: number): Promise<Outcome> {
    const { cluster, clock } = this.context;
    const running = cluster.podsByController.get(job.metadata?.uid ?? '').filter(isActive);
    await this.#writer.delete(job, running);
    const ttl = job.spec?.ttlSecondsAfterFinished;
    if (ttl === undefined) return undefined;
    const leftMs = doneAtMs + ttl * 1000 - clock.now();
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    const { namespace, name = '', uid } = job.metadata ?? {};
    await cluster.kube.delete(JOBS, namespace, name, {
      propagationPolicy: 'Foreground',
      ...(uid === undefined ? {} : { preconditions: { uid } }),
    });
    return undefined;
  }
}
