import type { JsonObject } from '../json.js';
import type { ResourceInfo } from '../resource-info.js';

/** The document of /openapi/v3: one entry for each group version. `hashOf` is given the path (`api/v1`) and names the content for caches. */
export function openApiV3Index(_resources: readonly ResourceInfo[], _hashOf: (path: string) => string): JsonObject {
  return { paths: {} };
}

/** The document of /openapi/v3/api/v1 or /openapi/v3/apis/<group>/<version>; undefined when nothing of it is served. */
export function openApiV3(
  _resources: readonly ResourceInfo[],
  _groupVersion: { readonly group: string; readonly version: string },
): JsonObject | undefined {
  return undefined;
}
