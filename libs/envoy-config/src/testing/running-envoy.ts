import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@weft/testing-fixtures';
import { Bootstrap } from '@weft/xds/gen/envoy/config/bootstrap/v3/bootstrap.js';
import { socketAddress } from '../messages/address.js';
import type { Draft } from '../messages/draft.js';
import { extension } from '../messages/extension.js';
import { InternalListener } from '@weft/xds/gen/envoy/extensions/bootstrap/internal_listener/v3/internal_listener.js';
import { envoyBinary } from './validate-with-envoy.js';

type StaticResources = NonNullable<Draft<typeof Bootstrap>['staticResources']>;

/** A real Envoy with this configuration on free ports of the loopback address. */
export class RunningEnvoy {
  readonly #process: ChildProcess;
  #adminPort = 0;
  output = '';

  private constructor(private readonly folder: string) {
    const argv = [
      '-c',
      join(folder, 'bootstrap.pb'),
      '--concurrency',
      '1',
      '--use-dynamic-base-id',
      '--log-level',
      'warn',
    ];
    this.#process = spawn(envoyBinary(), [...argv, '--admin-address-path', join(folder, 'admin')]);
    const keep = (chunk: Buffer): void => void (this.output += chunk.toString());
    this.#process.stdout?.on('data', keep);
    this.#process.stderr?.on('data', keep);
  }

  static async start(staticResources: StaticResources): Promise<RunningEnvoy> {
    const folder = await mkdtemp(join(tmpdir(), 'weft-envoy-'));
    const bootstrap = Bootstrap.fromPartial({
      node: { id: 'waypoint~1.1.1.1~a.b~b.svc.cluster.local', cluster: 'test' },
      admin: { address: socketAddress('127.0.0.1', 0) },
      bootstrapExtensions: [extension('envoy.bootstrap.internal_listener', InternalListener, {})],
      staticResources,
    });
    await writeFile(join(folder, 'bootstrap.pb'), Bootstrap.encode(bootstrap).finish());
    const envoy = new RunningEnvoy(folder);
    try {
      await until(() => envoy.#isReady(), `Envoy is ready`, 20_000);
    } catch (thrown) {
      await envoy.stop();
      throw new Error(envoy.output.slice(-2000), { cause: thrown });
    }
    return envoy;
  }

  async admin(path: string): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#adminPort}${path}`)).text();
  }

  async portOf(listener: string): Promise<number> {
    const { listener_statuses: all } = JSON.parse(await this.admin('/listeners?format=json')) as {
      listener_statuses: { name: string; local_address: { socket_address?: { port_value: number } } }[];
    };
    const port = all.find(({ name }) => name === listener)?.local_address.socket_address?.port_value;
    if (port === undefined) throw new Error(`no listener ${listener}`);
    return port;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const gone = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await gone;
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  async #isReady(): Promise<boolean> {
    if (this.#process.exitCode !== null) throw new Error('Envoy ended');
    const address = await readFile(join(this.folder, 'admin'), 'utf8').catch(() => '');
    if (address === '') return false;
    this.#adminPort = Number(address.slice(address.lastIndexOf(':') + 1));
    return (await this.admin('/ready').catch(() => '')).startsWith('LIVE');
  }
}
