import {
  asObject,
  isObject,
  jsonPatch,
  mergePatch,
  readScale,
  writeReplicas,
  type JsonObject,
} from '@weft/testing-kube-schema';
import { updateObject } from '../objects/update-object.js';
import type { WriteContext } from '../objects/write-context.js';
import { decodeBody, mediaTypeOf, patchKindOf, readBody } from '../request/request-body.js';
import { writeOptionsOf } from '../request/request-context.js';
import { badRequest, conflict, invalid, methodNotAllowed, noSuchPath, notFound, StatusError } from '../status-error.js';
import { storageKey } from '../type-catalog.js';
import { inVersion } from './object-writer.js';
import type { ResourceRequest } from './resource-routes.js';
import { sendJson } from './response.js';

const SCALE = { group: 'autoscaling', kind: 'Scale' };

/** get, update and patch of `<resource>/scale`: the replicas of an object, whatever its kind. */
export async function handleScale(context: WriteContext, request: ResourceRequest): Promise<void> {
  const { info, path, response } = request;
  const live = context.store.bucket(storageKey(info)).get(path.namespace, path.name);
  if (live === undefined) throw notFound(info, path.name);
  const method = request.request.method ?? 'GET';
  if (method === 'GET') {
    sendJson(response, 200, scaleOf(request, inVersion(live.object, info)));
    return;
  }
  if (method !== 'PUT' && method !== 'PATCH') throw methodNotAllowed(info, method.toLowerCase());
  const kind = method === 'PUT' ? undefined : patchKindOf(request.request);
  const body = decodeBody(await readBody(request.request), mediaTypeOf(request.request)).value;
  const stored = await updateObject(context, {
    info,
    namespace: path.namespace,
    name: path.name,
    subresource: 'scale',
    change: (object) => {
      const before = scaleOf(request, object);
      const scale = kind === undefined ? asObject(body) : patchScale(before, kind, body);
      const version = asObject(scale['metadata'])['resourceVersion'];
      if (typeof version === 'string' && version !== '' && version !== object.metadata.resourceVersion)
        throw conflict(info, path.name);
      return { object: writeReplicas(info, object, replicasOf(scale, path.name)) };
    },
    options: writeOptionsOf(request),
  });
  sendJson(response, 200, scaleOf(request, inVersion(stored.object, info)));
}

function scaleOf({ info }: ResourceRequest, object: JsonObject): JsonObject {
  const scale = readScale(info, object);
  if (scale === undefined) throw noSuchPath();
  return scale;
}

function patchScale(scale: JsonObject, kind: 'json' | 'merge' | 'strategic' | 'apply', patch: unknown): JsonObject {
  if (kind === 'json') {
    const result = jsonPatch(scale, patch);
    if (!result.ok) throw new StatusError(result.error.status, result.error.reason, result.error.message);
    return result.value;
  }
  if (!isObject(patch)) throw badRequest('the patch must be one object');
  return mergePatch(scale, patch);
}

function replicasOf(scale: JsonObject, name: string): number {
  const replicas = asObject(scale['spec'])['replicas'] ?? 0;
  if (typeof replicas === 'number' && Number.isInteger(replicas) && replicas >= 0) return replicas;
  throw invalid(SCALE, name, [
    {
      reason: 'FieldValueInvalid',
      field: 'spec.replicas',
      message: `Invalid value: ${JSON.stringify(replicas)}: must be greater than or equal to 0`,
    },
  ]);
}
