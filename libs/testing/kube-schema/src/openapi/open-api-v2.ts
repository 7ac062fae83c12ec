import type { JsonObject } from '../json.js';
import type { ResourceInfo } from '../resource-info.js';

/** The document of /openapi/v2 for all that is served now. */
export function openApiV2(_resources: readonly ResourceInfo[]): JsonObject {
  return { swagger: '2.0', info: { title: 'Kubernetes', version: 'v1.32.0' }, paths: {}, definitions: {} };
}
