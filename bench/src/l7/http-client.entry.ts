// Runs the HTTP load and prints its result as JSON. Started in a pod of the bench cluster.
import { parseArgs } from 'node:util';
import { httpLoad } from './load/http-load.js';

async function main(): Promise<void> {
  const text = { type: 'string', default: '0' } as const;
  const { values } = parseArgs({
    options: { target: text, connections: text, bytes: text, seconds: text, rate: text },
  });
  const [host = '', port = ''] = values.target.split(':');
  const result = await httpLoad({
    host,
    port: Number(port),
    connections: Number(values.connections),
    bytes: Number(values.bytes),
    seconds: Number(values.seconds),
    perSecond: Number(values.rate),
  });
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

void main();
