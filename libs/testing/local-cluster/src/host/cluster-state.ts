import { readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CONTROL_SOCKET, KUBECONFIG_FILE, LOG_DIRECTORY } from '../cluster/state-files.js';
import {
  commandLineOf,
  listProcesses,
  readProcess,
  signalProcess,
  type ProcessEntry,
} from '../process/process-table.js';

const STATE_FILE = 'cluster.json';
export const OUTPUT_FILE = 'cluster.log';

/** What is needed to find a cluster again, and to end it without its help. */
export interface ClusterState {
  readonly name: string;
  /** The process outside the namespaces whose child is the first process inside. */
  readonly pid: number;
  /** Clock ticks since boot; a pid alone may be somebody else's by now. */
  readonly startTime: number;
  readonly bootId: string;
  readonly hostPort: number;
  /** The first process inside, as the outside sees it; known once the cluster is ready. */
  readonly init?: Pick<ProcessEntry, 'pid' | 'startTime'>;
}

export async function writeClusterState(stateDir: string, state: ClusterState): Promise<void> {
  const file = join(stateDir, STATE_FILE);
  await writeFile(`${file}.new`, JSON.stringify(state, null, 2) + '\n', { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** Null when there is none, or one that cannot be read. */
export async function readClusterState(stateDir: string): Promise<ClusterState | null> {
  try {
    const state = JSON.parse(await readFile(join(stateDir, STATE_FILE), 'utf8')) as Partial<ClusterState>;
    return typeof state.pid === 'number' && typeof state.startTime === 'number' ? (state as ClusterState) : null;
  } catch {
    return null;
  }
}

export async function currentBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim();
}

/** The cluster's outer process, if it is still the same one and alive. */
export async function findClusterProcess(state: ClusterState): Promise<ProcessEntry | null> {
  if (state.bootId !== (await currentBootId())) return null;
  const entry = readProcess(state.pid);
  return entry !== null && entry.startTime === state.startTime && entry.state !== 'Z' ? entry : null;
}

const GONE_DEADLINE_MS = 10_000;

/**
 * Kills the first process inside the namespaces, which takes everything there with it, and waits until it is gone: the kernel
 * lets it go after all the others. The process outside may have been killed before, so it is also found by what was written
 * down of it, and by its arguments.
 */
export async function killCluster(state: ClusterState, stateDir: string): Promise<void> {
  if (state.bootId !== (await currentBootId())) return;
  const outer = await findClusterProcess(state);
  const argument = `"stateDir":${JSON.stringify(stateDir)}`;
  const { init } = state;
  const all = listProcesses().filter(
    ({ pid, parent, startTime }) =>
      pid === outer?.pid ||
      parent === outer?.pid ||
      (pid === init?.pid && startTime === init.startTime) ||
      commandLineOf(pid).includes(argument),
  );
  for (const { pid } of all) signalProcess(pid, 'SIGKILL');
  const deadline = performance.now() + GONE_DEADLINE_MS;
  const alive = (entry: ProcessEntry): boolean => {
    const now = readProcess(entry.pid);
    return now !== null && now.startTime === entry.startTime && now.state !== 'Z';
  };
  while (all.some(alive) && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Removes what a cluster wrote; the directory too if it is empty then. */
export async function removeStateFiles(stateDir: string, keepLogs: boolean): Promise<void> {
  const names = [STATE_FILE, CONTROL_SOCKET, KUBECONFIG_FILE, ...(keepLogs ? [] : [OUTPUT_FILE, LOG_DIRECTORY])];
  for (const name of names) await rm(join(stateDir, name), { recursive: true, force: true });
  await rmdir(stateDir).catch(() => undefined);
}
