import { asList, asString, isObject, type JsonObject } from '../../json.js';
import type { GroupVersionKind } from '../../group-version-kind.js';
import { indexPath } from '../../field-path.js';
import { tooLong } from '../../cause.js';
import {
  dns1035LabelProblems,
  dns1123LabelProblems,
  dns1123SubdomainProblems,
  pathSegmentProblems,
  qualifiedNameProblems,
} from '../../names.js';
import type { Problems } from './problems.js';

const MAX_ANNOTATIONS_BYTES = 256 * 1024;
/** Finalizers of Kubernetes itself, which need no domain. */
const PLAIN_FINALIZERS: ReadonlySet<string> = new Set([
  'kubernetes',
  'orphan',
  'foregroundDeletion',
  'customresourcecleanup.apiextensions.k8s.io',
]);

function nameRule(type: GroupVersionKind): (name: string) => readonly string[] {
  if (type.group === 'rbac.authorization.k8s.io' || type.kind === 'ClusterTrustBundle') return pathSegmentProblems;
  if (type.group === '' && type.kind === 'Namespace') return dns1123LabelProblems;
  if (type.group === '' && type.kind === 'Service') return dns1035LabelProblems;
  return dns1123SubdomainProblems;
}

export function validateMetadata(type: GroupVersionKind, object: JsonObject, problems: Problems): void {
  const metadata = object['metadata'];
  if (!isObject(metadata)) {
    problems.required('metadata');
    return;
  }
  const name = asString(metadata['name']);
  if (name === '') problems.required('metadata.name', 'name or generateName is required');
  else problems.check('metadata.name', name, nameRule(type)(name));
  const generateName = asString(metadata['generateName']);
  if (generateName !== '') problems.check('metadata.generateName', generateName, nameRule(type)(`${generateName}x`));
  problems.labels('metadata.labels', metadata['labels']);
  validateAnnotations(metadata['annotations'], problems);
  for (const [i, item] of asList(metadata['finalizers']).entries()) {
    const finalizer = asString(item);
    problems.check(indexPath('metadata.finalizers', i), finalizer, qualifiedNameProblems(finalizer));
    if (!finalizer.includes('/') && !PLAIN_FINALIZERS.has(finalizer)) {
      problems.invalid(
        indexPath('metadata.finalizers', i),
        finalizer,
        'name is neither a standard finalizer name nor is it fully qualified',
      );
    }
  }
  validateOwners(asList(metadata['ownerReferences']), problems);
}

function validateAnnotations(annotations: unknown, problems: Problems): void {
  if (!isObject(annotations)) return;
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    problems.check('metadata.annotations', key, qualifiedNameProblems(key.toLowerCase()));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(asString(value));
  }
  if (bytes > MAX_ANNOTATIONS_BYTES) problems.add(tooLong('metadata.annotations', MAX_ANNOTATIONS_BYTES));
}

function validateOwners(owners: readonly unknown[], problems: Problems): void {
  const controllers: string[] = [];
  for (const [i, owner] of owners.entries()) {
    if (!isObject(owner)) continue;
    const field = indexPath('metadata.ownerReferences', i);
    for (const key of ['apiVersion', 'kind', 'name', 'uid']) {
      if (asString(owner[key]) === '')
        problems.invalid(
          `${field}.${key}`,
          owner[key] ?? '',
          `${key === 'apiVersion' ? 'version' : key} must not be empty`,
        );
    }
    if (owner['controller'] === true) controllers.push(asString(owner['name']));
  }
  if (controllers.length > 1) {
    problems.invalid(
      'metadata.ownerReferences',
      owners,
      `Only one reference can have Controller set to true. Found "true" in references for ${controllers[0]!} and ${controllers[1]!}`,
    );
  }
}

/** What no update may change. A field that the client left out is not a change. */
export function validateMetadataUpdate(object: JsonObject, old: JsonObject, problems: Problems): void {
  const [metadata, before] = [object['metadata'], old['metadata']];
  if (!isObject(metadata) || !isObject(before)) return;
  for (const key of ['name', 'namespace', 'uid', 'creationTimestamp']) {
    if (metadata[key] !== undefined && before[key] !== undefined)
      problems.immutable(`metadata.${key}`, metadata[key], before[key]);
  }
  if (before['deletionTimestamp'] === undefined) return;
  const known = new Set(asList(before['finalizers']));
  const added = asList(metadata['finalizers']).filter((item) => !known.has(item));
  if (added.length > 0) {
    problems.forbidden(
      'metadata.finalizers',
      `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`,
    );
  }
}
