import { toError } from '@weft/result';
import type { ConfigProblem } from './env-reader.js';
import type { Logger } from './logger.js';
import { startAll, type Service } from './service.js';

/** Prints every configuration problem and ends the process with status 2. */
export function exitOnConfigProblems(program: string, problems: readonly ConfigProblem[]): never {
  for (const { key, problem } of problems) process.stderr.write(`${program}: ${key} ${problem}\n`);
  process.exit(2);
}

export interface RunOptions {
  readonly log: Logger;
  readonly services: readonly Service[];
  /** How long stopping may take, in milliseconds. */
  readonly drainMs: number;
}

/**
 * Runs services until SIGTERM or SIGINT, then drains. A second signal ends the process at once. A failed start or an
 * uncaught error is logged and ends it with status 1.
 */
export async function runProcess({ log, services, drainMs }: RunOptions): Promise<void> {
  const fail = (what: string) => (thrown: unknown) => {
    log.fatal({ err: toError(thrown) }, what);
    process.exit(1);
  };
  process.on('uncaughtException', fail('uncaught error'));
  process.on('unhandledRejection', fail('unhandled rejection'));
  const signalled = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
  const stop = await startAll(services, drainMs).catch(fail('start failed'));
  log.info('started');
  const signal = await signalled;
  for (const again of ['SIGTERM', 'SIGINT'] as const) process.once(again, () => process.exit(1));
  log.info({ signal }, 'draining');
  await stop().catch(fail('stop failed'));
  log.info('stopped');
  process.exit(0);
}
