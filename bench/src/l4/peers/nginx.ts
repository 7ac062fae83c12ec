import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLIENT_ADDRESS, SERVER_ADDRESS, SERVER_PORT } from '../namespace-pair.js';
import { Program } from '../program.js';
import { SERVER_NAME } from './peer-certificates.js';
import type { Endpoint } from './peer-route.js';
import type { Peer, PeerSite } from './peer.js';
import { redirectUnmarkedPair } from './redirect-pair.js';

const STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so';

/** A pair of nginx stream proxies: one worker each, TLS 1.3 with client certificates, TLS sessions reused, access log on. */
export const nginx: Peer = {
  name: 'nginx',
  version: () =>
    Promise.resolve(
      execFileSync('sh', ['-c', 'nginx -v 2>&1'], { encoding: 'utf8' }).trim().replace('nginx version: ', ''),
    ),
  redirect: redirectUnmarkedPair,
  async start(site, started) {
    const run = async (name: string, netns: string, servers: string): Promise<Program> => {
      const path = join(site.directory, `${name}.conf`);
      writeFileSync(path, config(site, name, servers));
      const argv = ['nginx', '-e', join(site.directory, `${name}.err`), '-c', path];
      const logPath = join(site.directory, `${name}.log`);
      const program = await Program.start({ argv, logPath, netns });
      started.push(program);
      return program;
    };
    const destination = await run('destination', site.namespaces.server.name, destinationServers(site));
    const source = await run('source', site.namespaces.client.name, sourceServers(site));
    return {
      source: [source],
      destination: [destination],
      target: site.route.target,
      coldTarget: site.route.coldTarget,
    };
  },
};

function config({ directory, maxConnections }: PeerSite, name: string, servers: string): string {
  const base = join(directory, name);
  return `
load_module ${STREAM_MODULE};
daemon off;
user root;
worker_processes 1;
worker_rlimit_nofile ${2 * maxConnections + 64};
pid ${base}.pid;
error_log ${base}.err warn;
events { worker_connections ${2 * maxConnections + 32}; }
stream {
  log_format access '$remote_addr [$time_iso8601] $protocol $status $bytes_sent $bytes_received $session_time $upstream_addr';
  access_log ${base}.access access;
  proxy_timeout 1h;
  ssl_protocols TLSv1.3;
  proxy_ssl_protocols TLSv1.3;
${servers}
}
`;
}

function sourceServers({ certificates: { client, caFile }, route }: PeerSite): string {
  const server = ({ ip, port }: Endpoint, reuse: 'on' | 'off'): string => `
  server {
    listen ${ip}:${port} backlog=4096;
    proxy_pass ${route.next.ip}:${route.next.port};
    proxy_ssl on;
    proxy_ssl_certificate ${client.certFile};
    proxy_ssl_certificate_key ${client.keyFile};
    proxy_ssl_trusted_certificate ${caFile};
    proxy_ssl_verify on;
    proxy_ssl_name ${SERVER_NAME};
    proxy_ssl_session_reuse ${reuse};
  }`;
  return server(route.source, 'on') + server(route.cold, 'off');
}

function destinationServers({ certificates: { server, caFile }, route }: PeerSite): string {
  const { destination, redirected } = route;
  return `
  server {
    listen ${destination.ip}:${destination.port} ssl backlog=4096;
    ssl_certificate ${server.certFile};
    ssl_certificate_key ${server.keyFile};
    ssl_client_certificate ${caFile};
    ssl_verify_client on;
    ssl_session_cache shared:tls:10m;
    allow ${CLIENT_ADDRESS};
    deny all;
    proxy_pass ${SERVER_ADDRESS}:${SERVER_PORT};
    ${redirected ? 'proxy_bind $remote_addr transparent;' : ''}
  }`;
}
