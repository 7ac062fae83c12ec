import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';
import { ok } from '@weft/result';
import { systemClock } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { DeltaServer, EXTENSION_TYPE_URL, LISTENER_TYPE_URL, makeXdsResource } from '@weft/xds';
import { MeshEndpoint, XdsServer } from '@weft/xds-grpc';
import { ModuleCache } from '../wasm/module-cache.js';
import { WasmExtensions } from '../wasm/wasm-extensions.js';
import { AdsRelay } from '../xds/ads-relay.js';
import { ConfigVersions, type XdsProtocol } from '../xds/config-versions.js';

export interface Answer {
  /** 0: the connection was closed without one. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Headers as the server behind Envoy saw them. */
  readonly seen: IncomingHttpHeaders;
}

const WORKSPACE = resolve(__dirname, '../../../..');
const DEADLINE_MS = 60_000;
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A real Envoy behind the agent's relay, a control plane of two types of resources, and a web server behind Envoy. */
export class AgentEnvoy {
  /** What the control plane was told of rejections. */
  readonly rejections: string[] = [];
  readonly engine = new DeltaServer([LISTENER_TYPE_URL, EXTENSION_TYPE_URL], { order: 'any' });
  readonly #close: (() => unknown)[] = [];
  #adminPort = 0;

  private constructor(
    private readonly folder: string,
    private readonly xds: XdsServer,
    readonly extensions: WasmExtensions,
  ) {}

  static async start(protocol: XdsProtocol, insecureRegistries: readonly string[]): Promise<AgentEnvoy> {
    const folder = await mkdtemp(join(tmpdir(), 'weft-agent-'));
    const cache: ModuleCache = new ModuleCache({
      folder: join(folder, 'wasm'),
      maxBytes: 1024 * 1024,
      timeoutMs: 10_000,
      insecureRegistries,
      inUse: () => extensions.filesInUse(),
    });
    const extensions = new WasmExtensions({ cache, clock: systemClock, log: silent });
    await cache.open();
    const xds: XdsServer = new XdsServer({
      host: '127.0.0.1',
      port: 0,
      credentials: ServerCredentials.createInsecure(),
      engineFor: () => ok(one.engine),
      authenticate: () => Promise.resolve(ok(CALLER)),
      ready: () => true,
      clock: systemClock,
      log: silent,
      onNack: (_node, { message }) => void one.rejections.push(message),
    });
    const one: AgentEnvoy = new AgentEnvoy(folder, xds, extensions);
    await one.#begin(protocol);
    return one;
  }

  async stop(): Promise<void> {
    for (const close of this.#close.splice(0).reverse()) await close();
    await rm(this.folder, { recursive: true, force: true });
  }

  put(typeUrl: string, name: string, body: Uint8Array): void {
    this.engine.apply(typeUrl, { upserts: [makeXdsResource({ name, typeUrl, body })], removals: [] });
    this.xds.push();
  }

  /** Through a listener. */
  async ask(listener: string): Promise<Answer> {
    const port = await this.#portOf(listener);
    return new Promise((done) => {
      const closed = (): void => done({ status: 0, headers: {}, seen: {} });
      const asked = request({ host: '127.0.0.1', port, agent: false, timeout: 10_000 }, (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('error', closed);
        response.on('end', () => {
          const { statusCode: status = 0, headers } = response;
          done({ status, headers, seen: body.startsWith('{') ? (JSON.parse(body) as IncomingHttpHeaders) : {} });
        });
      });
      asked.on('error', closed);
      asked.on('timeout', () => asked.destroy());
      asked.end();
    });
  }

  /** Configuration takes a moment, and a module that comes late takes more. */
  async settles(listener: string, expected: (answer: Answer) => boolean): Promise<void> {
    let answer: Answer | undefined;
    await until(
      async () => {
        answer = await this.ask(listener).catch(() => undefined);
        return answer !== undefined && expected(answer);
      },
      `${listener} answers as expected`,
      DEADLINE_MS,
    ).catch((failure: unknown) => {
      throw new Error(`${String(failure)}; last ${JSON.stringify(answer)}; rejected: ${this.rejections.join('\n')}`);
    });
  }

  async admin(path: string): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#adminPort}${path}`)).text();
  }

