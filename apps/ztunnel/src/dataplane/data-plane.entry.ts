import { getHeapStatistics } from 'node:v8';
import { workerData } from 'node:worker_threads';
import { garbageCollector } from '@weft/runtime';
import { DataPlaneWorker, type WorkerSettings } from './worker.js';

// Loading leaves megabytes behind, and nothing is kept waiting yet.
const worker = new DataPlaneWorker(workerData as WorkerSettings, {
  collect: garbageCollector(),
  cpuMs: () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  },
  heapBytes: () => getHeapStatistics().used_heap_size,
});
garbageCollector('last-resort')();
worker.run();
