import { workerData } from 'node:worker_threads';
import { DataPlaneWorker, type WorkerSettings } from './worker.js';

new DataPlaneWorker(workerData as WorkerSettings).run();
