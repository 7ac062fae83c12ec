import { parseSocketAddress } from '@weft/ip';
import { ExchangeSocket } from './exchange-socket.js';
import { BulkWork, ConnectsWork, PacedWork } from './load-work.js';
import { LoadServer } from './load-server.js';
import { ServerCounters } from './server-counters.js';
import { SocketLoop } from './socket-loop.js';
import { Tally } from './tally.js';

const PORT = 20_000 + (process.pid % 10_000);
const address = parseSocketAddress(`127.0.0.1:${PORT}`)!;
const DEADLINE_MS = 20_000;

let server: LoadServer;
let counters: ServerCounters;
let loop: SocketLoop;

beforeEach(() => {
  counters = new ServerCounters();
  server = new LoadServer(counters);
  server.listen('/proc/thread-self/ns/net', PORT);
  loop = new SocketLoop();
});
afterEach(() => {
  loop.closeAll(true);
  loop.dispose();
  server.close();
});

/** Both ends on this thread, in turn. */
function turnUntil(condition: () => boolean, beforeTurn: () => unknown = () => undefined): void {
  const endMs = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`not in ${DEADLINE_MS} ms: ${loop.firstErrors.join()}`);
    beforeTurn();
    loop.turn(0);
    server.turn(0);
  }
}

it('an exchange ends when the whole answer is there', () => {
  const answered: ExchangeSocket[] = [];
  const events = { onAnswer: (socket: ExchangeSocket) => answered.push(socket), onFailure: () => undefined };
  const socket = new ExchangeSocket(loop, address, 1024, events);
  turnUntil(() => answered.length === 1);
  socket.request();
  turnUntil(() => answered.length === 2);
  socket.close();
  turnUntil(() => counters.openConnections === 0);
  expect(loop.errors).toBe(0);
});
it('a bulk stream counts what the server took', () => {
  const order = { kind: 'bulk', connections: 2, warmMs: 0, windowMs: 0 } as const;
  const work = new BulkWork(order, loop, address, counters);
  turnUntil(() => work.ready() && counters.sunkBytes > 1e7);
  expect(counters.openConnections).toBe(2);
});
it('connects go on until there are no more targets, and each is counted once', () => {
  const tally = new Tally();
  let left = 10;
  const next = (): typeof address | null => (left-- > 0 ? address : null);
  const work = new ConnectsWork({ concurrency: 3, bytes: 64, next, keep: null }, loop, tally);
  turnUntil(
    () => work.done,
    () => work.beforeTurn(),
  );
  expect(tally.operations).toBe(10);
  expect(loop.errors).toBe(0);
});
it('paced requests come at their rate however fast the answers are', () => {
  const tally = new Tally();
  const order = { kind: 'paced', connections: 4, bytes: 64, perSecond: 1000, warmMs: 0, windowMs: 0 } as const;
  const work = new PacedWork(order, loop, address, tally);
  // The first is due when all connections are ready, which is not before this.
  let beganMs = 0;
  turnUntil(() => {
    beganMs = performance.now();
    return work.ready();
  });
  tally.reset();
  turnUntil(
    () => tally.operations >= 50,
    () => work.beforeTurn(),
  );
  expect(performance.now() - beganMs).toBeGreaterThanOrEqual(49);
});
it('a refused connection is an error with its name', () => {
  server.close();
  let failed = 0;
  new ExchangeSocket(loop, address, 64, { onAnswer: () => undefined, onFailure: () => failed++ });
  const endMs = performance.now() + DEADLINE_MS;
  while (failed === 0 && performance.now() < endMs) loop.turn(10);
  expect(loop.firstErrors).toEqual(['connect: ECONNREFUSED']);
  server = new LoadServer(counters);
});
