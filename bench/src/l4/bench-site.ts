import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toError } from '@weft/result';
import type { L4Path } from '../options.js';
import type { LoadOrder, LoadSample } from './client/load-order.js';
import { processTree, residentMiB, threadsNamed } from './cpu-meter.js';
import type { PairMemory } from './figures.js';
import { LoadThreads } from './load-threads.js';
import { NamespacePair } from './namespace-pair.js';
import { BenchAuthority } from './peers/bench-authority.js';
import { writeCertificates } from './peers/peer-certificates.js';
import { PEER_ROUTES } from './peers/peer-route.js';
import type { Peer, RunningPeer } from './peers/peer.js';
import type { Program } from './program.js';

const PROBE = { kind: 'once-each', concurrency: 1, bytes: 64, deadlineMs: 500 } as const;
const PROBE_MS = 10_000;
const RETRY_MS = 100;

export interface BenchSiteOptions {
  readonly root: string;
  readonly peers: (authority: BenchAuthority) => readonly Peer[];
  readonly maxConnections: number;
  readonly coldTargets: number;
  readonly path: L4Path;
  readonly profile: string | null;
}

/** A peer with its namespaces, ready or with the reason why not. */
export interface SitePeer {
  readonly name: string;
  readonly version: string;
  readonly error: string | null;
}

interface Started extends SitePeer {
  readonly namespaces: NamespacePair;
  readonly running: RunningPeer | null;
  readonly programs: readonly Program[];
  coldUsed: number;
}

/** All peers beside each other, each between namespaces of its own, and the threads that load them. */
export class BenchSite {
  readonly #started = new Map<string, Started>();
  #threads: LoadThreads | null = null;

  private constructor(
    private readonly options: BenchSiteOptions,
    private readonly directory: string,
    private readonly authority: BenchAuthority,
  ) {}

  static async open(options: BenchSiteOptions): Promise<BenchSite> {
    const directory = mkdtempSync(join(tmpdir(), 'weft-bench-'));
    const site = new BenchSite(options, directory, await BenchAuthority.start());
    try {
      await site.#start();
      return site;
    } catch (thrown) {
      await site.close();
      throw thrown;
    }
  }

  get peers(): readonly SitePeer[] {
    return this.options.peers(this.authority).flatMap(({ name }) => this.#started.get(name) ?? []);
  }

  /** Rejects when the load cannot run; single errors are in the sample. */
  async run(name: string, order: LoadOrder, coldTargets = 0): Promise<LoadSample> {
    const peer = this.#peer(name);
    const { source, destination, target, coldTarget } = peer.running!;
    const ended = [...source, ...destination].find(({ problem }) => problem !== null);
    if (ended !== undefined) throw new Error(ended.problem!);
    const targets =
      coldTargets === 0 ? [target] : Array.from({ length: coldTargets }, (_, i) => coldTarget(peer.coldUsed + i));
    peer.coldUsed += coldTargets;
    return this.#threads!.run({
      order,
      targets,
      netnsPath: peer.namespaces.client.path,
      processes: { source: pidsOf(source), destination: pidsOf(destination) },
    });
  }

  /** Threads of source and destination by the name that the kernel knows them by, as `<pid>/task/<tid>`. */
  threads(name: string, threadName: string): readonly string[] {
    const { source, destination } = this.#peer(name).running!;
    return threadsNamed([...pidsOf(source), ...pidsOf(destination)], threadName);
  }

  /** MiB of source and destination. */
  memory(name: string): PairMemory {
    const { source, destination } = this.#peer(name).running!;
    return [residentMiB(pidsOf(source)), residentMiB(pidsOf(destination))];
  }

  async close(): Promise<void> {
    await this.#threads?.stop();
    const all = [...this.#started.values()];
    await Promise.all(all.flatMap(({ programs }) => programs.map((program) => program.stop())));
    for (const { running } of all) running?.close?.();
    this.authority.close();
    await Promise.all(all.map(({ namespaces }) => namespaces.remove()));
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const { root, maxConnections, coldTargets, profile, path } = this.options;
    const limits = { maxConnections, coldTargets, profile, route: PEER_ROUTES[path] };
    const certificates = await writeCertificates(this.directory, this.authority);
    await Promise.all(
      this.options.peers(this.authority).map(async (peer) => {
        const namespaces = await NamespacePair.create(`wb${process.pid}-${peer.name}`);
        const directory = join(this.directory, peer.name);
        mkdirSync(directory);
        const programs: Program[] = [];
        const base = { name: peer.name, namespaces, programs, coldUsed: 0 };
        try {
          const version = await peer.version(root);
          if (path === 'redirected') await peer.redirect?.(namespaces);
          const running = await peer.start({ ...limits, root, directory, namespaces, certificates }, programs);
          this.#started.set(peer.name, { ...base, version, error: null, running });
        } catch (thrown) {
          const error = [toError(thrown).message, ...programs.map(({ output }) => output)].join('; ');
          this.#started.set(peer.name, { ...base, version: '', error, running: null });
        }
      }),
    );
    const netns = [...this.#started.values()].map(({ namespaces }) => namespaces.server.path);
    this.#threads = await LoadThreads.start(root, netns);
    for (const peer of this.#started.values()) await this.#probe(peer);
  }

  /** Until a connection works end to end. */
  async #probe(peer: Started): Promise<void> {
    if (peer.running === null) return;
    const endMs = performance.now() + PROBE_MS;
    let error: string | null = '';
    while (error !== null && performance.now() < endMs) {
      error = await this.run(peer.name, PROBE).then(
        ({ operations, firstError }) => (operations === 1 ? null : firstError),
        (thrown: unknown) => toError(thrown).message,
      );
      const ended = peer.programs.find(({ problem }) => problem !== null);
      if (ended !== undefined) break;
      if (error !== null) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    if (error !== null) this.#started.set(peer.name, { ...peer, error: `no connection gets through: ${error}` });
  }

  #peer(name: string): Started {
    const peer = this.#started.get(name);
    if (peer?.running == null) throw new Error(peer?.error ?? `there is no peer ${name}`);
    return peer;
  }
}

function pidsOf(programs: readonly Program[]): readonly number[] {
  return programs.flatMap(({ pid }) => processTree(pid));
}
