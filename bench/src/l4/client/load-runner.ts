import { readlinkSync } from 'node:fs';
import { parseSocketAddress, type SocketAddress } from '@weft/ip';
import { closeDescriptor, inNetns, openNetns } from '@weft/linux';
import { MeshError } from '@weft/result';
import { cpuSeconds } from '../cpu-meter.js';
import type { LoadOrder, LoadRequest, LoadSample } from './load-order.js';
import { HALF_OPEN_MANNERS, HalfOpenSocket } from './half-open-socket.js';
import { BulkWork, ConnectsWork, ExchangeWork, PacedWork, type LoadWork } from './load-work.js';
import type { ServerCounters } from './server-counters.js';
import { SocketLoop } from './socket-loop.js';
import { Tally } from './tally.js';
import { ThreadStalls } from './thread-stalls.js';

/** `BENCH_LOAD_FAILED`: the load never got going. */
export class LoadError extends MeshError {
  readonly code = 'BENCH_LOAD_FAILED';
}

const READY_MS = 5000;
const FINISH_MS = 2000;
const DRAIN_MS = 3000;
const SETTLE_MS = 5;
const HOLD_CONCURRENCY = 32;

/** Runs loads on the calling thread; a call blocks for as long as its load takes. */
export class LoadRunner {
  readonly #held = new SocketLoop();
  /** What earlier loads left open is not this one's. */
  #openBefore = 0;
  readonly #ownThread = readlinkSync('/proc/thread-self');

  constructor(
    private readonly counters: ServerCounters,
    private readonly serverThread: string,
  ) {}

  run(request: LoadRequest): LoadSample {
    const netns = openNetns(request.netnsPath);
    const { kind } = request.order;
    if (kind !== 'hold' && kind !== 'release') this.#openBefore = this.counters.openConnections;
    try {
      const sample = inNetns(netns, () => this.#run(request));
      return kind === 'hold' ? sample : this.#withLeftOpen(sample);
    } finally {
      closeDescriptor(netns);
    }
  }

  #run({ order, targets, processes }: LoadRequest): LoadSample {
    const addresses = targets.map(addressOf);
    const meter = (): Readonly<Record<string, number>> => this.#cpu(processes);
    switch (order.kind) {
      case 'bulk':
      case 'exchange':
      case 'paced':
      case 'connects':
        return this.#window(order, addresses[0]!, meter);
      case 'once-each':
        return this.#count(order, addresses, new SocketLoop(), false, meter);
      case 'hold': {
        const same = Array.from({ length: order.connections }, () => addresses[0]!);
        return this.#count({ ...order, concurrency: HOLD_CONCURRENCY, bytes: 64 }, same, this.#held, true, meter);
      }
      case 'half-open':
        return this.#halfOpen(order, addresses[0]!);
      case 'release':
        this.#held.closeAll(order.reset === true);
        this.#drain();
        return { ...EMPTY };
    }
  }

