import type { JsonObject } from './json.js';
import type { ResourceInfo } from './resource-info.js';

/** The autoscaling/v1 Scale of an object; `undefined` when the resource has no scale subresource. */
export function readScale(_resource: ResourceInfo, _object: JsonObject): JsonObject | undefined {
  return undefined;
}

/** A copy of the object with `replicas` written where the resource keeps it. */
export function writeReplicas(_resource: ResourceInfo, object: JsonObject, _replicas: number): JsonObject {
  return object;
}
