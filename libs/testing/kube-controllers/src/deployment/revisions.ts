import type { Deployment, ReplicaSet } from '@weft/kube';
import { equalJson } from '@weft/testing-kube-schema';
import { nameHash } from '../model/canonical-json.js';

export const REVISION = 'deployment.kubernetes.io/revision';
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';
export const TEMPLATE_HASH = 'pod-template-hash';

/** Annotations of the Deployment that say nothing about its ReplicaSets. */
const NOT_COPIED = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
]);

type Template = NonNullable<Deployment['spec']>['template'];

export const revisionOf = (object: ReplicaSet | Deployment): number =>
  Number(object.metadata?.annotations?.[REVISION] ?? 0) || 0;

/** The same pods would come from both templates. The hash label is the ReplicaSet's own. */
export function sameTemplate(a: Template | undefined, b: Template | undefined): boolean {
  return equalJson(withoutHash(a), withoutHash(b));
}

function withoutHash(template: Template | undefined): unknown {
  const { metadata, spec } = template ?? {};
  const labels = { ...metadata?.labels };
  Reflect.deleteProperty(labels, TEMPLATE_HASH);
  return { labels, annotations: metadata?.annotations ?? {}, finalizers: metadata?.finalizers ?? [], spec };
}

/** Changes with the template, and with the collision count when two templates got one name. */
export function templateHash(deployment: Deployment): string {
  const collisions = deployment.status?.collisionCount ?? 0;
  return nameHash([withoutHash(deployment.spec?.template), collisions], 10);
}

export const byAge = (a: ReplicaSet, b: ReplicaSet): number =>
  Date.parse(a.metadata?.creationTimestamp ?? '') - Date.parse(b.metadata?.creationTimestamp ?? '') ||
  (a.metadata?.name ?? '').localeCompare(b.metadata?.name ?? '');

/** The ReplicaSet of the current template; the oldest if, against the rules, there are several. */
export function findNew(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return [...sets].sort(byAge).find((set) => sameTemplate(set.spec?.template, deployment.spec?.template));
}

/** The annotations that a ReplicaSet of the current template should have; it becomes the newest revision. */
export function revisionAnnotations(
  deployment: Deployment,
  existing: ReplicaSet | undefined,
  others: readonly ReplicaSet[],
): Record<string, string> {
  const copied = Object.entries(deployment.metadata?.annotations ?? {}).filter(([name]) => !NOT_COPIED.has(name));
  const current = existing === undefined ? 0 : revisionOf(existing);
  const newest = Math.max(0, ...others.map(revisionOf));
  const revision = Math.max(current, newest + 1);
  const history = existing?.metadata?.annotations?.[REVISION_HISTORY];
  const past =
    current > 0 && revision > current ? [history, String(current)].filter((part) => part).join(',') : history;
  return {
    ...existing?.metadata?.annotations,
    ...Object.fromEntries(copied),
    [REVISION]: String(revision),
    ...(past === undefined ? {} : { [REVISION_HISTORY]: past }),
  };
}
