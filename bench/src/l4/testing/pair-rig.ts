import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseSocketAddress } from '@weft/ip';
import { inNetns } from '@weft/linux';
import type { L4Path } from '../../options.js';
import { ExchangeSocket } from '../client/exchange-socket.js';
import { LoadServer } from '../client/load-server.js';
import { ServerCounters } from '../client/server-counters.js';
import { SocketLoop } from '../client/socket-loop.js';
import { NamespacePair, SERVER_PORT } from '../namespace-pair.js';
import { BenchAuthority } from '../peers/bench-authority.js';
import { writeCertificates } from '../peers/peer-certificates.js';
import { PEER_ROUTES } from '../peers/peer-route.js';
import type { Peer, PeerSite, RunningPeer } from '../peers/peer.js';
import type { Program } from '../program.js';

const DEADLINE_MS = 20_000;
let pairs = 0;

/** What one peer runs in, with its server and a client, both on the calling thread. */
export class PairRig {
  readonly #loop = new SocketLoop();
  readonly started: Program[] = [];

  private constructor(
    readonly site: PeerSite,
    private readonly authority: BenchAuthority,
    private readonly server: LoadServer,
  ) {}

  static async open(root: string, path: L4Path): Promise<PairRig> {
    const directory = mkdtempSync(join(tmpdir(), 'weft-pair-'));
    const authority = await BenchAuthority.start();
    const certificates = await writeCertificates(directory, authority);
    const namespaces = await NamespacePair.create(`wp${process.pid}-${pairs++}`);
    const server = new LoadServer(new ServerCounters());
    server.listen(namespaces.server.path, SERVER_PORT);
    const limits = { maxConnections: 10, profile: null, coldTargets: 1 };
    const site = { root, directory, namespaces, certificates, route: PEER_ROUTES[path], ...limits };
    return new PairRig(site, authority, server);
  }

  /** In a folder of its own. */
  async start(peer: Peer): Promise<RunningPeer> {
    const directory = mkdtempSync(join(this.site.directory, 'peer-'));
    if (this.site.route.redirected) await peer.redirect?.(this.site.namespaces);
    return peer.start({ ...this.site, directory }, this.started);
  }

  async turnUntil(condition: () => boolean): Promise<void> {
    const endMs = performance.now() + DEADLINE_MS;
    while (!condition() && performance.now() < endMs) {
      this.#loop.turn(0);
      this.server.turn(0);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** A connection that carried one request to `target`, once the peer listens; null: it never did. The caller closes it. */
  async connection(target: string): Promise<ExchangeSocket | null> {
    const endMs = performance.now() + DEADLINE_MS;
    while (performance.now() < endMs) {
      const socket = await this.#exchange(target);
      if (socket !== null) return socket;
      if (this.started.some(({ problem }) => problem !== null)) return null;
    }
    return null;
  }

  async carries({ target }: RunningPeer): Promise<boolean> {
    const socket = await this.connection(target);
    socket?.close();
    return socket !== null;
  }

  async stopPeer(): Promise<void> {
    await Promise.all(this.started.splice(0).map((program) => program.stop()));
  }

  async close(): Promise<void> {
    await this.stopPeer();
    this.#loop.closeAll(true);
    this.#loop.dispose();
    this.server.close();
    this.authority.close();
    await this.site.namespaces.remove();
    rmSync(this.site.directory, { recursive: true });
  }

  /** Null: refused, as before it listens. */
  async #exchange(target: string): Promise<ExchangeSocket | null> {
    const outcome = { answered: null as boolean | null };
    const address = parseSocketAddress(target)!;
    const events = { onAnswer: () => (outcome.answered = true), onFailure: () => (outcome.answered ??= false) };
    const { fd } = this.site.namespaces.client;
    const socket = inNetns(fd, () => new ExchangeSocket(this.#loop, address, 64, events));
    if (!socket.alive) return null;
    await this.turnUntil(() => outcome.answered !== null);
    if (outcome.answered === true) return socket;
    socket.close();
    return null;
  }
}
