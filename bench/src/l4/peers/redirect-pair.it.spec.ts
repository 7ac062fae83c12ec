import { resolve } from 'node:path';
import { marks, runCommand } from '@weft/linux';
import { CLIENT_ADDRESS, SERVER_ADDRESS, SERVER_PORT, type BenchNamespace } from '../namespace-pair.js';
import { PairRig } from '../testing/pair-rig.js';
import { commandPair } from './command-pair.js';
import { envoy } from './envoy.js';
import { haproxy } from './haproxy.js';
import { nginx } from './nginx.js';
import { REDIRECTED_COLD_PORT } from './peer-route.js';

const ROOT = resolve(__dirname, '../../../..');
const { OUTBOUND_PORT } = marks;
const EXAMPLES = resolve(__dirname, '../../../examples');

jest.setTimeout(60_000);

/** `local peer` of the namespace's established connections with that local port; the peer's port is left out. */
async function served({ fd }: BenchNamespace, port: number): Promise<readonly string[]> {
  const argv = ['ss', '-Htn', 'state', 'established', 'sport', '=', `:${port}`];
  const lines = (await runCommand(argv, { netnsFd: fd })).split('\n').filter((line) => line !== '');
  return lines.map((line) => line.trim().split(/\s+/).slice(2).join(' ').replace(/:\d+$/, ''));
}

describe('pairs that are redirected as weft is', () => {
  let rig: PairRig;

  beforeEach(async () => {
    rig = await PairRig.open(ROOT, 'redirected');
  });
  afterEach(() => rig.close());

  it.each([haproxy, nginx, envoy])(
    '$name gets what is sent to the server, and the server sees the address of the client',
    async (peer) => {
      const running = await rig.start(peer);
      expect(running.target).toBe(`${SERVER_ADDRESS}:${SERVER_PORT}`);
      const warm = await rig.connection(running.target);
      const cold = await rig.connection(running.coldTarget(0));
      expect(warm?.alive).toBe(true);
      expect(cold?.alive).toBe(true);
      const { client, server } = rig.site.namespaces;
      expect(await served(client, OUTBOUND_PORT)).toHaveLength(1);
      expect(await served(client, REDIRECTED_COLD_PORT)).toHaveLength(1);
      const one = `${SERVER_ADDRESS}:${SERVER_PORT} ${CLIENT_ADDRESS}`;
      expect(await served(server, SERVER_PORT)).toEqual([one, one]);
    },
  );

  it('a pair of commands is, too', async () => {
    const command = (role: string): string => `haproxy -db -f ${EXAMPLES}/haproxy-${role}.cfg`;
    const running = await rig.start(
      commandPair({ name: 'mine', source: command('source'), destination: command('destination') }),
    );
    expect(await rig.carries(running)).toBe(true);
  });
});
