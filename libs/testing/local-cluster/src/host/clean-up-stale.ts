import { existsSync } from 'node:fs';
import { killCluster, readClusterState, removeStateFiles } from './cluster-state.js';

/**
 * Removes what is left of a cluster, whatever happened to those who started it: its processes, with them its namespaces, mounts
 * and firewall rules, and its files. True if there was anything.
 */
export async function cleanupStale(stateDir: string, options: { readonly keepLogs?: boolean } = {}): Promise<boolean> {
  if (!existsSync(stateDir)) return false;
  const state = await readClusterState(stateDir);
  if (state !== null) await killCluster(state, stateDir);
  await removeStateFiles(stateDir, options.keepLogs === true);
  return state !== null;
}
