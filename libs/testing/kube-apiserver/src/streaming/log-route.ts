import { toError } from '@weft/result';
import { parseCount, parseFlag } from '../serving/list-query.js';
import type { ResourceRequest } from '../serving/resource-routes.js';
import { badRequest, methodNotAllowed, StatusError } from '../status-error.js';
import type { Store } from '../storage/store.js';
import { findContainer, requireKubelet } from './container-request.js';
import type { KubeletConnector, LogOptions } from './kubelet-connector.js';

function logOptions(query: URLSearchParams): LogOptions {
  const counts = {
    tailLines: parseCount(query, 'tailLines'),
    sinceSeconds: parseCount(query, 'sinceSeconds'),
    limitBytes: parseCount(query, 'limitBytes'),
  };
  const sinceTime = query.get('sinceTime');
  return {
    follow: parseFlag(query, 'follow'),
    previous: parseFlag(query, 'previous'),
    timestamps: parseFlag(query, 'timestamps'),
    ...(counts.tailLines === undefined ? {} : { tailLines: counts.tailLines }),
    ...(counts.sinceSeconds === undefined ? {} : { sinceSeconds: counts.sinceSeconds }),
    ...(counts.limitBytes === undefined ? {} : { limitBytes: counts.limitBytes }),
    ...(sinceTime === null ? {} : { sinceTime }),
  };
}

/** `pods/log`: the bytes as the node gives them, until they end or the client goes. */
export async function handleLog(
  store: Store,
  kubelet: KubeletConnector | undefined,
  request: ResourceRequest,
): Promise<void> {
  const { info, query, response } = request;
  if (request.request.method !== 'GET') throw methodNotAllowed(info, (request.request.method ?? '').toLowerCase());
  const ref = findContainer(store, request);
  const connector = requireKubelet(kubelet);
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  let lines: AsyncIterable<Buffer>;
  try {
    lines = await connector.logs(ref, logOptions(query), gone.signal);
  } catch (thrown) {
    throw thrown instanceof StatusError ? thrown : badRequest(toError(thrown).message);
  }
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.flushHeaders();
  try {
    for await (const chunk of lines) {
      if (response.destroyed) break;
      if (!response.write(chunk)) await drained(response);
    }
    response.end();
  } catch {
    response.destroy();
  }
}

function drained(response: ResourceRequest['response']): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}
