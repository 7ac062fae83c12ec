import { applyOperation, getValueByPointer, JsonPatchError, type Operation } from 'fast-json-patch';
import { err, ok, type Result } from '@weft/result';
import { cloneJson, isObject, type JsonObject } from '../json.js';
import { malformedPatch, unfitPatch, type PatchError } from './patch-error.js';

/** As the real server: a longer patch is an attempt to exhaust it. */
const MAX_OPERATIONS = 10_000;
const OPERATIONS: ReadonlySet<unknown> = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);

/** RFC 6902. All operations or none; the input is not changed. */
export function jsonPatch(document: JsonObject, patch: unknown): Result<JsonObject, PatchError> {
  const shape = shapeProblem(patch);
  if (shape !== undefined) return err(malformedPatch(shape));
  const operations = cloneJson(patch) as Operation[];
  try {
    let result: unknown = cloneJson(document);
    for (const [i, operation] of operations.entries()) {
      result = applyOperation(result, asServerReads(result, operation), true, true, true, i).newDocument;
    }
    return isObject(result) ? ok(result) : err(unfitPatch('the patched document is not an object'));
  } catch (thrown) {
    if (thrown instanceof JsonPatchError) return err(unfitPatch(describe(thrown, operations)));
    if (thrown instanceof TypeError) {
      return err(unfitPatch(`the server rejected our request due to an error in our request: ${thrown.message}`));
    }
    throw thrown;
  }
}

/** Differs from RFC 6902 as the real server does: `replace` of a key that an object lacks adds it. */
function asServerReads(document: unknown, operation: Operation): Operation {
  if (operation.op !== 'replace' || operation.path === '') return operation;
  const slash = operation.path.lastIndexOf('/');
  const key = operation.path
    .slice(slash + 1)
    .replaceAll('~1', '/')
    .replaceAll('~0', '~');
  const parent = resolve(document, operation.path.slice(0, slash));
  return isObject(parent) && !Object.hasOwn(parent, key) ? { ...operation, op: 'add' } : operation;
}

function resolve(document: unknown, pointer: string): unknown {
  try {
    return getValueByPointer(document, pointer) as unknown;
  } catch {
    return undefined;
  }
}

function shapeProblem(patch: unknown): string | undefined {
  if (!Array.isArray(patch)) return 'json: cannot unmarshal object into Go value of type jsonpatch.Patch';
  if (patch.length > MAX_OPERATIONS) {
    return `The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${patch.length}`;
  }
  for (const item of patch as readonly unknown[]) {
    if (!isObject(item) || !OPERATIONS.has(item['op'])) {
      return `Unexpected kind: ${isObject(item) ? String(item['op']) : 'unknown'}`;
    }
    if (typeof item['path'] !== 'string') return `operation ${String(item['op'])} has no path`;
    if (item['path'] !== '' && !item['path'].startsWith('/'))
      return `path ${JSON.stringify(item['path'])} must start with "/"`;
    if (!hasValue(item))
      return `operation ${String(item['op'])} at ${JSON.stringify(item['path'])} misses "value" or "from"`;
  }
  return undefined;
}

function hasValue(operation: JsonObject): boolean {
  switch (operation['op']) {
    case 'move':
    case 'copy':
      return typeof operation['from'] === 'string';
    case 'remove':
      return true;
    default:
      return operation['value'] !== undefined;
  }
}

function describe(error: JsonPatchError, operations: readonly Operation[]): string {
  const failed: Operation | undefined = error.index === undefined ? undefined : operations[error.index];
  const path = failed?.path ?? '';
  switch (error.name) {
    case 'TEST_OPERATION_FAILED':
      return `the server rejected our request due to an error in our request: testing value ${path} failed: test failed`;
    case 'OPERATION_PATH_UNRESOLVABLE':
    case 'OPERATION_FROM_UNRESOLVABLE':
    case 'OPERATION_PATH_CANNOT_ADD':
      return `${failed?.op ?? ''} operation does not apply: doc is missing path: ${JSON.stringify(path)}: missing value`;
    default:
      return `the server rejected our request due to an error in our request: ${failed?.op ?? ''} ${path}: ${error.name}`;
  }
}
