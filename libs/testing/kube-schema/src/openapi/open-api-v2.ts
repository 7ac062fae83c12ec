import type { JsonObject } from '../json.js';
import type { ResourceInfo } from '../resource-info.js';
import { resourcePaths } from './operations.js';
import { SchemaDocument } from './schema-document.js';

/** The document of /openapi/v2 for all that is served now. */
export function openApiV2(resources: readonly ResourceInfo[]): JsonObject {
  const document = new SchemaDocument('v2');
  const paths: JsonObject = {};
  for (const resource of resources) {
    Object.assign(paths, resourcePaths(resource, document.reference(document.addResource(resource)), 'v2'));
  }
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: 'v1.32.0' },
    paths,
    definitions: document.definitions,
  };
}
