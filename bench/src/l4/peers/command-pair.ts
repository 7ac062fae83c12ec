import { join } from 'node:path';
import type { CommandPair } from '../../options.js';
import { SERVER_ADDRESS, SERVER_PORT } from '../namespace-pair.js';
import { Program } from '../program.js';
import type { Endpoint } from './peer-route.js';
import type { Peer } from './peer.js';
import { redirectUnmarkedPair } from './redirect-pair.js';

/** A pair given on the command line: each side a shell command that stays in the foreground. */
export function commandPair({ name, source, destination }: CommandPair): Peer {
  return {
    name,
    version: () => Promise.resolve(`${source} | ${destination}`),
    redirect: redirectUnmarkedPair,
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
      const { source: listen, destination: answer, next, target } = site.route;
      const text = ({ ip, port }: Endpoint): string => `${ip}:${port}`;
      return {
        destination: [
          await run('destination', destination, {
            BENCH_LISTEN: text(answer),
            BENCH_CONNECT: `${SERVER_ADDRESS}:${SERVER_PORT}`,
            BENCH_CERT: server.certFile,
            BENCH_KEY: server.keyFile,
          }),
        ],
        source: [
          await run('source', source, {
            BENCH_LISTEN: text(listen),
            BENCH_CONNECT: text(next),
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
