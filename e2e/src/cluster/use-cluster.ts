import type { Cluster } from './cluster.js';
import { startLocalCluster, type LocalClusterOptions } from './local-cluster.js';

const START_MS = 150_000;

/** One cluster for all tests of a file: started before the first, ended after the last, also when a test process dies. */
export function useCluster(options: LocalClusterOptions): () => Cluster {
  let cluster: Cluster | null = null;
  beforeAll(async () => {
    cluster = await startLocalCluster(options);
  }, START_MS);
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });
  return () => {
    if (cluster === null) throw new Error(`cluster ${options.name} did not start`);
    return cluster;
  };
}
