import { rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ClusterHandle, cleanupStale } from '@weft/testing-local-cluster';
import { stateDirOf, type CommandOptions } from '../options.js';
import { Terminal } from './terminal.js';
import { persistFileOf } from './up.js';

/** Removes a cluster, also one whose processes crashed; `--keep` leaves its objects for the next `up`. */
export async function down({ name, keep }: CommandOptions): Promise<void> {
  const terminal = new Terminal(false);
  const stateDir = stateDirOf(name);
  const running = await ClusterHandle.attach(stateDir);
  await running?.stop();
  const stale = await cleanupStale(stateDir);
  if (!keep) {
    await rm(persistFileOf(name), { force: true });
    await rmdir(stateDir).catch(() => undefined); // not empty: somebody else's file is in there
    await rmdir(dirname(stateDir)).catch(() => undefined);
  }
  terminal.step(
    running !== null || stale
      ? `cluster ${name} is removed${keep ? ', its objects are kept' : ''}`
      : `no cluster ${name} runs`,
  );
}
