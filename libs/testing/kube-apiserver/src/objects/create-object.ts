import { randomInt, randomUUID } from 'node:crypto';
import {
  defaultObject,
  prepareCreate,
  trackUpdate,
  validateObject,
  type Cause,
  type JsonObject,
  type ResourceInfo,
} from '@weft/testing-kube-schema';
import { asKubeObject, formatTime, nameOf, type KubeObject } from '../kube-object.js';
import { alreadyExists, badRequest, invalid } from '../status-error.js';
import { Stored } from '../storage/stored.js';
import { storageKey } from '../type-catalog.js';
import { checkKind, decodeDraft } from './decode-body.js';
import type { WriteContext, WriteOptions } from './write-context.js';

const SUFFIX_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
const MAX_GENERATED_BASE = 58;

function nameSuffix(): string {
  return Array.from({ length: 5 }, () => SUFFIX_LETTERS[randomInt(SUFFIX_LETTERS.length)]!).join('');
}

export interface CreateRequest {
  readonly info: ResourceInfo;
  /** Of the path; empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly body: JsonObject;
  readonly duplicates?: readonly string[];
  readonly options: WriteOptions;
  /** True when managedFields are already worked out (server-side apply). */
  readonly owned?: boolean;
}

/** Names and namespaces: the path decides, the body may repeat it. */
function placeDraft(info: ResourceInfo, draft: KubeObject, namespace: string): void {
  const { metadata } = draft;
  if (info.namespaced) {
    if (namespace === '') throw badRequest('an empty namespace may not be set during creation');
    if (metadata.namespace !== undefined && metadata.namespace !== '' && metadata.namespace !== namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
    metadata.namespace = namespace;
  } else {
    if (metadata.namespace !== undefined && metadata.namespace !== '') {
      throw badRequest('namespace is not allowed on this type');
    }
    delete metadata.namespace;
  }
  if (
    (metadata.name === undefined || metadata.name === '') &&
    typeof metadata.generateName === 'string' &&
    metadata.generateName !== ''
  ) {
    metadata.name = `${metadata.generateName.slice(0, MAX_GENERATED_BASE)}${nameSuffix()}`;
  }
}

/** The fields that only the server sets. */
function stampNew(draft: KubeObject, now: Date): void {
  const { metadata } = draft;
  metadata.uid = randomUUID();
  metadata.creationTimestamp = formatTime(now);
  delete metadata.resourceVersion;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata['selfLink'];
}

function refuse(info: ResourceInfo, draft: KubeObject, causes: readonly Cause[]): void {
  if (causes.length > 0) throw invalid(info, nameOf(draft), causes);
}

/** The whole way of a new object: decode, name, default, admit, validate, store. With dryRun all but the last step. */
export async function createObject(context: WriteContext, request: CreateRequest): Promise<Stored> {
  const { info, namespace, options } = request;
  const { store, admission } = context;
  checkKind(info, request.body);
  let draft = decodeDraft(info, request.body, request.duplicates ?? [], options);
  placeDraft(info, draft, namespace);
  if (!(request.owned ?? false)) delete draft.metadata.managedFields;
  stampNew(draft, context.now());
  draft = asKubeObject(prepareCreate(info, draft));
  draft = asKubeObject(defaultObject(info, draft));
  const admit = {
    operation: 'CREATE',
    info,
    subresource: '',
    namespace,
    name: nameOf(draft),
    oldObject: null,
    options,
  } as const;
  const mutated = await admission.mutate({ ...admit, object: draft });
  if (mutated !== null && mutated !== draft) draft = asKubeObject(defaultObject(info, mutated));
  const { causes, warnings } = validateObject(info, draft);
  refuse(info, draft, causes);
  if (nameOf(draft) === '') {
    refuse(info, draft, [
      {
        reason: 'FieldValueRequired',
        field: 'metadata.name',
        message: 'Required value: name or generateName is required',
      },
    ]);
  }
  warnings.forEach(options.warn);
  await admission.validate({ ...admit, object: draft });
  const bucket = store.bucket(storageKey(info));
  if (bucket.get(namespace, nameOf(draft)) !== undefined) throw alreadyExists(info, nameOf(draft));
  context.rules.get(storageKey(info))?.beforeCreate?.(draft);
  if (!(request.owned ?? false)) {
    draft = asKubeObject(
      trackUpdate({
        schema: info.schema,
        before: null,
        after: draft,
        manager: options.manager,
        now: formatTime(context.now()),
      }),
    );
  }
  return options.dryRun ? new Stored(draft, 0) : store.put(bucket, draft);
}
