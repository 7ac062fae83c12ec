// Runs one load after the other, as asked by messages.
import { parentPort, workerData } from 'node:worker_threads';
import { toError } from '@weft/result';
import type { LoadReply, LoadRequest } from './load-order.js';
import { LoadRunner } from './load-runner.js';
import { ServerCounters } from './server-counters.js';

interface LoadData {
  readonly memory: SharedArrayBuffer;
  /** `<pid>/task/<tid>` of the server's thread. */
  readonly serverThread: string;
}

const { memory, serverThread } = workerData as LoadData;
const runner = new LoadRunner(new ServerCounters(memory), serverThread);
parentPort!.on('message', (request: LoadRequest) => {
  let reply: LoadReply;
  try {
    reply = { ok: true, sample: runner.run(request) };
  } catch (thrown) {
    reply = { ok: false, error: toError(thrown).message };
  }
  parentPort!.postMessage(reply);
});
