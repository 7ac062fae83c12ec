// As many new connections at once as it is told, with one request each; prints what came of them. Started in a pod.
import { Agent, request } from 'node:http';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: '' },
    count: { type: 'string', default: '1000' },
    'timeout-ms': { type: 'string', default: '60000' },
  },
});

const startedMs = performance.now();
const agent = new Agent({ keepAlive: false, maxSockets: Infinity });
const latencies: number[] = [];
const failures: string[] = [];
const total = Number(values.count);

function settle(problem: string | null): void {
  if (problem === null) latencies.push(Math.round(performance.now() - startedMs));
  else failures.push(problem);
  if (latencies.length + failures.length < total) return;
  latencies.sort((a, b) => a - b);
  const counts = { ok: latencies.length, failed: failures.length, firstMs: latencies[0], lastMs: latencies.at(-1) };
  process.stdout.write(`${JSON.stringify({ ...counts, failures: failures.slice(0, 10) })}\n`, () => process.exit(0));
}

for (let i = 0; i < total; i++) {
  let over = false;
  const once = (problem: string | null): void => {
    if (!over) settle(problem);
    over = true;
  };
  const call = request(values.url, { agent, timeout: Number(values['timeout-ms']) });
  call.on('timeout', () => call.destroy(new Error('no answer')));
  call.on('error', (error) => once(error.message));
  call.on('response', (response) => {
    response.resume();
    response.on('error', (error) => once(error.message));
    response.on('end', () => once(response.statusCode === 200 ? null : `status ${response.statusCode ?? 0}`));
  });
  call.end();
}
