import { formatApiVersion } from '../group-version-kind.js';
import type { JsonObject } from '../json.js';
import type { ResourceInfo, SubresourceInfo } from '../resource-info.js';
import { groupVersionKind, type OpenApiVersion } from './schema-document.js';

const PATCH_TYPES = ['application/apply-patch+yaml', 'application/json-patch+json', 'application/merge-patch+json'];
const STRATEGIC = 'application/strategic-merge-patch+json';

/** `/api/v1` or `/apis/<group>/<version>`. */
export function groupVersionPath(type: { readonly group: string; readonly version: string }): string {
  return type.group === '' ? `/api/${type.version}` : `/apis/${formatApiVersion(type)}`;
}

/** The paths of one resource with the operations that clients look for: which kind, which content types, which query parameters. */
export function resourcePaths(resource: ResourceInfo, body: JsonObject, version: OpenApiVersion): JsonObject {
  const root = groupVersionPath(resource);
  const collection = resource.namespaced
    ? `${root}/namespaces/{namespace}/${resource.plural}`
    : `${root}/${resource.plural}`;
  const operations = new Operations(resource, body, version);
  const paths: JsonObject = { [collection]: operations.collection() };
  if (resource.namespaced && !resource.virtual) paths[`${root}/${resource.plural}`] = operations.listAll();
  if (!resource.virtual) paths[`${collection}/{name}`] = operations.item();
  for (const subresource of resource.subresources) {
    paths[`${collection}/{name}/${subresource.name}`] = operations.subresource(subresource);
  }
  return paths;
}

class Operations {
  constructor(
    private readonly resource: ResourceInfo,
    private readonly body: JsonObject,
    private readonly version: OpenApiVersion,
  ) {}

  collection(): JsonObject {
    return {
      ...this.#parameters(false),
      ...this.#only('list', { get: this.#operation('list', LIST_PARAMETERS) }),
      ...this.#only('create', { post: this.#write('post', WRITE_PARAMETERS) }),
      ...this.#only('deletecollection', { delete: this.#operation('deletecollection', LIST_PARAMETERS) }),
    };
  }

  listAll(): JsonObject {
    return { get: this.#operation('list', LIST_PARAMETERS) };
  }

  item(): JsonObject {
    return {
      ...this.#parameters(true),
      get: this.#operation('get', []),
      put: this.#write('put', WRITE_PARAMETERS),
      patch: this.#patch(),
      delete: this.#operation('delete', DELETE_PARAMETERS),
    };
  }

  subresource(subresource: SubresourceInfo): JsonObject {
    const kind = groupVersionKind(subresource.kind, subresource.kind.kind);
    const operations: JsonObject = { ...this.#parameters(true) };
    for (const verb of subresource.verbs) {
      const method = METHODS[verb];
      if (method === undefined) continue;
      const base =
        method === 'patch'
          ? this.#patch()
          : method === 'get'
            ? this.#operation('get', [])
            : this.#write(method, WRITE_PARAMETERS);
      operations[method] = {
        ...base,
        'x-kubernetes-group-version-kind': kind,
        operationId: this.#id(`${verb}${titled(subresource.name)}`),
      };
    }
    return operations;
  }

  #only(verb: string, operations: JsonObject): JsonObject {
    return this.resource.verbs.includes(verb) ? operations : {};
  }

  #id(verb: string): string {
    return `${verb}${titled(this.resource.group.split('.')[0] || 'core')}${titled(this.resource.version)}${this.resource.namespaced ? 'Namespaced' : ''}${this.resource.kind}`;
  }

  #operation(action: string, query: readonly (readonly [string, string])[]): JsonObject {
    return {
      operationId: this.#id(action),
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': groupVersionKind(this.resource, this.resource.kind),
      ...(query.length === 0 ? {} : { parameters: query.map(([name, type]) => this.#parameter(name, type, 'query')) }),
      responses: { '200': this.#response() },
    };
  }

  #response(): JsonObject {
    return this.version === 'v2'
      ? { description: 'OK', schema: this.body }
      : { description: 'OK', content: { 'application/json': { schema: this.body } } };
  }

  #write(action: string, query: readonly (readonly [string, string])[]): JsonObject {
    const operation = this.#operation(action, query);
    if (this.version === 'v3')
      return { ...operation, requestBody: { required: true, content: { '*/*': { schema: this.body } } } };
    const body = { name: 'body', in: 'body', required: true, schema: this.body };
    return { ...operation, consumes: ['*/*'], parameters: [body, ...(operation['parameters'] as JsonObject[])] };
  }

  #patch(): JsonObject {
    const types = this.resource.custom ? PATCH_TYPES : [...PATCH_TYPES, STRATEGIC];
    const operation = this.#operation('patch', [...WRITE_PARAMETERS, ['force', 'boolean']]);
    const schema: JsonObject = { type: 'object' };
    if (this.version === 'v3') {
      return {
        ...operation,
        requestBody: { required: true, content: Object.fromEntries(types.map((type) => [type, { schema }])) },
      };
    }
    const body = { name: 'body', in: 'body', required: true, schema };
    return { ...operation, consumes: types, parameters: [body, ...(operation['parameters'] as JsonObject[])] };
  }

  #parameter(name: string, type: string, place: 'query' | 'path'): JsonObject {
    const base: JsonObject = { name, in: place, ...(place === 'path' ? { required: true } : {}) };
    return this.version === 'v2'
      ? { ...base, type, uniqueItems: true }
      : { ...base, schema: { type, uniqueItems: true } };
  }

  #parameters(named: boolean): JsonObject {
    const names = [...(named ? ['name'] : []), ...(this.resource.namespaced ? ['namespace'] : [])];
    return names.length === 0 ? {} : { parameters: names.map((name) => this.#parameter(name, 'string', 'path')) };
  }
}

const METHODS: Readonly<Record<string, 'get' | 'post' | 'put' | 'patch'>> = {
  get: 'get',
  create: 'post',
  update: 'put',
  patch: 'patch',
};

const titled = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const WRITE_PARAMETERS: readonly (readonly [string, string])[] = [
  ['dryRun', 'string'],
  ['fieldManager', 'string'],
  ['fieldValidation', 'string'],
  ['pretty', 'string'],
];

const LIST_PARAMETERS: readonly (readonly [string, string])[] = [
  ['allowWatchBookmarks', 'boolean'],
  ['continue', 'string'],
  ['fieldSelector', 'string'],
  ['labelSelector', 'string'],
  ['limit', 'integer'],
  ['resourceVersion', 'string'],
  ['resourceVersionMatch', 'string'],
  ['sendInitialEvents', 'boolean'],
  ['timeoutSeconds', 'integer'],
  ['watch', 'boolean'],
];

const DELETE_PARAMETERS: readonly (readonly [string, string])[] = [
  ['dryRun', 'string'],
  ['gracePeriodSeconds', 'integer'],
  ['orphanDependents', 'boolean'],
  ['propagationPolicy', 'string'],
];
