import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const WORKSPACE = join(__dirname, '../../../../..');

/** Bundles the cluster process from the sources as they are; `koffi` is found because the bundle lies inside the workspace. */
export async function bundleClusterEntry(): Promise<{ readonly entry: string; remove(): Promise<void> }> {
  const directory = await mkdtemp(join(WORKSPACE, 'tmp/local-cluster-'));
  const entry = join(directory, 'cluster.cjs');
  await build({
    absWorkingDir: WORKSPACE,
    entryPoints: ['apps/weft/src/cluster.entry.ts'],
    outfile: entry,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    external: ['koffi'],
    tsconfig: 'tsconfig.base.json',
    logLevel: 'warning',
  });
  return { entry, remove: () => rm(directory, { recursive: true, force: true }) };
}
