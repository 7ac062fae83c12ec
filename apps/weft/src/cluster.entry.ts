import { runClusterProcess } from '@weft/testing-local-cluster';

// The first process of a local cluster; started by `spawnCluster` inside namespaces of its own.
void runClusterProcess(process.argv[2] ?? '');
