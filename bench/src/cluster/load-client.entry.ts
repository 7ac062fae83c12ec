// Runs one load and prints its result as JSON. Started in a pod of the bench cluster.
import { parseArgs } from 'node:util';
import { newConnections } from './load/new-connections.js';
import { requestResponse } from './load/request-response.js';

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      target: { type: 'string', default: '' },
      connections: { type: 'string', default: '64' },
      bytes: { type: 'string', default: '1024' },
      requests: { type: 'string', default: '20000' },
      rate: { type: 'string', default: '1000' },
      seconds: { type: 'string', default: '5' },
    },
  });
  const [host = '', port = ''] = values.target.split(':');
  const target = { host, port: Number(port) };
  const number = (key: 'connections' | 'bytes' | 'requests' | 'rate' | 'seconds'): number => Number(values[key]);
  const result =
    positionals[0] === 'connects'
      ? await newConnections({ ...target, perSecond: number('rate'), seconds: number('seconds'), timeoutMs: 10_000 })
      : await requestResponse({
          ...target,
          connections: number('connections'),
          bytes: number('bytes'),
          requests: number('requests'),
          deadlineMs: 60_000,
        });
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

void main();