  /** A load without an end of its own, measured for a while after it is warm. */
  #window(
    order: Extract<LoadOrder, { windowMs: number }>,
    address: SocketAddress,
    meter: () => Readonly<Record<string, number>>,
  ): LoadSample {
    const loop = new SocketLoop();
    const stallsOf = order.kind === 'exchange' ? (order.stallsOf ?? []) : [];
    const tally = new Tally(stallsOf.length === 0 ? null : new ThreadStalls(stallsOf));
    const bytesAtStart = this.counters.sunkBytes;
    const work = this.#work(order, loop, address, tally);
    try {
      if (!turnUntil(loop, work, performance.now() + READY_MS, () => work.ready() || loop.errors > 0))
        throw new LoadError(`not all connections carried data after ${READY_MS} ms`);
      turnUntil(loop, work, performance.now() + order.warmMs);
      tally.reset();
      const cpuBefore = meter();
      const startMs = performance.now();
      const bytesBefore = this.counters.sunkBytes;
      turnUntil(loop, work, startMs + order.windowMs);
      const bytes = this.counters.sunkBytes - bytesBefore;
      const seconds = (performance.now() - startMs) / 1000;
      const cpu = difference(meter(), cpuBefore);
      const nothing = order.kind === 'bulk' ? this.counters.sunkBytes === bytesAtStart : tally.operations === 0;
      if (nothing && loop.errors === 0) loop.fail('nothing came through in the window');
      const sample = sampleOf({ loop, tally, seconds, bytes, cpuSeconds: cpu });
      if (work instanceof ConnectsWork) {
        work.stop();
        turnUntil(loop, work, performance.now() + FINISH_MS, () => work.done);
      }
      return sample;
    } finally {
      loop.closeAll(order.kind === 'bulk');
      tally.stalls?.close();
      this.#drain();
      loop.dispose();
    }
  }

  #halfOpen({ connections, holdMs }: Extract<LoadOrder, { kind: 'half-open' }>, address: SocketAddress): LoadSample {
    const loop = new SocketLoop();
    for (let i = 0; i < connections; i++) new HalfOpenSocket(loop, address, HALF_OPEN_MANNERS[i % 3]!);
    const endMs = performance.now() + holdMs;
    while (performance.now() < endMs) loop.turn(Math.max(0, Math.ceil(endMs - performance.now())));
    loop.closeAll(true);
    this.#drain();
    loop.dispose();
    return { ...EMPTY, operations: connections, errors: loop.errors, firstError: loop.firstErrors[0] ?? null };
  }

  /** One connection to each address. */
  #count(
    order: { readonly concurrency: number; readonly bytes: number; readonly deadlineMs: number },
    addresses: readonly SocketAddress[],
    loop: SocketLoop,
    keep: boolean,
    meter: () => Readonly<Record<string, number>>,
  ): LoadSample {
    const tally = new Tally();
    let index = 0;
    const work = new ConnectsWork(
      { ...order, next: () => addresses[index++] ?? null, keep: keep ? () => undefined : null },
      loop,
      tally,
    );
    const errorsBefore = loop.errors;
    const cpuBefore = meter();
    const startMs = performance.now();
    if (!turnUntil(loop, work, startMs + order.deadlineMs, () => work.done))
      loop.fail(`${tally.operations} of ${addresses.length} connections were served in ${order.deadlineMs} ms`);
    const seconds = (performance.now() - startMs) / 1000;
    const sample = sampleOf({ loop, tally, seconds, bytes: 0, cpuSeconds: difference(meter(), cpuBefore) });
    if (keep) return { ...sample, errors: loop.errors - errorsBefore };
    loop.closeAll(true);
    this.#drain();
    loop.dispose();
    return sample;
  }

  #work(
    order: Extract<LoadOrder, { windowMs: number }>,
    loop: SocketLoop,
    address: SocketAddress,
    tally: Tally,
  ): LoadWork {
    switch (order.kind) {
      case 'bulk':
        return new BulkWork(order, loop, address, this.counters);
      case 'exchange':
        return new ExchangeWork(order, loop, address, tally);
      case 'paced':
        return new PacedWork(order, loop, address, tally);
      case 'connects':
        return new ConnectsWork({ ...order, next: () => address, keep: null }, loop, tally);
    }
  }

  #cpu(processes: LoadRequest['processes']): Readonly<Record<string, number>> {
    return {
      ...Object.fromEntries(Object.entries(processes).map(([name, pids]) => [name, cpuSeconds(pids)])),
      client: cpuSeconds([this.#ownThread]),
      server: cpuSeconds([this.serverThread]),
    };
  }

  get #leftOpen(): number {
    return this.counters.openConnections - this.#openBefore;
  }

  /** A path that keeps connections open to the server which the client closed is at fault. */
  #withLeftOpen(sample: LoadSample): LoadSample {
    const left = this.#leftOpen;
    if (left <= 0) return sample;
    const what = `${left} connections stayed open at the server ${DRAIN_MS} ms after the client closed`;
    return { ...sample, errors: sample.errors + left, firstError: sample.firstError ?? what };
  }

  /** The next load must not pay for what this one left on the path. */
  #drain(): void {
    const endMs = performance.now() + DRAIN_MS;
    while (this.#leftOpen > 0 && performance.now() < endMs) sleep(1);
    sleep(SETTLE_MS);
  }
}

const EMPTY: LoadSample = {
  seconds: 0,
  operations: 0,
  bytes: 0,
  p50Us: 0,
  p99Us: 0,
  maxUs: 0,
  maxStallUs: 0,
  latencies: [],
  errors: 0,
  firstError: null,
  cpuSeconds: {},
};

function addressOf(text: string): SocketAddress {
  const address = parseSocketAddress(text);
  if (address === null) throw new LoadError(`${JSON.stringify(text)} is not an address and a port`);
  return address;
}

function turnUntil(loop: SocketLoop, work: LoadWork, endMs: number, isDone: () => boolean = () => false): boolean {
  for (;;) {
    const waitMs = work.beforeTurn();
    if (isDone()) return true;
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) return false;
    loop.turn(Math.max(0, Math.ceil(Math.min(waitMs, leftMs))));
  }
}

function sampleOf(window: {
  readonly loop: SocketLoop;
  readonly tally: Tally;
  readonly seconds: number;
  readonly bytes: number;
  readonly cpuSeconds: Readonly<Record<string, number>>;
}): LoadSample {
  const { loop, tally, seconds, bytes } = window;
  return {
    seconds,
    operations: tally.operations,
    bytes,
    p50Us: tally.p50Us,
    p99Us: tally.p99Us,
    maxUs: tally.maxUs,
    maxStallUs: tally.stalls?.longestUs ?? 0,
    latencies: tally.buckets,
    errors: loop.errors,
    firstError: loop.firstErrors[0] ?? null,
    cpuSeconds: window.cpuSeconds,
  };
}

function difference(
  after: Readonly<Record<string, number>>,
  before: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)]));
}

let cell: Int32Array | null = null;

function sleep(ms: number): void {
  cell ??= new Int32Array(new SharedArrayBuffer(4));
  Atomics.wait(cell, 0, 0, ms);
}
