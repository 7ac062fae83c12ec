import { toError } from '@weft/result';
import { Latencies } from '../latencies.js';
import type { L4Path } from '../options.js';
import type { BenchSite, SitePeer } from './bench-site.js';
import { figuresOf, memoryFigures } from './figures.js';
import { orderOf, warmUpOrders, type L4Load, type L4Sizes } from './loads.js';
import { rowOf, type L4Row, type Round } from './row.js';

const HOLD_MS = 60_000;
/** Memory per connection is the slope from this part of the connections to all: what the first ones warm up is not theirs. */
const FIRST_PART = 4;
/** A process is not idle before it has started altogether. */
const STARTED_MS = 5000;
/** Sockets are freed, and collectors run, a little after the last connection. */
const MEMORY_SETTLE_MS = 1500;

interface RunnerSettings {
  readonly path: L4Path;
  /** `performance.now()` when the suite was asked for. */
  readonly began: number;
  readonly maxConnections: number;
  readonly note: (text: string) => void;
}

/** The loads of one site: idle connections first, then rounds of windows. */
export class SuiteRunner {
  readonly #rounds = new Map<string, Round[]>();

  constructor(
    private readonly site: Pick<BenchSite, 'peers' | 'run' | 'memory'>,
    private readonly sizes: L4Sizes,
    private readonly settings: RunnerSettings,
  ) {}

  async rows(loads: readonly L4Load[], peers: readonly string[]): Promise<readonly L4Row[]> {
    const { began, note } = this.settings;
    for (const load of loads.filter(({ kind }) => kind === 'idle')) {
      note(load.name);
      await settle(STARTED_MS);
      await this.#idleMemory(
        load,
        peers.filter((peer) => peer !== 'direct'),
      );
    }
    const windows = loads.filter(({ kind }) => kind !== 'idle');
    if (windows.length > 0) await this.#warmUp(peers);
    for (let round = 1; round <= this.sizes.rounds && windows.length > 0; round++) {
      if (round > 1 && performance.now() - began > this.sizes.budgetMs) {
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
        return rounds === undefined ? [] : [rowOf({ path: this.settings.path, load: name, peer }, rounds)];
      }),
    );
  }

  /** Not measured: a proxy that compiles its code while it runs is not to be measured in its first second. */
  async #warmUp(peers: readonly string[]): Promise<void> {
    this.settings.note('warming up');
    for (const peer of this.#running(peers))
      for (const order of warmUpOrders(this.sizes)) await this.site.run(peer, order).catch(() => undefined);
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
    const latencies = Latencies.ofBuckets(sample.latencies);
    const { errors, firstError } = sample;
    return { ok: true, figures: figuresOf(kind, sample), latencies, errors, firstError };
  }

  /** Pairs of proxies that work. */
  #running(peers: readonly string[]): readonly string[] {
    const works = ({ name, error }: SitePeer): boolean => peers.includes(name) && name !== 'direct' && error === null;
    return this.site.peers.filter(works).map(({ name }) => name);
  }

  async #idleMemory(load: L4Load, peers: readonly string[]): Promise<void> {
    const { idleConnections, idleTogether } = this.sizes;
    const groups = idleTogether ? [peers] : peers.map((peer) => [peer]);
    for (const group of groups) {
      const connections = Math.min(idleConnections, Math.floor(this.settings.maxConnections / group.length));
      if (group.length > 0 && connections < idleConnections)
        this.settings.note(`${group.join(', ')}: ${connections} idle connections, for the limit of open files`);
      await Promise.all(group.map((peer) => this.#record(load, peer, () => this.#idle(peer, connections))));
      await this.#release(group);
    }
  }

  /** All that is held, by way of any peer that works. */
  async #release(peers: readonly string[]): Promise<void> {
    const released = (peer: string): Promise<boolean> =>
      this.site.run(peer, { kind: 'release' }).then(
        () => true,
        () => false,
      );
    for (const peer of peers) if (await released(peer)) return;
  }

  /** The connections stay open. Each of several peers settles for as long as another while others open theirs. */
  async #idle(peer: string, connections: number): Promise<Round> {
    const idle = this.site.memory(peer);
    const first = Math.floor(connections / FIRST_PART);
    const few = await this.site.run(peer, { kind: 'hold', connections: first, deadlineMs: HOLD_MS });
    await settle(MEMORY_SETTLE_MS);
    const withFew = this.site.memory(peer);
    const more = await this.site.run(peer, { kind: 'hold', connections: connections - first, deadlineMs: HOLD_MS });
    await settle(MEMORY_SETTLE_MS);
    const withAll = this.site.memory(peer);
    const figures = memoryFigures({ idle, withFew, withAll }, few.operations, more.operations);
    return { ok: true, figures, errors: few.errors + more.errors, firstError: few.firstError ?? more.firstError };
  }
}

function settle(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
