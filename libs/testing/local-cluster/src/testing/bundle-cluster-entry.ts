import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type BuildOptions } from 'esbuild';

const WORKSPACE = join(__dirname, '../../../../..');

/** Starts a cluster that is bound to its own process, prints the pid, and waits. Takes the spawn options as JSON. */
const BOUND_PARENT = `
import { spawnCluster } from './libs/testing/local-cluster/src/host/spawn-cluster.ts';
void spawnCluster({ ...JSON.parse(process.argv[2]), lifetime: 'bound' }).then(({ pid }) => console.log(pid));
setInterval(() => undefined, 60_000);
`;

export interface ClusterBundle {
  readonly entry: string;
  readonly boundParent: string;
  remove(): Promise<void>;
}

/** Bundles the cluster process from the sources as they are; `koffi` is found because the bundle lies inside the workspace. */
export async function bundleClusterEntry(): Promise<ClusterBundle> {
  await mkdir(join(WORKSPACE, 'tmp'), { recursive: true });
  const directory = await mkdtemp(join(WORKSPACE, 'tmp/local-cluster-'));
  const entry = join(directory, 'cluster.cjs');
  const boundParent = join(directory, 'bound-parent.cjs');
  const shared: BuildOptions = {
    absWorkingDir: WORKSPACE,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    external: ['koffi'],
    tsconfig: 'tsconfig.base.json',
    logLevel: 'warning',
  };
  await build({ ...shared, entryPoints: ['apps/weft/src/cluster.entry.ts'], outfile: entry });
  await build({ ...shared, stdin: { contents: BOUND_PARENT, resolveDir: WORKSPACE }, outfile: boundParent });
  return { entry, boundParent, remove: () => rm(directory, { recursive: true, force: true }) };
}
