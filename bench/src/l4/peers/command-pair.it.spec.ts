import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseSocketAddress } from '@weft/ip';
import { inNetns } from '@weft/linux';
import { ExchangeSocket } from '../client/exchange-socket.js';
import { LoadServer } from '../client/load-server.js';
import { ServerCounters } from '../client/server-counters.js';
import { SocketLoop } from '../client/socket-loop.js';
import { processTree } from '../cpu-meter.js';
import { NamespacePair, SERVER_PORT } from '../namespace-pair.js';
import type { Program } from '../program.js';
import { BenchAuthority } from './bench-authority.js';
import { commandPair } from './command-pair.js';
import { writeCertificates } from './peer-certificates.js';
import type { PeerSite, RunningPeer } from './peer.js';

const EXAMPLES = resolve(__dirname, '../../../examples');
const DEADLINE_MS = 20_000;

jest.setTimeout(60_000);

const haproxy = (role: string): string => `haproxy -db -f ${EXAMPLES}/haproxy-${role}.cfg`;

describe('a pair of proxies given as commands', () => {
  let site: PeerSite;
  let authority: BenchAuthority;
  let server: LoadServer;
  const loop = new SocketLoop();
  const started: Program[] = [];

  beforeAll(async () => {
    const directory = mkdtempSync(join(tmpdir(), 'weft-pair-'));
    authority = await BenchAuthority.start();
    const certificates = await writeCertificates(directory, authority);
    const namespaces = await NamespacePair.create(`wp${process.pid}`);
    server = new LoadServer(new ServerCounters());
    server.listen(namespaces.server.path, SERVER_PORT);
    site = {
      root: '',
      directory,
      namespaces,
      certificates,
      maxConnections: 10,
      profile: null,
      coldTargets: 1,
    };
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((program) => program.stop()));
  });
  afterAll(async () => {
    loop.closeAll(true);
    loop.dispose();
    server.close();
    authority.close();
    await site.namespaces.remove();
    rmSync(site.directory, { recursive: true });
  });

  async function turnUntil(condition: () => boolean): Promise<void> {
    const endMs = performance.now() + DEADLINE_MS;
    while (!condition() && performance.now() < endMs) {
      loop.turn(0);
      server.turn(0);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** One request through the pair; false: refused, as before it listens. */
  async function exchange(peer: RunningPeer): Promise<boolean> {
    const outcome = { answered: null as boolean | null };
    const address = parseSocketAddress(peer.target)!;
    const events = { onAnswer: () => (outcome.answered = true), onFailure: () => (outcome.answered ??= false) };
    const socket = inNetns(site.namespaces.client.fd, () => new ExchangeSocket(loop, address, 64, events));
    if (!socket.alive) return false;
    await turnUntil(() => outcome.answered !== null);
    socket.close();
    return outcome.answered === true;
  }

  async function works(peer: RunningPeer): Promise<boolean> {
    const endMs = performance.now() + DEADLINE_MS;
    while (performance.now() < endMs) {
      if (await exchange(peer)) return true;
      if (started.some(({ problem }) => problem !== null)) return false;
    }
    return false;
  }

  it('carries a request in mutual TLS from the addresses and files that it finds in its environment', async () => {
    const pair = commandPair({ name: 'mine', source: haproxy('source'), destination: haproxy('destination') });
    expect(await pair.version('')).toBe(`${haproxy('source')} | ${haproxy('destination')}`);
    const peer = await pair.start(site, started);
    expect(await works(peer)).toBe(true);
    // Its access log says so, too: both ran, and the bytes went through them.
    await turnUntil(() => peer.destination[0]!.output.includes('in/app'));
    expect(peer.destination[0]!.output).toContain('in/app');
  });

  it('is ended with everything that its shell began', async () => {
    const pair = commandPair({
      name: 'shells',
      source: `true; ${haproxy('source')}; true`,
      destination: `true; ${haproxy('destination')}; true`,
    });
    const peer = await pair.start(site, started);
    expect(await works(peer)).toBe(true);
    const pids = started.flatMap(({ pid }) => processTree(pid));
    expect(pids.length).toBeGreaterThan(started.length);
    await Promise.all(started.map((program) => program.stop()));
    const alive = (): readonly number[] => pids.filter((pid) => processIsThere(pid));
    await turnUntil(() => alive().length === 0);
    expect(alive()).toEqual([]);
  });

  it('says why where a command ends', async () => {
    const pair = commandPair({ name: 'broken', source: 'echo no such proxy; exit 3', destination: 'sleep 60' });
    const peer = await pair.start({ ...site, directory: mkdtempSync(join(site.directory, 'broken-')) }, started);
    await turnUntil(() => peer.source[0]!.problem !== null);
    expect(peer.source[0]!.problem).toBe('ended with 3: no such proxy');
  });
});

function processIsThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
