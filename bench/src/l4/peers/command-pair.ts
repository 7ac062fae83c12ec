import { join } from 'node:path';
import type { CommandPair } from '../../options.js';
import { CLIENT_ADDRESS, SERVER_ADDRESS, SERVER_PORT } from '../namespace-pair.js';
import { Program } from '../program.js';
import { PROXY_PORT, type Peer } from './peer.js';

/** A pair given on the command line: each side a shell command that stays in the foreground. */
export function commandPair({ name, source, destination }: CommandPair): Peer {
  return {
    name,
    version: () => Promise.resolve(`${source} | ${destination}`),
    async start(site, started) {
      const { caFile, client, server } = site.certificates;
      const run = async (role: string, command: string, env: Readonly<Record<string, string>>): Promise<Program> => {
        const program = await Program.start({
          argv: ['sh', '-c', command],
          logPath: join(site.directory, `${role}.log`),
          netns: site.namespaces[role === 'source' ? 'client' : 'server'].name,
          env: { ...env, BENCH_CA: caFile },
        });
        started.push(program);
        return program;
      };
      const next = `${SERVER_ADDRESS}:${PROXY_PORT}`;
      const target = `${CLIENT_ADDRESS}:${PROXY_PORT}`;
      return {
        destination: [
          await run('destination', destination, {
            BENCH_LISTEN: next,
            BENCH_CONNECT: `${SERVER_ADDRESS}:${SERVER_PORT}`,
            BENCH_CERT: server.certFile,
            BENCH_KEY: server.keyFile,
          }),
        ],
        source: [
          await run('source', source, {
            BENCH_LISTEN: target,
            BENCH_CONNECT: next,
            BENCH_CERT: client.certFile,
            BENCH_KEY: client.keyFile,
          }),
        ],
        target,
        coldTarget: () => target,
      };
    },
  };
}
