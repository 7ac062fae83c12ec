import {
  formatApiVersion,
  isObject,
  jsonPatch,
  mergePatch,
  serverSideApply,
  strategicMerge,
  type JsonObject,
  type ResourceInfo,
} from '@weft/testing-kube-schema';
import { formatTime, uidOf, type KubeObject } from '../kube-object.js';
import { createObject } from '../objects/create-object.js';
import { deleteObject, parseDeleteOptions, type DeleteOutcome } from '../objects/delete-object.js';
import { updateObject, type Change } from '../objects/update-object.js';
import type { WriteContext, WriteOptions } from '../objects/write-context.js';
import { negotiate } from '../request/negotiation.js';
import {
  decodeBody,
  decodeObject,
  mediaTypeOf,
  patchKindOf,
  readBody,
  type PatchKind,
} from '../request/request-body.js';
import { optionalBody, writeOptionsOf, type RequestContext } from '../request/request-context.js';
import type { ResourcePath } from '../request/request-path.js';
import { badRequest, methodNotAllowed, notFound, StatusError, unsupportedMediaType } from '../status-error.js';
import type { Stored } from '../storage/stored.js';
import { storageKey } from '../type-catalog.js';
import type { ListObjects } from './list-objects.js';
import { parseFlag, parseVersionQuery } from './list-query.js';
import { inVersion, ObjectWriter, type IncludeObject } from './object-writer.js';
import { addWarnings, sendJson, sendPieces, sendText } from './response.js';
import type { WatchObjects } from './watch-objects.js';

/** What a path and its query name. */
export interface ResourceTarget {
  readonly info: ResourceInfo;
  readonly path: ResourcePath;
  readonly query: URLSearchParams;
}

/** A request for one resource, with the resource found. */
export interface ResourceRequest extends RequestContext, ResourceTarget {
  readonly query: URLSearchParams;
}

interface Patch {
  readonly kind: PatchKind;
  readonly value: unknown;
  readonly duplicates: readonly string[];
}

/** get, list, watch, create, update, patch, delete and deletecollection of any stored resource and its plain subresources. */
export class ResourceRoutes {
  constructor(
    private readonly context: WriteContext,
    private readonly lists: ListObjects,
    private readonly watches: WatchObjects,
  ) {}

  async handle(request: ResourceRequest): Promise<void> {
    const { path, info, query } = request;
    const method = request.request.method ?? 'GET';
    if (path.name === '' || (parseFlag(query, 'watch') && path.subresource === '') || path.watch) {
      return this.#collection(request, method);
    }
    switch (method) {
      case 'GET':
        this.#get(request);
        return;
      case 'PUT':
        return this.#update(request);
      case 'PATCH':
        return this.#patch(request);
      case 'DELETE':
        if (path.subresource !== '') throw methodNotAllowed(info, 'delete');
        return this.#delete(request);
      default:
        throw methodNotAllowed(info, method === 'POST' ? 'create' : method.toLowerCase());
    }
  }

