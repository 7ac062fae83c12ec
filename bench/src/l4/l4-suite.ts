import { mkdirSync } from 'node:fs';
import { arch, availableParallelism, cpus, release } from 'node:os';
import { toError } from '@weft/result';
import { raiseOpenFileLimit } from '@weft/linux';
import type { BenchOptions } from '../options.js';
import { PeerError } from './bench-error.js';
import { BenchSite } from './bench-site.js';
import { figuresOf, memoryFigures } from './figures.js';
import { formatL4Table, formatOutcomes } from './l4-table.js';
import { FULL, L4_LOADS, orderOf, QUICK, warmUpOrders, type L4Load, type L4Sizes } from './loads.js';
import { peersOf } from './peers/all-peers.js';
import { jsonOf, rowOf, withAddedLatency, type L4Row, type Round } from './row.js';
import { outcomes } from './targets.js';

export interface L4SuiteOptions extends BenchOptions {
  readonly root: string;
  readonly note: (text: string) => void;
}

/** Descriptors that a process needs beside its connections. */
const SPARE_DESCRIPTORS = 500;
const HOLD_MS = 60_000;
/** Memory per connection is the slope from this part of the connections to all: what the first ones warm up is not theirs. */
const FIRST_PART = 4;
/** A process is not idle before it has started altogether. */
const STARTED_MS = 5000;
/** Sockets are freed, and collectors run, a little after the last connection. */
const MEMORY_SETTLE_MS = 300;

/** Runs every load through every peer in turn, and again; prints the medians. Resolves with the exit status. */
export async function l4Suite(options: L4SuiteOptions): Promise<number> {
  const { root, quick, json, note } = options;
  if (process.getuid?.() !== 0) throw new PeerError('l4 makes network namespaces: run it as root');
  const began = performance.now();
  const sizes = quick ? QUICK : FULL;
  const loads = L4_LOADS.filter(({ name }) => options.loads.length === 0 || options.loads.includes(name));
  const maxConnections = Math.floor((raiseOpenFileLimit() - SPARE_DESCRIPTORS) / 2);
  if (options.profile !== null) mkdirSync(options.profile, { recursive: true });
  const site = await BenchSite.open({
    root,
    peers: (authority) => peersOf(options, authority),
    maxConnections: Math.min(maxConnections, sizes.idleConnections),
    coldTargets: sizes.handshakes * sizes.rounds,
    profile: options.profile,
  });
  const stop = (): void => void site.close().finally(() => process.exit(1));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  try {
    const names = site.peers.map(({ name, error }) => {
      if (error !== null) note(`${name} does not run: ${error}`);
      return name;
    });
    const runner = new SuiteRunner(site, sizes, { began, maxConnections, note });
    const rows = withAddedLatency(await runner.rows(loads, names), 'paced-1000');
    if (json) process.stdout.write(rows.map((row) => `${jsonOf(row)}\n`).join(''));
    else process.stdout.write(`${machine(site, rows)}${formatL4Table(rows, loads)}\n${formatOutcomes(outcomes(rows))}`);
    note(`${((performance.now() - began) / 1000).toFixed(0)} s`);
    return rows.some(({ errors, error }) => errors > 0 || error !== undefined) ? 1 : 0;
  } finally {
    await site.close();
  }
}

function machine(site: BenchSite, rows: readonly L4Row[]): string {
  const rounds = Math.max(...rows.map((row) => row.rounds));
  const [cpu] = cpus();
  const versions = site.peers.map(({ name, version }) => `  ${name}: ${version}`);
  return [
    `${new Date().toISOString().slice(0, 10)}, ${availableParallelism()} cores (${cpu?.model ?? arch()}), Linux ${release()}, ${rounds} rounds`,
    ...versions,
    '',
  ].join('\n');
}

interface RunnerSettings {
  /** `performance.now()` when the suite was asked for. */
  readonly began: number;
  readonly maxConnections: number;
  readonly note: (text: string) => void;
}

