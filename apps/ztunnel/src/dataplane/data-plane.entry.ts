import { workerData } from 'node:worker_threads';
import { garbageCollector } from '@weft/runtime';
import { DataPlaneWorker, type WorkerSettings } from './worker.js';

const worker = new DataPlaneWorker(workerData as WorkerSettings);
// Loading leaves megabytes behind, and nothing is kept waiting yet.
garbageCollector('last-resort')();
worker.run();
