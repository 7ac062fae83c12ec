import type { JsonObject } from './json.js';
import type { ResourceInfo } from './resource-info.js';

/**
 * What the server decides on create, before defaulting: drops `status` where it is a subresource, sets the first status of a Pod, a Namespace or a
 * PersistentVolumeClaim, sets `metadata.generation` to 1 where it counts. Returns a new object.
 */
export function prepareCreate(_resource: ResourceInfo, object: JsonObject): JsonObject {
  return object;
}

/**
 * What an update may carry: to the main resource it keeps the old `status`; to `status` it keeps all of the old object but `status` and some metadata.
 * Counts `metadata.generation` up when anything but metadata and status changed. Also keeps what the client may not clear (uid, creationTimestamp, clusterIP...).
 */
export function prepareUpdate(_resource: ResourceInfo, object: JsonObject, _old: JsonObject, _subresource = ''): JsonObject {
  return object;
}
