import { LABEL_POD_TEMPLATE_HASH } from '@weft/mesh-api';
import type { PodObject } from './kube-objects.js';

/** CronJobs name their Jobs by the scheduled minute or, once, second. */
const CRON_JOB = /^(.+)-\d{8,10}$/;

/** The name of what the pod belongs to for people and telemetry: its Deployment, CronJob, other controller, or itself. */
export function workloadNameOf({ metadata }: PodObject): string {
  const podName = metadata?.name ?? '';
  const owner = metadata?.ownerReferences?.find(({ controller }) => controller === true);
  const name = owner?.name ?? '';
  if (name === '') return podName;
  if (owner?.kind === 'ReplicaSet') {
    const hash = metadata?.labels?.[LABEL_POD_TEMPLATE_HASH] ?? '';
    return hash !== '' && name.endsWith(`-${hash}`) ? name.slice(0, -hash.length - 1) : name;
  }
  if (owner?.kind === 'Job') return CRON_JOB.exec(name)?.[1] ?? name;
  // A static pod is owned by its node.
  return owner?.kind === 'Node' ? podName : name;
}