class SuiteRunner {
  readonly #rounds = new Map<string, Round[]>();

  constructor(
    private readonly site: BenchSite,
    private readonly sizes: L4Sizes,
    private readonly settings: RunnerSettings,
  ) {}

  async rows(loads: readonly L4Load[], peers: readonly string[]): Promise<readonly L4Row[]> {
    const { began, note } = this.settings;
    for (const load of loads.filter(({ kind }) => kind === 'idle')) {
      note(load.name);
      await settle(STARTED_MS);
      for (const peer of peers) if (peer !== 'direct') await this.#record(load, peer, () => this.#idle(peer));
    }
    const windows = loads.filter(({ kind }) => kind !== 'idle');
    if (windows.length > 0) await this.#warmUp(peers);
    for (let round = 1; round <= this.sizes.rounds && windows.length > 0; round++) {
      if (performance.now() - began > this.sizes.budgetMs) {
        note(`${round - 1} rounds: the time for --quick is used up`);
        break;
      }
      for (const load of windows) {
        note(`round ${round} of ${this.sizes.rounds}: ${load.name}`);
        for (const peer of peers) await this.#record(load, peer, () => this.#window(load, peer));
      }
    }
    return loads.flatMap(({ name }) =>
      peers.flatMap((peer) => {
        const rounds = this.#rounds.get(`${name} ${peer}`);
        return rounds === undefined ? [] : [rowOf(name, peer, rounds)];
      }),
    );
  }

  /** Not measured: a proxy that compiles its code while it runs is not to be measured in its first second. */
  async #warmUp(peers: readonly string[]): Promise<void> {
    this.settings.note('warming up');
    const running = this.site.peers.filter(({ name, error }) => peers.includes(name) && error === null);
    for (const { name } of running)
      for (const order of warmUpOrders(this.sizes)) await this.site.run(name, order).catch(() => undefined);
  }

  async #record(load: L4Load, peer: string, measure: () => Promise<Round>): Promise<void> {
    const failure = this.site.peers.find(({ name }) => name === peer)?.error ?? null;
    const round: Round =
      failure !== null
        ? { ok: false, error: failure }
        : await measure().catch((thrown: unknown) => ({ ok: false, error: toError(thrown).message }));
    const key = `${load.name} ${peer}`;
    this.#rounds.set(key, [...(this.#rounds.get(key) ?? []), round]);
  }

  async #window(load: L4Load, peer: string): Promise<Round> {
    const kind = load.kind === 'idle' ? 'exchange' : load.kind;
    const order = orderOf(load, this.sizes)!;
    const sample = await this.site.run(peer, order, kind === 'handshakes' ? this.sizes.handshakes : 0);
    return { ok: true, figures: figuresOf(kind, sample), errors: sample.errors, firstError: sample.firstError };
  }

  async #idle(peer: string): Promise<Round> {
    const connections = Math.min(this.sizes.idleConnections, this.settings.maxConnections);
    if (connections < this.sizes.idleConnections)
      this.settings.note(`${peer}: ${connections} idle connections, for the limit of open files`);
    const idle = this.site.memory(peer);
    const first = Math.floor(connections / FIRST_PART);
    const few = await this.site.run(peer, { kind: 'hold', connections: first, deadlineMs: HOLD_MS });
    await settle(MEMORY_SETTLE_MS);
    const withFew = this.site.memory(peer);
    const more = await this.site.run(peer, { kind: 'hold', connections: connections - first, deadlineMs: HOLD_MS });
    await settle(MEMORY_SETTLE_MS);
    const withAll = this.site.memory(peer);
    await this.site.run(peer, { kind: 'release' });
    const figures = memoryFigures({ idle, withFew, withAll }, few.operations, more.operations);
    return { ok: true, figures, errors: few.errors + more.errors, firstError: few.firstError ?? more.firstError };
  }
}

function settle(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
