// Requests over kept connections at a fixed rate, counted by status and by server. Started in a pod; ends with its standard input.
import { Agent, request } from 'node:http';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: '' },
    rate: { type: 'string', default: '100' },
    connections: { type: 'string', default: '8' },
    /** A request without an answer after this is a failure. */
    'timeout-ms': { type: 'string', default: '10000' },
  },
});

const counts = { asked: 0, ok: 0, failed: 0, byServer: {} as Record<string, number>, failures: [] as string[] };
const agent = new Agent({ keepAlive: true, maxSockets: Number(values.connections) });
const tickMs = 10;
const perTick = (Number(values.rate) * tickMs) / 1000;
let pending = 0;
let owed = 0;
let ending = false;

function ask(): void {
  counts.asked++;
  pending++;
  let over = false;
  const settle = (problem: string | null): void => {
    if (over) return;
    over = true;
    pending--;
    if (problem === null) counts.ok++;
    else {
      counts.failed++;
      if (counts.failures.length < 50) counts.failures.push(`${new Date().toISOString()} ${problem}`);
    }
    report();
  };
  const call = request(values.url, { agent, timeout: Number(values['timeout-ms']) });
  call.on('timeout', () => call.destroy(new Error('no answer')));
  call.on('error', (error) => settle(error.message));
  call.on('response', (response) => {
    const server = String(response.headers['x-server'] ?? 'nobody');
    response.resume();
    response.on('error', (error) => settle(error.message));
    response.on('end', () => {
      counts.byServer[server] = (counts.byServer[server] ?? 0) + 1;
      settle(response.statusCode === 200 ? null : `status ${response.statusCode ?? 0} by ${server}`);
    });
  });
  call.end();
}

function report(): void {
  if (!ending || pending > 0) return;
  process.stdout.write(`${JSON.stringify(counts)}\n`, () => process.exit(0));
}

let lastMs = performance.now();
const ticker = setInterval(() => {
  const nowMs = performance.now();
  owed = Math.min(owed + perTick * ((nowMs - lastMs) / tickMs), Number(values.rate));
  lastMs = nowMs;
  for (; owed >= 1; owed--) ask();
}, tickMs);
process.stdin.on('end', () => {
  ending = true;
  clearInterval(ticker);
  report();
});
process.stdin.resume();
process.stdout.write('asking\n');
