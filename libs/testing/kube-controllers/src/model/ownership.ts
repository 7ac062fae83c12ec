import {
  isConflict,
  isNotFound,
  type KubeClient,
  type KubeObject,
  type ObjectMeta,
  type ResourceType,
} from '@weft/kube';
import { labelSelectorOf, matchesLabels, type LabelSelector } from '@weft/testing-kube-schema';

type OwnerReference = NonNullable<ObjectMeta['ownerReferences']>[number];

export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata?.ownerReferences?.find(({ controller }) => controller === true);
}

export const isControlledBy = (object: KubeObject, owner: KubeObject): boolean =>
  controllerOf(object)?.uid === owner.metadata?.uid;

export function controllerRef(type: ResourceType<KubeObject>, owner: KubeObject): OwnerReference {
  return {
    apiVersion: type.apiVersion,
    kind: type.kind,
    name: owner.metadata?.name ?? '',
    uid: owner.metadata?.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** The selector of a workload; one that cannot be read, or that is empty, selects nothing rather than everything. */
export function workloadSelector(selector: unknown): LabelSelector | 'nothing' {
  const parsed = labelSelectorOf(selector);
  return parsed.ok && parsed.value !== 'nothing' && parsed.value.length > 0 ? parsed.value : 'nothing';
}

export interface ClaimOptions<T extends KubeObject, O extends KubeObject> {
  readonly kube: Pick<KubeClient, 'patch' | 'get'>;
  readonly ownerType: ResourceType<O>;
  readonly owner: O;
  readonly selector: LabelSelector | 'nothing';
  readonly type: ResourceType<T>;
  readonly candidates: readonly T[];
}

/**
 * The candidates that belong to the owner: its own that match the selector, and orphans that match, which it adopts. Its own
 * that no longer match are released.
 */
export async function claim<T extends KubeObject, O extends KubeObject>(options: ClaimOptions<T, O>): Promise<T[]> {
  const { owner, selector, candidates } = options;
  const isLive = owner.metadata?.deletionTimestamp === undefined;
  const claimed: T[] = [];
  for (const candidate of candidates) {
    const matches = matchesLabels(selector, candidate.metadata?.labels);
    const controller = controllerOf(candidate);
    if (controller !== undefined) {
      if (controller.uid !== owner.metadata?.uid) continue;
      if (matches) claimed.push(candidate);
      else if (isLive) await release(options, candidate);
    } else if (matches && isLive && candidate.metadata?.deletionTimestamp === undefined) {
      const adopted = await adopt(options, candidate);
      if (adopted !== null) claimed.push(adopted);
    }
  }
  return claimed;
}

async function adopt<T extends KubeObject, O extends KubeObject>(
  options: ClaimOptions<T, O>,
  orphan: T,
): Promise<T | null> {
  const { kube, ownerType, owner, type } = options;
  // The cache may be behind: an owner that is already gone must not adopt.
  const live = await kube.get(ownerType, owner.metadata?.namespace, owner.metadata?.name ?? '');
  if (live === null || live.metadata?.uid !== owner.metadata?.uid || live.metadata?.deletionTimestamp !== undefined)
    return null;
  const ownerReferences = [...(orphan.metadata?.ownerReferences ?? []), controllerRef(ownerType, owner)];
  return patchOwners(kube, type, orphan, ownerReferences);
}

async function release<T extends KubeObject, O extends KubeObject>(
  options: ClaimOptions<T, O>,
  object: T,
): Promise<void> {
  const rest = (object.metadata?.ownerReferences ?? []).filter(({ uid }) => uid !== options.owner.metadata?.uid);
  await patchOwners(options.kube, options.type, object, rest.length === 0 ? null : rest);
}

/** Null when the object is gone or is another one by now. */
async function patchOwners<T extends KubeObject>(
  kube: Pick<KubeClient, 'patch'>,
  type: ResourceType<T>,
  object: T,
  ownerReferences: OwnerReference[] | null,
): Promise<T | null> {
  const { namespace, name, uid, resourceVersion } = object.metadata ?? {};
  try {
    return await kube.patch(
      type,
      namespace,
      name ?? '',
      { metadata: { uid, resourceVersion, ownerReferences } },
      { kind: 'merge' },
    );
  } catch (failure) {
    if (isNotFound(failure) || isConflict(failure)) return null;
    throw failure;
  }
}
