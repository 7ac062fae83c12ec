import { validateBuiltin } from './builtin/validation/builtin-validation.js';
import { validateMetadata, validateMetadataUpdate } from './builtin/validation/metadata-validation.js';
import { Problems } from './builtin/validation/problems.js';
import type { Cause } from './cause.js';
import { validateValue } from './crd/validate-value.js';
import type { JsonObject } from './json.js';
import type { ResourceInfo } from './resource-info.js';

export interface ObjectProblems {
  /** Not empty: 422 Invalid, `<Kind>.<group> "<name>" is invalid: ` + formatCauses(causes). */
  readonly causes: readonly Cause[];
  /** For the Warning header. */
  readonly warnings: readonly string[];
}

/** Judges a defaulted object: metadata, then the type's own rules. With `old` also the immutable fields. Never throws. */
export function validateObject(
  resource: ResourceInfo,
  object: JsonObject,
  old?: JsonObject,
  subresource = '',
): ObjectProblems {
  if (resource.virtual) return { causes: [], warnings: [] };
  const problems = new Problems();
  validateMetadata(resource, object, problems);
  if (old !== undefined) validateMetadataUpdate(object, old, problems);
  if (resource.custom) {
    if (resource.schema !== undefined) problems.add(...validateValue(resource.schema, object, '', old));
  } else if (subresource === '' || subresource === 'scale') {
    validateBuiltin(resource, object, old, problems);
  }
  return { causes: problems.causes, warnings: problems.warnings };
}
