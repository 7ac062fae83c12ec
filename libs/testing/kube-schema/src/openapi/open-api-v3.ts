import type { JsonObject } from '../json.js';
import type { ResourceInfo } from '../resource-info.js';
import { groupVersionPath, resourcePaths } from './operations.js';
import { SchemaDocument } from './schema-document.js';

/** The document of /openapi/v3: one entry for each group version. `hashOf` is given the path (`api/v1`) and names the content for caches. */
export function openApiV3Index(resources: readonly ResourceInfo[], hashOf: (path: string) => string): JsonObject {
  const paths: JsonObject = {};
  for (const resource of resources) {
    const path = groupVersionPath(resource).slice(1);
    paths[path] ??= { serverRelativeURL: `/openapi/v3/${path}?hash=${encodeURIComponent(hashOf(path))}` };
  }
  return { paths };
}

/** The document of /openapi/v3/api/v1 or /openapi/v3/apis/<group>/<version>; undefined when nothing of it is served. */
export function openApiV3(
  resources: readonly ResourceInfo[],
  groupVersion: { readonly group: string; readonly version: string },
): JsonObject | undefined {
  const served = resources.filter((item) => item.group === groupVersion.group && item.version === groupVersion.version);
  if (served.length === 0) return undefined;
  const document = new SchemaDocument('v3');
  const paths: JsonObject = {};
  for (const resource of served) {
    Object.assign(paths, resourcePaths(resource, document.reference(document.addResource(resource)), 'v3'));
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.32.0' },
    paths,
    components: { schemas: document.definitions },
  };
}
