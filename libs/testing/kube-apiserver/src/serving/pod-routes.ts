import {
  asList,
  asObject,
  asString,
  labelSelectorOf,
  matchesLabels,
  type JsonObject,
  type ResourceInfo,
} from '@weft/testing-kube-schema';
import { formatTime, shallowCopy, specOf, statusOf, type KubeObject } from '../kube-object.js';
import { deleteObject, parseDeleteOptions } from '../objects/delete-object.js';
import { updateObject } from '../objects/update-object.js';
import type { WriteContext } from '../objects/write-context.js';
import { optionalBody, writeOptionsOf } from '../request/request-context.js';
import { badRequest, conflict, methodNotAllowed, notFound, StatusError } from '../status-error.js';
import type { Stored } from '../storage/stored.js';
import type { ResourceRequest } from './resource-routes.js';
import { sendJson } from './response.js';

const SUCCESS = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };

function requirePost({ request, info }: ResourceRequest): void {
  if (request.method !== 'POST') throw methodNotAllowed(info, (request.method ?? '').toLowerCase());
}

function podOf(context: WriteContext, { info, path }: ResourceRequest, name = path.name): Stored {
  const stored = context.store.bucket('pods').get(path.namespace, name);
  if (stored === undefined) throw notFound(info, name);
  return stored;
}

/** `pods/binding` and `bindings`: puts a pod on a node, once. */
export async function handleBinding(context: WriteContext, request: ResourceRequest): Promise<void> {
  requirePost(request);
  const body = await optionalBody(request);
  const { path, response } = request;
  const info = podInfo(context);
  const name = path.plural === 'pods' ? path.name : asString(asObject(body['metadata'])['name']);
  const node = asObject(body['target'])['name'];
  if (typeof node !== 'string' || node === '') throw badRequest('target.name: Required value');
  podOf(context, { ...request, info }, name);
  await updateObject(context, {
    info,
    namespace: path.namespace,
    name,
    subresource: 'binding',
    change: (live) => ({ object: bound(live, node, info, context.now()), owned: true }),
    options: writeOptionsOf(request, body),
  });
  sendJson(response, 201, SUCCESS);
}

function bound(live: KubeObject, node: string, info: ResourceInfo, now: Date): JsonObject {
  const name = live.metadata.name ?? '';
  if (live.metadata.deletionTimestamp !== undefined)
    throw conflict(info, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  const current = specOf(live)['nodeName'];
  if (typeof current === 'string' && current !== '')
    throw conflict(info, name, `pod ${name} is already assigned to node ${JSON.stringify(current)}`);
  const draft = shallowCopy(live);
  draft['spec'] = { ...specOf(live), nodeName: node };
  const conditions = asList(statusOf(live)['conditions']).filter(
    (condition) => asObject(condition)['type'] !== 'PodScheduled',
  );
  const scheduled = { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: formatTime(now) };
  draft['status'] = { ...statusOf(live), conditions: [...conditions, scheduled] };
  return draft;
}

function podInfo(context: WriteContext): ResourceInfo {
  const info = context.catalog.find('', 'v1', 'pods');
  if (info === undefined) throw new TypeError('pods is not a known resource');
  return info;
}

/** `pods/eviction`: a deletion that a PodDisruptionBudget may refuse (429). */
export async function handleEviction(context: WriteContext, request: ResourceRequest): Promise<void> {
  requirePost(request);
  const body = await optionalBody(request);
  const { info, path, response, query } = request;
  const pod = podOf(context, request);
  if (pod.object.metadata.deletionTimestamp === undefined) checkBudgets(context, pod);
  const options = asObject(body['deleteOptions']);
  await deleteObject(context, {
    info,
    namespace: path.namespace,
    name: path.name,
    deleteOptions: parseDeleteOptions(options, query),
    options: writeOptionsOf(request, options),
  });
  sendJson(response, 201, SUCCESS);
}

function checkBudgets(context: WriteContext, pod: Stored): void {
  for (const { object, name } of context.store.bucket('poddisruptionbudgets.policy').list(pod.namespace)) {
    const selector = labelSelectorOf(specOf(object)['selector']);
    if (!selector.ok || !matchesLabels(selector.value, pod.object.metadata.labels)) continue;
    const allowed = statusOf(object)['disruptionsAllowed'];
    if (typeof allowed === 'number' && allowed > 0) continue;
    throw new StatusError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
      causes: [
        { reason: 'DisruptionBudget', message: `The disruption budget ${name} does not allow a disruption now` },
      ],
    });
  }
}
