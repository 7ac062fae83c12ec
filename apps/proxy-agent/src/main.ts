import { createLogger, exitOnConfigProblems, runProcess, systemClock } from '@weft/runtime';
import { createProxyAgent } from './app.js';
import { HELP, parseAgentConfig } from './config.js';

/** For what comes after the drain: ending Envoy, and the rest of the process. */
const AFTER_DRAIN_MS = 950;

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP);
    return;
  }
  const config = parseAgentConfig(args, process.env);
  if (!config.ok) return exitOnConfigProblems('proxy-agent', config.error);
  const log = createLogger('proxy-agent', config.value.logLevel);
  const { services } = createProxyAgent(config.value, {
    clock: systemClock,
    log,
    onCrash: () => process.exit(1),
    shutdown: () => process.kill(process.pid, 'SIGTERM'),
  });
  await runProcess({ log, services, drainMs: config.value.drainMaxMs + AFTER_DRAIN_MS });
}

main().catch((failure: unknown) => {
  process.stderr.write(`proxy-agent: ${failure instanceof Error ? failure.message : String(failure)}\n`);
  process.exit(1);
});
