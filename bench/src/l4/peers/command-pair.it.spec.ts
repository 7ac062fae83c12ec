import { resolve } from 'node:path';
import { processTree } from '../cpu-meter.js';
import { PairRig } from '../testing/pair-rig.js';
import { commandPair } from './command-pair.js';

const EXAMPLES = resolve(__dirname, '../../../examples');

const haproxy = (role: string): string => `haproxy -db -f ${EXAMPLES}/haproxy-${role}.cfg`;

describe('a pair of proxies given as commands', () => {
  let rig: PairRig;

  beforeAll(async () => {
    rig = await PairRig.open('', 'loopback');
  });
  afterEach(() => rig.stopPeer());
  afterAll(() => rig.close());

  it('carries a request in mutual TLS from the addresses and files that it finds in its environment', async () => {
    const pair = commandPair({ name: 'mine', source: haproxy('source'), destination: haproxy('destination') });
    expect(await pair.version('')).toBe(`${haproxy('source')} | ${haproxy('destination')}`);
    const peer = await rig.start(pair);
    expect(await rig.carries(peer)).toBe(true);
    // Its access log says so, too: both ran, and the bytes went through them.
    await rig.turnUntil(() => peer.destination[0]!.output.includes('in/app'));
    expect(peer.destination[0]!.output).toContain('in/app');
  });

  it('is ended with everything that its shell began', async () => {
    const pair = commandPair({
      name: 'shells',
      source: `true; ${haproxy('source')}; true`,
      destination: `true; ${haproxy('destination')}; true`,
    });
    const peer = await rig.start(pair);
    expect(await rig.carries(peer)).toBe(true);
    const pids = rig.started.flatMap(({ pid }) => processTree(pid));
    expect(pids.length).toBeGreaterThan(rig.started.length);
    await rig.stopPeer();
    const alive = (): readonly number[] => pids.filter((pid) => processIsThere(pid));
    await rig.turnUntil(() => alive().length === 0);
    expect(alive()).toEqual([]);
  });

  it('says why where a command ends', async () => {
    const pair = commandPair({ name: 'broken', source: 'echo no such proxy; exit 3', destination: 'sleep 60' });
    const peer = await rig.start(pair);
    await rig.turnUntil(() => peer.source[0]!.problem !== null);
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
