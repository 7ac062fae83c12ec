import {
  cloneJson,
  decodeProblems,
  formatApiVersion,
  isObject,
  prune,
  type JsonObject,
  type ResourceInfo,
} from '@weft/testing-kube-schema';
import { asKubeObject, type KubeObject } from '../kube-object.js';
import { badRequest } from '../status-error.js';
import type { WriteOptions } from './write-context.js';

/** The body has to be of the resource in the path; an absent apiVersion or kind is taken from there. */
export function checkKind(info: ResourceInfo, body: JsonObject): void {
  const apiVersion = formatApiVersion(info);
  body['apiVersion'] ??= apiVersion;
  body['kind'] ??= info.kind;
  if (body['apiVersion'] !== apiVersion) {
    throw badRequest(
      `the API version in the data (${String(body['apiVersion'])}) does not match the expected API version (${apiVersion})`,
    );
  }
  if (body['kind'] !== info.kind) {
    throw badRequest(`the kind in the data (${String(body['kind'])}) does not match the expected kind (${info.kind})`);
  }
  if (body['metadata'] !== undefined && !isObject(body['metadata'])) throw badRequest('metadata must be an object');
}

/**
 * A draft of the object, without unknown fields. What was dropped or given twice is an error, a warning or nothing, as the
 * request's fieldValidation says; a wrong type in a built-in kind is always an error.
 */
export function decodeDraft(
  info: ResourceInfo,
  body: JsonObject,
  duplicates: readonly string[],
  options: WriteOptions,
): KubeObject {
  const problems = decodeProblems(info, body);
  const fatal = problems.find((problem) => problem.kind === 'wrong-type');
  if (fatal !== undefined) {
    throw badRequest(
      `${info.kind} in version ${JSON.stringify(info.version)} cannot be handled as a ${info.kind}: ${fatal.message}`,
    );
  }
  const complaints = [
    ...duplicates.map((path) => `duplicate field ${JSON.stringify(path)}`),
    ...problems.map((problem) => problem.message),
  ];
  if (complaints.length > 0 && options.fieldValidation === 'Strict') {
    throw badRequest(`strict decoding error: ${complaints.join(', ')}`);
  }
  if (options.fieldValidation === 'Warn') for (const complaint of complaints) options.warn(complaint);
  const known = problems.length > 0 && info.schema !== undefined ? prune(info.schema, body).object : body;
  const { apiVersion, kind, metadata, ...fields } = cloneJson(known);
  return asKubeObject({ apiVersion, kind, metadata, ...fields });
}
