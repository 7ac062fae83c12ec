import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@weft/testing-fixtures';
import { memberOf, serviceMessage, workloadMessage } from './testing/mesh-fixtures.js';
import { WholeZtunnel } from './testing/whole-ztunnel.js';

const DISK_KIB = 64;
/** Two lines each, of some 500 bytes. */
const CONNECTIONS = 200;

describe('the disk of the access log is full', () => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-full-'));
  let whole: WholeZtunnel;
  let log: number;

  beforeAll(async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_KIB}k`, 'tmpfs', directory]);
    log = openSync(join(directory, 'log'), 'a+');
    whole = await WholeZtunnel.start({
      env: { ISTIO_META_DNS_CAPTURE: 'false' },
      logFd: log,
      mesh: ([client, server]) => [
        workloadMessage('client', client.address),
        workloadMessage('server', server.address, { services: memberOf('b') }),
        serviceMessage('b', '10.96.0.1'),
      ],
    });
  });
  afterAll(async () => {
    await whole.stop();
    closeSync(log);
    execFileSync('umount', [directory]);
    rmdirSync(directory);
  });

  const lines = (): readonly string[] => readFileSync(join(directory, 'log'), 'utf8').split('\n');
  const lost = async (): Promise<number> =>
    Number(/^weft_log_lines_lost_total (\d+)$/m.exec(await whole.metrics())?.[1] ?? NaN);
  const ask = async (): Promise<string> => {
    const socket = whole.pods[0].connect('10.96.0.1:80');
    socket.write('hello');
    const [data] = (await once(socket, 'data')) as [Buffer];
    const closed = once(socket, 'close');
    socket.destroy();
    await closed;
    return data.toString();
  };

  it('costs lines, which are counted, and no connection; with room again every line is whole', async () => {
    const server = await whole.pods[1].serve(8080, (socket) => {
      socket.on('error', () => undefined);
      socket.pipe(socket);
    });
    expect(await ask()).toBe('hello');
    expect(await lost()).toBe(0);
    for (let i = 0; i < CONNECTIONS; i++) expect(await ask()).toBe('hello');
    await until(async () => (await lost()) > 0, 'lines are lost');
    ftruncateSync(log, 0);
    const before = await lost();
    expect(await ask()).toBe('hello');
    await until(() => lines().filter((line) => line.includes('connection complete')).length >= 2, 'lines come again');
    // Between the two there may have been others, of connections that ended meanwhile.
    expect(await lost()).toBeGreaterThanOrEqual(before);
    for (const line of lines().filter((text) => text !== '')) expect(() => JSON.parse(line) as unknown).not.toThrow();
    server.close();
  });
});
