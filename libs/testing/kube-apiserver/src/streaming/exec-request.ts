import { parseFlag } from '../serving/list-query.js';
import type { ResourceTarget } from '../serving/resource-routes.js';
import { badRequest } from '../status-error.js';
import type { Store } from '../storage/store.js';
import { findContainer, requireKubelet } from './container-request.js';
import type { ExecOptions, ExecSession, KubeletConnector } from './kubelet-connector.js';

/** An exec or attach that may be carried out. */
export interface ExecRequest {
  readonly streams: Omit<ExecOptions, 'command'>;
  start(signal: AbortSignal): Promise<ExecSession>;
}

/** Everything that can be refused is refused here, before anything runs. */
export function readExecRequest(
  store: Store,
  kubelet: KubeletConnector | undefined,
  target: ResourceTarget,
): ExecRequest {
  const { path, query } = target;
  const ref = findContainer(store, target);
  const connector = requireKubelet(kubelet);
  const tty = parseFlag(query, 'tty');
  const streams = {
    stdin: parseFlag(query, 'stdin'),
    stdout: parseFlag(query, 'stdout'),
    stderr: parseFlag(query, 'stderr') && !tty,
    tty,
  };
  if (!streams.stdin && !streams.stdout && !streams.stderr)
    throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
  if (path.subresource === 'attach') {
    if (connector.attach === undefined) throw badRequest('attach is not supported by the nodes of this cluster');
    return { streams, start: (signal) => connector.attach!(ref, streams, signal) };
  }
  const command = query.getAll('command');
  if (command.length === 0) throw badRequest('you must specify at least one command for the container');
  return { streams, start: (signal) => connector.exec(ref, { command, ...streams }, signal) };
}
