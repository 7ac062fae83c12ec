import { workerData } from 'node:worker_threads';
import { DataPlaneWorker, type WorkerSettings } from './worker.js';

const settings = workerData as WorkerSettings;
new DataPlaneWorker(settings).run();
settings.port.close();
