import {
  defaultObject,
  equalJson,
  prepareUpdate,
  trackUpdate,
  validateObject,
  type JsonObject,
  type ResourceInfo,
} from '@weft/testing-kube-schema';
import { asKubeObject, finalizersOf, formatTime, nameOf, shallowCopy, uidOf, type KubeObject } from '../kube-object.js';
import { inVersion } from '../serving/object-writer.js';
import { badRequest, conflict, invalid, notFound } from '../status-error.js';
import { Stored } from '../storage/stored.js';
import { storageKey } from '../type-catalog.js';
import { checkKind, decodeDraft } from './decode-body.js';
import { finishDeletion } from './finish-deletion.js';
import type { WriteContext, WriteOptions } from './write-context.js';

/** How often a patch is made again when another writer was faster during admission. */
const MAX_ATTEMPTS = 5;

/** What a client wants an object to become. */
export interface Change {
  readonly object: JsonObject;
  readonly duplicates?: readonly string[];
  /** True when managedFields are already worked out (server-side apply). */
  readonly owned?: boolean;
}

export interface UpdateRequest {
  readonly info: ResourceInfo;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
  /** Works out the new object from the live one (in the request's version); null leaves it as it is. */
  readonly change: (live: KubeObject) => Change | null;
  readonly options: WriteOptions;
}

/** Name, namespace, uid and version must be those of the live object, where they are given. */
function checkIdentity(request: UpdateRequest, draft: KubeObject, live: KubeObject): void {
  const { info, namespace, name } = request;
  const { metadata } = draft;
  metadata.name ??= name;
  if (metadata.name !== name) {
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
  }
  if (info.namespaced) metadata.namespace ??= namespace;
  if (info.namespaced && metadata.namespace !== namespace) {
    throw badRequest('the namespace of the object does not match the namespace on the URL');
  }
  if (metadata.uid !== undefined && metadata.uid !== '' && metadata.uid !== uidOf(live)) {
    throw conflict(
      info,
      name,
      `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${uidOf(live)}`,
    );
  }
  const { resourceVersion } = metadata;
  if (
    resourceVersion !== undefined &&
    resourceVersion !== '' &&
    resourceVersion !== '0' &&
    resourceVersion !== live.metadata.resourceVersion
  ) {
    throw conflict(info, name);
  }
}

/** Only the server sets these; an update keeps them. */
function keepServerFields(draft: KubeObject, live: KubeObject, owned: boolean): void {
  const { metadata } = draft;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata['selfLink'];
  const kept = ['uid', 'creationTimestamp', 'resourceVersion', 'deletionTimestamp', 'deletionGracePeriodSeconds'];
  for (const field of kept) if (live.metadata[field] !== undefined) metadata[field] = live.metadata[field];
  if (owned) return;
  const reset = Array.isArray(metadata.managedFields) && metadata.managedFields.length === 0;
  if (reset || live.metadata.managedFields === undefined) delete metadata.managedFields;
  else metadata.managedFields = live.metadata.managedFields;
}

function checkFinalizers(info: ResourceInfo, draft: KubeObject, live: KubeObject): void {
  if (live.metadata.deletionTimestamp === undefined) return;
  const added = finalizersOf(draft).filter((finalizer) => !finalizersOf(live).includes(finalizer));
  if (added.length === 0) return;
  throw invalid(info, nameOf(draft), [
    {
      reason: 'FieldValueForbidden',
      field: 'metadata.finalizers',
      message: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`,
    },
  ]);
}

const withoutBooks = (object: KubeObject): KubeObject => {
  const copy = shallowCopy(object);
  delete copy.metadata.managedFields;
  return copy;
};

/** One try; 'raced' when another writer changed the object while admission was asked. */
async function attempt(context: WriteContext, request: UpdateRequest): Promise<Stored | 'raced'> {
  const { info, namespace, name, subresource, options } = request;
  const { store, admission } = context;
  const bucket = store.bucket(storageKey(info));
  const before = bucket.get(namespace, name);
  if (before === undefined) throw notFound(info, name);
  const live = inVersion(before.object, info);
  const change = request.change(live);
  if (change === null) return before;
  const owned = change.owned ?? false;
  checkKind(info, change.object);
  let draft = decodeDraft(info, change.object, change.duplicates ?? [], options);
  checkIdentity(request, draft, live);
  keepServerFields(draft, live, owned);
  draft = asKubeObject(defaultObject(info, prepareUpdate(info, draft, live, subresource)));
  const admit = { operation: 'UPDATE', info, subresource, namespace, name, oldObject: live, options } as const;
  const mutated = await admission.mutate({ ...admit, object: draft });
  if (mutated !== null && mutated !== draft) {
    draft = asKubeObject(defaultObject(info, prepareUpdate(info, mutated, live, subresource)));
  }
  checkFinalizers(info, draft, live);
  const { causes, warnings } = validateObject(info, draft, live, subresource);
  if (causes.length > 0) throw invalid(info, name, causes);
  warnings.forEach(options.warn);
  await admission.validate({ ...admit, object: draft });
  if (bucket.get(namespace, name) !== before) return 'raced';
  if (subresource === '') context.rules.get(storageKey(info))?.beforeUpdate?.(draft, live);
  if (!owned && equalJson(withoutBooks(draft), withoutBooks(live))) return before;
  if (!owned) {
    const books = {
      schema: info.schema,
      before: live,
      after: draft,
      manager: options.manager,
      now: formatTime(context.now()),
    };
    draft = asKubeObject(trackUpdate(subresource === '' ? books : { ...books, subresource }));
  }
  if (options.dryRun) return new Stored(draft, before.resourceVersion);
  return finishDeletion(store, bucket, draft) ?? store.put(bucket, draft);
}

/** Changes one object: optimistic when the change names a resourceVersion, else made again until it fits the latest state. */
export async function updateObject(context: WriteContext, request: UpdateRequest): Promise<Stored> {
  for (let i = 0; i < MAX_ATTEMPTS; i++) {
    const outcome = await attempt(context, request);
    if (outcome !== 'raced') return outcome;
  }
  throw conflict(request.info, request.name);
}
