import { asObject, type ResourceInfo } from '@weft/testing-kube-schema';
import { finalizersOf, formatTime, shallowCopy, specOf, statusOf, uidOf, type KubeObject } from '../kube-object.js';
import { badRequest, conflict, notFound } from '../status-error.js';
import type { Stored } from '../storage/stored.js';
import { storageKey } from '../type-catalog.js';
import { mayGo } from './finish-deletion.js';
import type { WriteContext, WriteOptions } from './write-context.js';

export type PropagationPolicy = 'Foreground' | 'Background' | 'Orphan';

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: PropagationPolicy;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export interface DeleteRequest {
  readonly info: ResourceInfo;
  readonly namespace: string;
  readonly name: string;
  readonly deleteOptions: DeleteOptions;
  readonly options: WriteOptions;
}

export interface DeleteOutcome {
  readonly stored: Stored;
  /** False while finalizers or a grace period hold it. */
  readonly gone: boolean;
}

const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';
const DEFAULT_GRACE_SECONDS = 30;

function checkPreconditions(request: DeleteRequest, live: KubeObject): void {
  const { uid, resourceVersion } = request.deleteOptions.preconditions ?? {};
  const { info, name } = request;
  if (uid !== undefined && uid !== uidOf(live)) {
    throw conflict(info, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${uidOf(live)}`);
  }
  if (resourceVersion !== undefined && resourceVersion !== live.metadata.resourceVersion) {
    throw conflict(
      info,
      name,
      `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${String(live.metadata.resourceVersion)}`,
    );
  }
}

/** Seconds that the kubelet gets; 0 for what no kubelet runs. */
function graceSeconds(info: ResourceInfo, live: KubeObject, asked: number | undefined): number {
  if (storageKey(info) !== 'pods') return 0;
  const spec = specOf(live);
  const phase = statusOf(live)['phase'];
  if (typeof spec['nodeName'] !== 'string' || spec['nodeName'] === '' || phase === 'Succeeded' || phase === 'Failed')
    return 0;
  const own = spec['terminationGracePeriodSeconds'];
  const wanted = Math.max(0, asked ?? (typeof own === 'number' ? own : DEFAULT_GRACE_SECONDS));
  const running = live.metadata.deletionGracePeriodSeconds;
  return live.metadata.deletionTimestamp === undefined ? wanted : Math.min(wanted, running ?? wanted);
}

function finalizersAfter(live: KubeObject, policy: PropagationPolicy | undefined): string[] {
  const others = finalizersOf(live).filter((finalizer) => finalizer !== FOREGROUND && finalizer !== ORPHAN);
  if (policy === 'Foreground') return [...others, FOREGROUND];
  if (policy === 'Orphan') return [...others, ORPHAN];
  return policy === 'Background' ? others : [...finalizersOf(live)];
}

/** The version of the object that is stored when its deletion begins (or is hurried). */
function markDeleted(request: DeleteRequest, live: KubeObject, now: Date): KubeObject {
  const { info, deleteOptions } = request;
  const draft = shallowCopy(live);
  const { metadata } = draft;
  const finalizers = finalizersAfter(live, deleteOptions.propagationPolicy);
  if (finalizers.length === 0) delete metadata.finalizers;
  else metadata.finalizers = finalizers;
  const grace = graceSeconds(info, live, deleteOptions.gracePeriodSeconds);
  const first = metadata.deletionTimestamp === undefined;
  if (first || grace < (metadata.deletionGracePeriodSeconds ?? 0)) {
    metadata.deletionTimestamp = formatTime(new Date(now.getTime() + grace * 1000));
    metadata.deletionGracePeriodSeconds = grace;
  }
  if (first && metadata.generation !== undefined) metadata.generation += 1;
  if (storageKey(info) === 'namespaces') draft['status'] = { ...asObject(draft['status']), phase: 'Terminating' };
  return draft;
}

/** Starts or finishes the deletion of one object. */
export async function deleteObject(context: WriteContext, request: DeleteRequest): Promise<DeleteOutcome> {
  const { info, namespace, name, options } = request;
  const { store, admission } = context;
  const bucket = store.bucket(storageKey(info));
  const asked = bucket.get(namespace, name);
  if (asked === undefined) throw notFound(info, name);
  checkPreconditions(request, asked.object);
  const admit = {
    operation: 'DELETE',
    info,
    subresource: '',
    namespace,
    name,
    object: null,
    oldObject: asked.object,
    options,
  } as const;
  await admission.mutate(admit);
  await admission.validate(admit);
  const before = bucket.get(namespace, name);
  if (before === undefined) throw notFound(info, name);
  checkPreconditions(request, before.object);
  const draft = markDeleted(request, before.object, context.now());
  const gone = mayGo(draft, bucket.key);
  if (options.dryRun) return { stored: before, gone };
  if (gone) return { stored: store.remove(bucket, namespace, name) ?? before, gone };
  const { finalizers, deletionTimestamp, deletionGracePeriodSeconds } = before.object.metadata;
  const same =
    draft.metadata.deletionTimestamp === deletionTimestamp &&
    draft.metadata.deletionGracePeriodSeconds === deletionGracePeriodSeconds &&
    (draft.metadata.finalizers ?? []).join() === (finalizers ?? []).join();
  return { stored: same ? before : store.put(bucket, draft), gone };
}

/** Reads DeleteOptions from a body; query parameters win. */
export function parseDeleteOptions(body: Readonly<Record<string, unknown>>, query: URLSearchParams): DeleteOptions {
  const grace = query.get('gracePeriodSeconds') ?? body['gracePeriodSeconds'];
  const orphan = query.get('orphanDependents') ?? body['orphanDependents'];
  const policy =
    query.get('propagationPolicy') ?? body['propagationPolicy'] ?? (String(orphan) === 'true' ? 'Orphan' : undefined);
  if (policy !== undefined && policy !== 'Foreground' && policy !== 'Background' && policy !== 'Orphan') {
    throw badRequest(
      `propagationPolicy: unsupported value ${JSON.stringify(policy)}: supported values: "Foreground", "Background", "Orphan"`,
    );
  }
  if (grace !== undefined && grace !== null && !Number.isInteger(Number(grace))) {
    throw badRequest('gracePeriodSeconds must be a whole number');
  }
  const { uid, resourceVersion } = asObject(body['preconditions']);
  return {
    ...(grace === undefined || grace === null ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(policy === undefined ? {} : { propagationPolicy: policy }),
    preconditions: {
      ...(typeof uid === 'string' ? { uid } : {}),
      ...(typeof resourceVersion === 'string' && resourceVersion !== '' ? { resourceVersion } : {}),
    },
  };
}
