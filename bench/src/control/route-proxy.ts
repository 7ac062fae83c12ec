import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, get, Agent, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { envoyBinary } from '../l4/peers/envoy.js';
import { freePort } from '../free-port.js';
import { Program } from '../l4/program.js';
import { NAME, type ControlSite } from './control-site.js';
import { SecretServer } from './secret-server.js';

export interface RouteProxyOptions {
  readonly root: string;
  readonly site: ControlSite;
  readonly nodeId: string;
  readonly token: string;
  /** Where requests go in: a plain listener of the bootstrap with the route configuration of this name, or a listener of the Gateway. */
  readonly entry: { readonly routes: string } | { readonly port: number };
}

/**
 * A real Envoy that follows the control plane as the Envoy of a waypoint or gateway does. A waypoint's requests do not come through
 * a tunnel but by a plain listener of the bootstrap, which asks for the same route configuration over the same stream.
 */
export class RouteProxy {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  private constructor(
    private readonly program: Program,
    private readonly secrets: SecretServer,
    private readonly port: number,
  ) {}

  static async start(options: RouteProxyOptions): Promise<RouteProxy> {
    const port = 'port' in options.entry ? options.entry.port : await freePort();
    const { directory, rootPem } = options.site;
    const read = (name: string): string => readFileSync(join(directory, name), 'utf8');
    // Any certificate will do: nothing comes in or goes out by TLS here.
    const [certificateChainPem, privateKeyPem] = [read('cert.pem'), read('key.pem')];
    const secrets = await SecretServer.start({ certificateChainPem, privateKeyPem, rootPem });
    const file = join(directory, 'envoy.json');
    writeFileSync(join(directory, 'root.pem'), rootPem);
    writeFileSync(file, JSON.stringify(bootstrap(options, port, secrets.port)));
    const argv = [
      envoyBinary(options.root),
      '-c',
      file,
      '--concurrency',
      '1',
      '--log-level',
      'error',
      '--disable-hot-restart',
      '--ignore-unknown-dynamic-fields',
    ];
    const logPath = join(directory, 'envoy.log');
    return new RouteProxy(await Program.start({ argv, logPath, netns: null }), secrets, port);
  }

  get pid(): number {
    return this.program.pid;
  }

  /** Throws when nothing listens. */
  async ask({ path, host }: { readonly path: string; readonly host: string }): Promise<{
    readonly status: number;
    readonly headers: IncomingHttpHeaders;
  }> {
    if (this.program.problem !== null) throw new Error(`Envoy ${this.program.problem}`);
    return new Promise((resolve, reject) => {
      const to = { host: '127.0.0.1', port: this.port, path, headers: { host }, agent: this.#agent };
      const request = get(to, (response) => {
        response.resume();
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers }));
      });
      request.setTimeout(5000, () => request.destroy(new Error('no answer in 5 s')));
      request.on('error', reject);
    });
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    await this.program.stop();
    this.secrets.stop();
  }
}

/** The server behind the service: answers everything. */
export async function plainServer(): Promise<{ readonly port: number; close(): void }> {
  const server = createServer((_request, response) => response.end('ok'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const ADS = { ads: {}, resource_api_version: 'V3' };
const TYPE = 'type.googleapis.com/envoy.extensions';

function bootstrap({ site, nodeId, token, entry }: RouteProxyOptions, port: number, secretsPort: number): object {
  return {
    node: { id: nodeId, cluster: 'bench' },
    bootstrap_extensions: [
      {
        name: 'envoy.bootstrap.internal_listener',
        typed_config: { '@type': `${TYPE}.bootstrap.internal_listener.v3.InternalListener` },
      },
    ],
    dynamic_resources: {
      lds_config: ADS,
      cds_config: ADS,
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        grpc_services: [
          {
            envoy_grpc: { cluster_name: 'xds-grpc' },
            initial_metadata: [{ key: 'authorization', value: `Bearer ${token}` }],
          },
        ],
      },
    },
    static_resources: {
      clusters: [xdsCluster(site), grpcCluster('sds-grpc', secretsPort)],
      listeners: 'routes' in entry ? [plainListener(port, entry.routes)] : [],
    },
  };
}

const grpcCluster = (name: string, port: number): object => ({
  name,
  type: 'STATIC',
  http2_protocol_options: {},
  load_assignment: {
    cluster_name: name,
    endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(port) } }] }],
  },
});

function xdsCluster(site: ControlSite): object {
  return {
    ...grpcCluster('xds-grpc', site.xdsPort),
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': `${TYPE}.transport_sockets.tls.v3.UpstreamTlsContext`,
        sni: NAME,
        common_tls_context: {
          alpn_protocols: ['h2'],
          validation_context: { trusted_ca: { filename: join(site.directory, 'root.pem') } },
        },
      },
    },
  };
}

const socket = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });

const plainListener = (port: number, routes: string): object => ({
  name: 'bench',
  address: socket(port),
  filter_chains: [
    {
      filters: [
        {
          name: 'envoy.filters.network.http_connection_manager',
          typed_config: {
            '@type': `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
            stat_prefix: 'bench',
            rds: { config_source: ADS, route_config_name: routes },
            http_filters: [
              { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } },
            ],
          },
        },
      ],
    },
  ],
});
