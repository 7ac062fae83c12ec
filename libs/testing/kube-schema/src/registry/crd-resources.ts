import type { JsonObject } from '../json.js';
import type { ResourceInfo } from '../resource-info.js';

/**
 * The resources that an accepted CustomResourceDefinition serves, one for each served version.
 * The storage version is found by `spec.versions[].storage`; a schema that does not compile leaves `schema` out (and accepts anything).
 */
export function resourcesOfCrd(_crd: JsonObject): readonly ResourceInfo[] {
  return [];
}