  async #collection(request: ResourceRequest, method: string): Promise<void> {
    switch (method) {
      case 'GET':
        return parseFlag(request.query, 'watch') || request.path.watch ? this.#watch(request) : this.#list(request);
      case 'POST':
        return this.#create(request);
      case 'DELETE':
        return this.#deleteCollection(request);
      default:
        throw methodNotAllowed(request.info, method.toLowerCase());
    }
  }

  #writer({ request, query, info }: ResourceRequest): {
    readonly writer: ObjectWriter;
    readonly format: 'json' | 'yaml';
  } {
    const form = negotiate(request.headers.accept);
    const include = query.get('includeObject') ?? '';
    if (!['', 'None', 'Metadata', 'Object'].includes(include)) {
      throw badRequest(`includeObject: unsupported value ${JSON.stringify(include)}`);
    }
    const writer = new ObjectWriter(
      info,
      form.as,
      this.context.now,
      include === '' ? 'Metadata' : (include as IncludeObject),
    );
    return { writer, format: form.format };
  }

  #answer(request: ResourceRequest, stored: Stored, status = 200): void {
    const { writer, format } = this.#writer(request);
    addWarnings(request.response, request.warnings);
    sendText(request.response, status, writer.one(stored), format);
  }

  #get(request: ResourceRequest): void {
    const { path, info, query } = request;
    parseVersionQuery(query);
    const stored = this.context.store.bucket(storageKey(info)).get(path.namespace, path.name);
    if (stored === undefined) throw notFound(info, path.name);
    this.#answer(request, stored);
  }

  async #list(request: ResourceRequest): Promise<void> {
    const { path, info, query, response } = request;
    const { writer, format } = this.#writer(request);
    const namespace = info.namespaced && path.namespace !== '' ? path.namespace : undefined;
    const page = this.lists.list({ info, namespace, query });
    await sendPieces(response, writer.list(page.items, page.metadata), format);
  }

  #watch(request: ResourceRequest): Promise<void> {
    const { path, info, query, response } = request;
    const { writer } = this.#writer(request);
    const namespace = info.namespaced && path.namespace !== '' ? path.namespace : undefined;
    this.watches.start({ info, namespace, name: path.name, query, writer, response });
    return Promise.resolve();
  }

  async #create(request: ResourceRequest): Promise<void> {
    const { path, info } = request;
    const { object, duplicates } = decodeObject(await readBody(request.request), mediaTypeOf(request.request));
    const stored = await createObject(this.context, {
      info,
      namespace: path.namespace,
      body: object,
      duplicates,
      options: writeOptionsOf(request),
    });
    this.#answer(request, stored, 201);
  }

  async #update(request: ResourceRequest): Promise<void> {
    const { path, info } = request;
    const { object, duplicates } = decodeObject(await readBody(request.request), mediaTypeOf(request.request));
    const stored = await updateObject(this.context, {
      info,
      namespace: path.namespace,
      name: path.name,
      subresource: path.subresource,
      change: () => ({ object, duplicates }),
      options: writeOptionsOf(request),
    });
    this.#answer(request, stored);
  }

  async #patch(request: ResourceRequest): Promise<void> {
    const { path, info } = request;
    const kind = patchKindOf(request.request);
    const body = decodeBody(await readBody(request.request), mediaTypeOf(request.request));
    const patch: Patch = { kind, ...body };
    const options = writeOptionsOf(request);
    if (kind === 'apply') return this.#apply(request, patch, options);
    const stored = await updateObject(this.context, {
      info,
      namespace: path.namespace,
      name: path.name,
      subresource: path.subresource,
      change: (live) => ({ object: patched(info, live, patch), duplicates: patch.duplicates }),
      options,
    });
    this.#answer(request, stored);
  }

  async #apply(request: ResourceRequest, patch: Patch, options: WriteOptions): Promise<void> {
    const { path, info, query } = request;
    const manager = query.get('fieldManager') ?? '';
    if (manager === '')
      throw badRequest(
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      );
    if (!isObject(patch.value)) throw badRequest('the applied configuration must be one object');
    const applied = patch.value;
    const change = (live: KubeObject | null): Change | null =>
      this.#applied(request, applied, live, parseFlag(query, 'force'), patch.duplicates);
    const bucket = this.context.store.bucket(storageKey(info));
    if (bucket.get(path.namespace, path.name) === undefined) {
      if (path.subresource !== '') throw notFound(info, path.name);
      const first = change(null);
      if (first === null) throw notFound(info, path.name);
      const body: JsonObject = first.object;
      body['metadata'] = { ...(isObject(body['metadata']) ? body['metadata'] : {}), name: path.name };
      const created = await createObject(this.context, {
        info,
        namespace: path.namespace,
        body,
        duplicates: patch.duplicates,
        options,
        owned: true,
      });
      this.#answer(request, created, 201);
      return;
    }
    const { namespace, name, subresource } = path;
    const stored = await updateObject(this.context, { info, namespace, name, subresource, change, options });
    this.#answer(request, stored);
  }

  #applied(
    { info, path, query }: ResourceRequest,
    applied: JsonObject,
    live: KubeObject | null,
    force: boolean,
    duplicates: readonly string[],
  ): Change | null {
    if (applied['apiVersion'] === undefined || applied['apiVersion'] === '')
      throw badRequest('invalid object type: apiVersion must be set');
    if (applied['apiVersion'] !== formatApiVersion(info)) {
      throw badRequest(
        `invalid object type: ${JSON.stringify(applied['apiVersion'])}, expected ${formatApiVersion(info)}`,
      );
    }
    const outcome = serverSideApply({
      schema: info.schema,
      live,
      applied,
      manager: query.get('fieldManager') ?? '',
      force,
      subresource: path.subresource,
      now: formatTime(this.context.now()),
    });
    if (outcome.outcome === 'rejected') throw badRequest(outcome.message);
    if (outcome.outcome === 'conflict')
      throw new StatusError(409, 'Conflict', outcome.message, { causes: outcome.causes });
    return outcome.changed ? { object: outcome.object, duplicates, owned: true } : null;
  }

  async #delete(request: ResourceRequest): Promise<void> {
    const { path, info, response, query } = request;
    const body = await optionalBody(request);
    const outcome = await deleteObject(this.context, {
      info,
      namespace: path.namespace,
      name: path.name,
      deleteOptions: parseDeleteOptions(body, query),
      options: writeOptionsOf(request, body),
    });
    addWarnings(response, request.warnings);
    if (!outcome.gone || storageKey(info) === 'pods') this.#answer(request, outcome.stored);
    else sendJson(response, 200, deletedStatus(info, outcome), negotiate(request.request.headers.accept).format);
  }

  async #deleteCollection(request: ResourceRequest): Promise<void> {
    const { path, info, query, response } = request;
    if (info.namespaced && path.namespace === '') throw methodNotAllowed(info, 'deletecollection');
    const body = await optionalBody(request);
    const { writer, format } = this.#writer(request);
    const options = writeOptionsOf(request, body);
    const page = this.lists.list({ info, namespace: info.namespaced ? path.namespace : undefined, query });
    const deleteOptions = parseDeleteOptions(body, query);
    for (const { namespace, name } of page.items) {
      try {
        await deleteObject(this.context, { info, namespace, name, deleteOptions, options });
      } catch (cause) {
        if (!(cause instanceof StatusError) || cause.reason !== 'NotFound') throw cause;
      }
    }
    addWarnings(response, request.warnings);
    await sendPieces(response, writer.list(page.items, page.metadata), format);
  }
}

function deletedStatus(info: ResourceInfo, { stored }: DeleteOutcome): JsonObject {
  const group = info.group === '' ? {} : { group: info.group };
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name: stored.name, ...group, kind: info.plural, uid: uidOf(inVersion(stored.object, info)) },
  };
}

/** The live object with a JSON, merge or strategic merge patch on it. */
function patched(info: ResourceInfo, live: KubeObject, patch: Patch): JsonObject {
  if (patch.kind === 'json') {
    const result = jsonPatch(live, patch.value);
    if (!result.ok) throw new StatusError(result.error.status, result.error.reason, result.error.message);
    return result.value;
  }
  if (!isObject(patch.value)) throw badRequest('the patch must be one object');
  if (patch.kind === 'merge') return mergePatch(live, patch.value);
  if (info.custom || info.schema === undefined) {
    throw unsupportedMediaType([
      'application/json-patch+json',
      'application/merge-patch+json',
      'application/apply-patch+yaml',
    ]);
  }
  const result = strategicMerge(info.schema, live, patch.value);
  if (!result.ok) throw new StatusError(result.error.status, result.error.reason, result.error.message);
  return result.value;
}
