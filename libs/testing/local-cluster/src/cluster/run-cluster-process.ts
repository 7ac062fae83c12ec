import { toError } from '@weft/result';
import { createLogger, LOG_LEVELS, type LogLevel } from '@weft/runtime';
import type { ClusterOptions } from './cluster-options.js';
import { LocalCluster } from './local-cluster.js';

/** What the outside tells the cluster process, as its one argument. */
export interface ClusterProcessArguments extends ClusterOptions {
  /** The port of the listening socket that is descriptor 3. */
  readonly hostPort: number;
  /** End when standard input ends, that is, when the process that started the cluster is gone. */
  readonly bound: boolean;
}

const HOST_LISTENER_FD = 3;
const STOP_DEADLINE_MS = 2_000;

/** The main function of the cluster process. Its end is the end of everything in its namespaces. */
export async function runClusterProcess(json: string): Promise<void> {
  const { hostPort, bound, ...options } = JSON.parse(json) as ClusterProcessArguments;
  const level = LOG_LEVELS.find((known) => known === options.logLevel) ?? ('info' satisfies LogLevel);
  const log = createLogger('local-cluster', level);
  const exit = (code: number): void => {
    setTimeout(() => process.exit(code), STOP_DEADLINE_MS);
    void cluster.stop().then(
      () => process.exit(code),
      () => process.exit(code),
    );
  };
  const cluster = new LocalCluster({
    ...options,
    log,
    hostListener: { fd: HOST_LISTENER_FD, port: hostPort },
    onShutDown: () => exit(0),
  });
  process.on('SIGTERM', () => exit(0));
  process.on('SIGINT', () => exit(0));
  process.on('unhandledRejection', (thrown) => log.error({ err: toError(thrown) }, 'unhandled rejection'));
  process.on('uncaughtException', (error) => log.error({ err: error }, 'uncaught error'));
  if (bound)
    process.stdin
      .on('error', () => exit(0))
      .on('close', () => exit(0))
      .resume();
  try {
    await cluster.start();
    log.info('cluster is ready');
  } catch (thrown) {
    log.fatal({ err: toError(thrown) }, 'cluster did not start');
    process.stderr.write(`${toError(thrown).message}\n`);
    setTimeout(() => process.exit(1), 200);
  }
}
