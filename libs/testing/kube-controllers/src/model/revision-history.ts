import {
  CONTROLLER_REVISIONS,
  isAlreadyExists,
  type ControllerRevision,
  type KubeClient,
  type KubeObject,
  type ResourceType,
} from '@weft/kube';
import { canonicalJson, nameHash } from './canonical-json.js';
import { controllerRef, isControlledBy } from './ownership.js';
import type { PodTemplate } from './pod-writer.js';

/** The label of a pod that names its template's revision. */
export const REVISION_HASH = 'controller-revision-hash';

export interface RevisionedWorkload extends KubeObject {
  spec?: { template?: PodTemplate; revisionHistoryLimit?: number };
}

export interface CurrentRevision {
  /** Value of the pods' `controller-revision-hash` label. */
  readonly hash: string;
  readonly revision: ControllerRevision;
  /** All revisions of the workload, the current one too. */
  readonly all: readonly ControllerRevision[];
}

/**
 * Keeps the ControllerRevisions of a DaemonSet or StatefulSet, from which `kubectl rollout history` and `undo` read: one for
 * each template, the current one with the highest number. `labelValue` gives the pods' label from a revision.
 */
export async function syncRevisions(
  kube: KubeClient,
  type: ResourceType<KubeObject>,
  workload: RevisionedWorkload,
  candidates: readonly ControllerRevision[],
): Promise<CurrentRevision> {
  const own = candidates.filter((revision) => isControlledBy(revision, workload));
  const data = { spec: { template: { ...workload.spec?.template, $patch: 'replace' } } };
  const text = canonicalJson(data);
  const newest = Math.max(0, ...own.map(({ revision }) => revision));
  const existing = own.find((revision) => canonicalJson(revision.data) === text);
  if (existing !== undefined) {
    const current =
      existing.revision === newest
        ? existing
        : await kube.replace(CONTROLLER_REVISIONS, { ...existing, revision: newest + 1 });
    return { hash: hashOf(current), revision: current, all: own };
  }
  const created = await createRevision(kube, type, workload, { data, number: newest + 1 });
  return { hash: hashOf(created), revision: created, all: [...own, created] };
}

const hashOf = (revision: ControllerRevision): string =>
  revision.metadata?.labels?.[REVISION_HASH] ?? revision.metadata?.name ?? '';

async function createRevision(
  kube: KubeClient,
  type: ResourceType<KubeObject>,
  workload: RevisionedWorkload,
  { data, number }: { data: object; number: number },
): Promise<ControllerRevision> {
  const { name = '', namespace = '' } = workload.metadata ?? {};
  const short = nameHash(data);
  // A StatefulSet's pods carry the revision's whole name, those of a DaemonSet only the hash.
  const hash = type.kind === 'StatefulSet' ? `${name}-${short}` : short;
  const revision: ControllerRevision = {
    metadata: {
      name: `${name}-${short}`,
      namespace,
      labels: { ...workload.spec?.template?.metadata?.labels, [REVISION_HASH]: hash },
      annotations: Object.fromEntries(
        Object.entries(workload.metadata?.annotations ?? {}).filter(
          ([key]) => key !== 'kubectl.kubernetes.io/last-applied-configuration',
        ),
      ),
      ownerReferences: [controllerRef(type, workload)],
    },
    data,
    revision: number,
  };
  try {
    return await kube.create(CONTROLLER_REVISIONS, revision);
  } catch (failure) {
    if (!isAlreadyExists(failure)) throw failure;
    const existing = await kube.get(CONTROLLER_REVISIONS, namespace, `${name}-${short}`);
    if (existing === null || !isControlledBy(existing, workload)) throw failure;
    return existing;
  }
}

/** Deletes the oldest revisions past the limit that no pod is made from. */
export async function trimRevisions(
  kube: KubeClient,
  { all, revision: current }: CurrentRevision,
  limit: number,
  inUse: ReadonlySet<string>,
): Promise<void> {
  const idle = all.filter(
    (revision) => revision.metadata?.uid !== current.metadata?.uid && !inUse.has(hashOf(revision)),
  );
  const excess = [...idle].sort((a, b) => a.revision - b.revision).slice(0, Math.max(0, idle.length - limit));
  for (const { metadata } of excess) await kube.delete(CONTROLLER_REVISIONS, metadata?.namespace, metadata?.name ?? '');
}
