import { workerData } from 'node:worker_threads';
import { DataPlaneWorker, type WorkerSettings } from '../dataplane/worker.js';

// A data-plane worker that dies for real when a spec writes a reason into the last cell of its counters.

/** What the cell may hold. */
const THROW = 1;
const OUT_OF_MEMORY = 2;

const settings = workerData as WorkerSettings;
const trigger = new Float64Array(settings.counters).subarray(-1);
const clock = performance.now.bind(performance);

// Both engines read the clock in every turn, outside of anything that would catch what is thrown.
performance.now = () => {
  if (trigger[0] === THROW) crash();
  if (trigger[0] === OUT_OF_MEMORY) eat();
  return clock();
};

function eat(): never {
  trigger[0] = 0;
  for (const hog: number[][] = []; ;) hog.push(new Array<number>(1_000_000).fill(1.5));
}

function crash(): never {
  trigger[0] = 0;
  const error = new Error('a crash on purpose');
  setImmediate(() => {
    throw error;
  });
  throw error;
}

new DataPlaneWorker(settings).run();
