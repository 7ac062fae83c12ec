import type { JsonObject } from '../../json.js';
import { child, childOrNew, fill } from './fill.js';
import { defaultPodSpec } from './pod-defaults.js';

function defaultTemplate(spec: JsonObject): void {
  const podSpec = child(child(spec, 'template'), 'spec');
  if (podSpec !== undefined) defaultPodSpec(podSpec);
}

export function defaultDeployment(object: JsonObject): void {
  const spec = childOrNew(object, 'spec');
  fill(spec, { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 });
  const strategy = childOrNew(spec, 'strategy');
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy['type'] === 'RollingUpdate')
    fill(childOrNew(strategy, 'rollingUpdate'), { maxUnavailable: '25%', maxSurge: '25%' });
  defaultTemplate(spec);
}

export function defaultReplicaSet(object: JsonObject): void {
  const spec = childOrNew(object, 'spec');
  fill(spec, { replicas: 1 });
  defaultTemplate(spec);
}

/** Selector and labels come from the template when they are left out. */
export function defaultReplicationController(object: JsonObject): void {
  const spec = childOrNew(object, 'spec');
  fill(spec, { replicas: 1 });
  const labels = child(child(child(spec, 'template'), 'metadata'), 'labels');
  if (labels !== undefined) {
    fill(spec, { selector: { ...labels } });
    fill(childOrNew(object, 'metadata'), { labels: { ...labels } });
  }
  defaultTemplate(spec);
}

export function defaultDaemonSet(object: JsonObject): void {
  const spec = childOrNew(object, 'spec');
  fill(spec, { revisionHistoryLimit: 10 });
  const strategy = childOrNew(spec, 'updateStrategy');
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy['type'] === 'RollingUpdate')
    fill(childOrNew(strategy, 'rollingUpdate'), { maxUnavailable: 1, maxSurge: 0 });
  defaultTemplate(spec);
}

export function defaultStatefulSet(object: JsonObject): void {
  const spec = childOrNew(object, 'spec');
  fill(spec, { replicas: 1, revisionHistoryLimit: 10, podManagementPolicy: 'OrderedReady' });
  fill(childOrNew(spec, 'persistentVolumeClaimRetentionPolicy'), { whenDeleted: 'Retain', whenScaled: 'Retain' });
  const strategy = childOrNew(spec, 'updateStrategy');
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy['type'] === 'RollingUpdate') fill(childOrNew(strategy, 'rollingUpdate'), { partition: 0 });
  defaultTemplate(spec);
}

export function defaultJobSpec(spec: JsonObject): void {
  // A work queue job leaves completions open and only says how many pods work at once.
  if (spec['completions'] === undefined && spec['parallelism'] === undefined)
    fill(spec, { completions: 1, parallelism: 1 });
  fill(spec, {
    parallelism: 1,
    backoffLimit: spec['backoffLimitPerIndex'] === undefined ? 6 : 2_147_483_647,
    completionMode: 'NonIndexed',
    suspend: false,
    podReplacementPolicy: spec['podFailurePolicy'] === undefined ? 'TerminatingOrFailed' : 'Failed',
    manualSelector: false,
  });
  if (spec['manualSelector'] === false) Reflect.deleteProperty(spec, 'manualSelector');
  defaultTemplate(spec);
}

export function defaultCronJob(object: JsonObject): void {
  const spec = childOrNew(object, 'spec');
  fill(spec, { concurrencyPolicy: 'Allow', suspend: false, successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1 });
  // The job's own defaults are filled in when the job is created; only its pod has them here.
  const jobSpec = child(child(spec, 'jobTemplate'), 'spec');
  if (jobSpec !== undefined) defaultTemplate(jobSpec);
}

export function defaultAutoscaler(object: JsonObject): void {
  const spec = childOrNew(object, 'spec');
  fill(spec, { minReplicas: 1 });
  if (spec['metrics'] === undefined) {
    spec['metrics'] = [
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
    ];
  }
}