  async #begin(protocol: XdsProtocol): Promise<void> {
    try {
      await this.xds.start();
      this.#close.push(() => this.xds.stop(AbortSignal.timeout(1000)));
      const endpoint = MeshEndpoint.parse({
        address: `http://127.0.0.1:${this.xds.port}`,
        root: 'SYSTEM',
        token: '',
        clusterId: 'test',
      });
      if (!endpoint.ok) throw endpoint.error;
      const relay = new AdsRelay({
        path: join(this.folder, 'XDS'),
        endpoint: endpoint.value,
        versions: new ConfigVersions(),
        extensions: this.extensions,
        log: silent,
      });
      await relay.start();
      this.#close.push(
        () => relay.stop(),
        () => this.extensions.close(),
      );
      const web = await webServer();
      this.#close.push(
        () => web.close(),
        () => web.closeAllConnections(),
      );
      await this.#startEnvoy(protocol, (web.address() as AddressInfo).port);
    } catch (failure) {
      await this.stop();
      throw failure;
    }
  }

  async #startEnvoy(protocol: XdsProtocol, webPort: number): Promise<void> {
    const [binary = 'envoy'] = globSync(join(WORKSPACE, 'tmp/venv/lib/python3*/site-packages/envoy/_bin/envoy'));
    const file = join(this.folder, 'bootstrap.json');
    const adminFile = join(this.folder, 'admin');
    await writeFile(file, JSON.stringify(bootstrap(protocol, join(this.folder, 'XDS'), webPort)));
    const argv = ['-c', file, '--admin-address-path', adminFile, '--use-dynamic-base-id', '--concurrency', '1'];
    const child = spawn(binary, [...argv, '--log-level', 'critical'], { stdio: 'ignore' });
    this.#close.push(() => ended(child));
    await until(
      async () => {
        const address = await readFile(adminFile, 'utf8').catch(() => '');
        this.#adminPort = Number(/:(\d+)\s*$/.exec(address)?.[1] ?? 0);
        return this.#adminPort > 0;
      },
      'Envoy has started',
      DEADLINE_MS,
    );
  }

  async #portOf(listener: string): Promise<number> {
    const found = new RegExp(`^${listener}::127\\.0\\.0\\.1:(\\d+)$`, 'm').exec(await this.admin('/listeners'));
    if (found === null) throw new Error(`${listener} does not listen`);
    return Number(found[1]);
  }
}

const CALLER = { name: 'shop/wp' };

async function webServer(): Promise<Server> {
  const server = createServer((asked, response) => response.end(JSON.stringify(asked.headers)));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return server;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function bootstrap(protocol: XdsProtocol, socket: string, webPort: number): object {
  const cluster = (name: string, address: object, more: object = {}) => ({
    name,
    type: 'STATIC',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
    ...more,
  });
  const options = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  const http2 = { '@type': `type.googleapis.com/${options}`, explicit_http_config: { http2_protocol_options: {} } };
  return {
    node: { id: 'waypoint~127.0.0.1~wp-1.shop~shop.svc.cluster.local', cluster: 'test' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } },
    dynamic_resources: {
      lds_config: { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' },
      ads_config: {
        api_type: protocol === 'delta' ? 'DELTA_GRPC' : 'GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [
          {
            envoy_grpc: {
              cluster_name: 'xds-grpc',
              retry_policy: { retry_back_off: { base_interval: '0.1s', max_interval: '0.5s' } },
            },
          },
        ],
      },
    },
    static_resources: {
      clusters: [
        cluster('xds-grpc', { pipe: { path: socket } }, { typed_extension_protocol_options: { [options]: http2 } }),
        cluster('web', { socket_address: { address: '127.0.0.1', port_value: webPort } }),
      ],
    },
  };
}
