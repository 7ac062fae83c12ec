import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { toError } from '@weft/result';
import { checkClusterOptions, type ClusterOptions } from '../cluster/cluster-options.js';
import { ClusterStartError } from '../cluster/cluster-start-error.js';
import type { ClusterProcessArguments } from '../cluster/run-cluster-process.js';
import { childrenOf, readProcess } from '../process/process-table.js';
import { cleanupStale } from './clean-up-stale.js';
import { ClusterHandle } from './cluster-handle.js';
import { currentBootId, OUTPUT_FILE, writeClusterState } from './cluster-state.js';
import { checkRequirements, namespaceOptions, SYSTEM_PATH } from './requirements.js';

export interface SpawnOptions extends ClusterOptions {
  /** The bundled cluster process, `cluster.cjs`. */
  readonly entry: string;
  /** The port of the API server on 127.0.0.1. Default: any free one. */
  readonly hostPort?: number;
  /** `bound` clusters end with the process that started them; `detached` ones go on. Default `detached`. */
  readonly lifetime?: 'bound' | 'detached';
  /** Use a user namespace even as root, which is what users who are not root always get. */
  readonly userNamespace?: boolean;
  readonly onProgress?: (step: string) => void;
  /** Default 60 s. */
  readonly timeoutMs?: number;
}

/**
 * The first process inside: a shell, because pid 1 has to reap orphans and Node does not. It passes SIGTERM on, and ends with
 * the cluster process. Standard input is saved first, as a shell gives its background jobs an empty one.
 */
const INIT_SCRIPT = `
exec 4<&0
"$@" <&4 4<&- &
child=$!
exec 4<&-
trap 'kill -TERM $child' TERM INT
while :; do
  wait $child
  code=$?
  kill -0 $child 2>/dev/null || exit $code
done
`;

/**
 * Starts a local cluster in namespaces of its own and waits until it is ready. Killing the first process in there removes all
 * of it; what was left by an earlier one in the same state directory is removed first.
 *
 * Throws ClusterOptionsError, ClusterRequirementsError (this machine cannot) or ClusterStartError (a step failed, with its
 * reason); nothing keeps running then.
 */
export async function spawnCluster(options: SpawnOptions): Promise<ClusterHandle> {
  const { onProgress = () => undefined, timeoutMs = 60_000, stateDir } = options;
  checkClusterOptions(options);
  const root = process.getuid?.() === 0 && options.userNamespace !== true;
  onProgress('checking the kernel');
  await checkRequirements(root);
  await cleanupStale(stateDir);
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const listener = await listen(options.hostPort ?? 0);
  const { port } = listener.address() as AddressInfo;
  const child = launch(options, root, listener, port);
  listener.close();
  const { pid } = child;
  const startTime = pid === undefined ? undefined : readProcess(pid)?.startTime;
  if (pid === undefined || startTime === undefined) throw new ClusterStartError('the cluster process did not start');
  const state = { name: options.name, pid, startTime, bootId: await currentBootId(), hostPort: port };
  await writeClusterState(stateDir, state);
  const handle = new ClusterHandle(stateDir, state);
  try {
    await untilReady(handle, child, timeoutMs, onProgress);
    const [init] = childrenOf(pid);
    if (init !== undefined) await writeClusterState(stateDir, { ...state, init });
  } catch (thrown) {
    const output = await lastOutput(stateDir);
    await handle.stop({ keepLogs: true });
    throw new ClusterStartError(`local cluster ${options.name} did not start: ${toError(thrown).message}${output}`, {
      cause: thrown,
    });
  }
  return handle;
}

function launch(options: SpawnOptions, root: boolean, listener: Server, hostPort: number): ChildProcess {
  const {
    entry,
    lifetime = 'detached',
    name,
    stateDir,
    nodes,
    sharedPaths,
    images,
    persistFile,
    logFileBytes,
    ipFamily,
    logLevel,
  } = options;
  const bound = lifetime === 'bound';
  const inside: ClusterProcessArguments = {
    name,
    stateDir,
    nodes,
    sharedPaths,
    images,
    persistFile,
    logFileBytes,
    ipFamily,
    logLevel,
    hostPort,
    bound,
  };
  const output = openSync(join(stateDir, OUTPUT_FILE), 'w', 0o600);
  try {
    const argv = [
      ...namespaceOptions(root),
      'sh',
      '-c',
      INIT_SCRIPT,
      'sh',
      process.execPath,
      '--enable-source-maps',
      entry,
      JSON.stringify(inside),
    ];
    const child = spawn('unshare', argv, {
      detached: true,
      env: { ...process.env, PATH: `${SYSTEM_PATH}:${process.env['PATH'] ?? ''}` },
      stdio: [bound ? 'pipe' : 'ignore', output, output, descriptorOf(listener)],
    });
    child.on('error', () => undefined);
    child.stdin?.on('error', () => undefined);
    (child.stdin as { unref?: () => void } | null)?.unref?.();
    child.unref();
    return child;
  } finally {
    closeSync(output);
  }
}

async function untilReady(
  handle: ClusterHandle,
  child: ChildProcess,
  timeoutMs: number,
  onProgress: (step: string) => void,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  const steps = new Set<string>();
  const ended = new Promise<never>((_, reject) => {
    child.once('exit', (code) =>
      reject(new ClusterStartError(`its first process ended with exit code ${code ?? 'none'}`)),
    );
  });
  ended.catch(() => undefined);
  for (;;) {
    const report = (step: string): void => {
      if (!steps.has(step)) onProgress(step);
      steps.add(step);
    };
    try {
      await Promise.race([handle.untilReady(Math.max(1, deadline - performance.now()), report), ended]);
      return;
    } catch (thrown) {
      // The socket is not there in the first moments.
      if (!/ENOENT|ECONNREFUSED/.test(toError(thrown).message) || performance.now() > deadline) throw thrown;
      await Promise.race([new Promise((resolve) => setTimeout(resolve, 20)), ended]);
    }
  }
}

function listen(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(new ClusterStartError(`cannot listen on 127.0.0.1:${port}: ${error.message}`, { cause: error })),
    );
    server.listen({ host: '127.0.0.1', port }, () => resolve(server));
  });
}

/** Node has no public name for the descriptor of a listening socket. */
function descriptorOf(server: Server): number {
  return (server as unknown as { _handle: { fd: number } })._handle.fd;
}

async function lastOutput(stateDir: string): Promise<string> {
  const output = await readFile(join(stateDir, OUTPUT_FILE), 'utf8').catch(() => '');
  const lines = output.trim().split('\n').slice(-25);
  return lines.join('').trim() === '' ? '' : `\nits last output: ${lines.join('\n').slice(-2500)}`;
}
