import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@weft/testing-fixtures';
import type { PodNamespace } from './pod-namespace.js';

export interface EnvoyProcess {
  /** A file that the configuration named by `file`. */
  read(name: string): string;
  stop(): void;
}

/** Writes a text to a file of the process's own folder and gives its path. */
export type WriteFile = (name: string, text: string) => string;

const WORKSPACE = join(__dirname, '../../../..');

/**
 * The real Envoy in a pod, from a static configuration, until it listens on `port`. Throws where Envoy is not installed: a
 * proof must not be left out in silence.
 */
export async function startEnvoy(
  pod: PodNamespace,
  port: number,
  configure: (file: WriteFile) => object,
): Promise<EnvoyProcess> {
  const [program = 'envoy'] = globSync(join(WORKSPACE, 'tmp/venv/lib/python3*/site-packages/envoy/_bin/envoy'));
  const folder = mkdtempSync(join(tmpdir(), 'weft-envoy-'));
  const file: WriteFile = (name, text) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const config = file('envoy.json', JSON.stringify(configure(file)));
  const args = ['-c', config, '--concurrency', '1', '--disable-hot-restart', '-l', 'warning'];
  const child = spawn('ip', ['netns', 'exec', pod.name, program, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const log: string[] = [];
  child.stderr.on('data', (bytes: Buffer) => log.push(bytes.toString()));
  const gone = once(child, 'exit');
  const stop = (): void => {
    child.kill('SIGKILL');
    void gone.then(() => rmSync(folder, { recursive: true, force: true }));
  };
  try {
    await until(() => {
      if (child.exitCode !== null) throw new Error('Envoy ended');
      return pod.run('ss', ['-Hltn', `sport = :${port}`]).trim() !== '';
    }, 'Envoy listens');
  } catch (cause) {
    stop();
    throw new Error(`Envoy does not listen on ${port}: ${log.join('').slice(-2000)}`, { cause });
  }
  return { read: (name) => readFileSync(join(folder, name), 'utf8'), stop };
}

export const envoyType = (name: string): string => `type.googleapis.com/envoy.${name}`;

export function envoyAddress(host: string, port: number): object {
  return { socket_address: { address: host, port_value: port } };
}

export interface EnvoyCluster {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** SO_MARK of its connections. */
  readonly mark: number;
}

/** One fixed endpoint, connected from a socket that the pod's rules leave alone. */
export function envoyCluster({ name, host, port, mark }: EnvoyCluster): object {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    upstream_bind_config: {
      source_address: { address: '0.0.0.0', port_value: 0 },
      // SOL_SOCKET, SO_MARK
      socket_options: [{ level: 1, name: 36, int_value: mark, state: 'STATE_PREBIND' }],
    },
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: envoyAddress(host, port) } }] }],
    },
  };
}
