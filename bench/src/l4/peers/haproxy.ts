import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SERVER_ADDRESS, SERVER_PORT } from '../namespace-pair.js';
import { Program } from '../program.js';
import type { Peer, PeerSite } from './peer.js';
import { redirectUnmarkedPair } from './redirect-pair.js';

/** A pair of HAProxy: one thread each, TLS 1.3 with client certificates, TLS sessions reused, access log on. */
export const haproxy: Peer = {
  name: 'haproxy',
  version: () => Promise.resolve(execFileSync('haproxy', ['-v'], { encoding: 'utf8' }).split('\n')[0]!.trim()),
  redirect: redirectUnmarkedPair,
  async start(site, started) {
    const run = async (name: string, netns: string, config: string): Promise<Program> => {
      const path = join(site.directory, `${name}.cfg`);
      writeFileSync(path, config);
      const logPath = join(site.directory, `${name}.log`);
      const program = await Program.start({ argv: ['haproxy', '-db', '-f', path], logPath, netns });
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

const head = ({ maxConnections }: PeerSite): string => `
global
  nbthread 1
  maxconn ${maxConnections}
  log stdout format raw daemon info
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-server-options ssl-min-ver TLSv1.3
defaults
  mode tcp
  log global
  option tcplog
  timeout connect 10s
  timeout client 1h
  timeout server 1h
`;

function sourceConfig(site: PeerSite): string {
  const { client, caFile } = site.certificates;
  const { source, cold, next, redirected } = site.route;
  // 0.0.0.0 is where the client meant to go.
  const server = `server next ${redirected ? '0.0.0.0' : next.ip}:${next.port} ssl crt ${client.bothFile} ca-file ${caFile} verify required`;
  return `${head(site)}
listen warm
  bind ${source.ip}:${source.port}
  ${server}
listen cold
  bind ${cold.ip}:${cold.port}
  ${server} no-ssl-reuse
`;
}

function destinationConfig(site: PeerSite): string {
  const { server, caFile } = site.certificates;
  const { destination, redirected } = site.route;
  return `${head(site)}
listen in
  bind ${destination.ip}:${destination.port} ssl crt ${server.bothFile} ca-file ${caFile} verify required
  tcp-request content reject unless { ssl_c_verify 0 }
  server app ${SERVER_ADDRESS}:${SERVER_PORT}${redirected ? ' source 0.0.0.0 usesrc clientip' : ''}
`;
}
