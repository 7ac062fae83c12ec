// The servers of all peers, on one thread.
import { readlinkSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { raiseOpenFileLimit } from '@weft/linux';
import { LoadServer } from './load-server.js';
import { ServerCounters } from './server-counters.js';

interface ServerData {
  readonly memory: SharedArrayBuffer;
  readonly netnsPaths: readonly string[];
  readonly port: number;
}

const { memory, netnsPaths, port } = workerData as ServerData;
raiseOpenFileLimit();
const server = new LoadServer(new ServerCounters(memory));
for (const path of netnsPaths) server.listen(path, port);
parentPort!.postMessage(readlinkSync('/proc/thread-self'));
server.run();
