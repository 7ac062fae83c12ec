import { availableParallelism } from 'node:os';
import { exitOnConfigProblems, runProcess, systemClock, useTlsProfile } from '@weft/runtime';
import { createZtunnel } from './app.js';
import { parseConfig } from './config.js';
import { chooseEngine } from './dataplane/choose-engine.js';
import { DataPlane } from './dataplane/dataplane.js';
import { HELP } from './help.js';
import { LeanMemory } from './lean-memory.js';
import { LogScopes } from './telemetry/log-scopes.js';

/** Longer than a connection waits for its pod's workload, so that the reason of the refusal is ours. */
const ANSWER_TIMEOUT_MS = 6000;

/** For what comes after the drain: closing what is left, and the rest of the process. */
const AFTER_DRAIN_MS = 900;

async function main(): Promise<void> {
  const [flag] = process.argv.slice(2);
  const engineFlag = /^--engine=(.*)$/.exec(flag ?? '')?.[1];
  if (flag === '--help' || flag === '-h') {
    process.stdout.write(HELP);
    return;
  }
  const parsed = parseConfig(
    engineFlag === undefined ? process.env : { ...process.env, WEFT_ENGINE: engineFlag },
    availableParallelism(),
  );
  if (!parsed.ok) return exitOnConfigProblems('ztunnel', parsed.error);
  const config = parsed.value;
  if (flag === '--version') {
    process.stdout.write(`ztunnel ${config.version}\n`);
    return;
  }
  if (flag !== undefined && engineFlag === undefined)
    return exitOnConfigProblems('ztunnel', [{ key: flag, problem: 'is not a flag; see --help' }]);
  useTlsProfile(config.tlsProfile);
  const lean = new LeanMemory(systemClock);
  const logs = new LogScopes({ format: config.logFormat, filter: config.logFilter });
  const log = logs.scope('ztunnel');
  const chosen = chooseEngine(config.engine);
  if (!chosen.ok) return exitOnConfigProblems('ztunnel', [{ key: 'WEFT_ENGINE', problem: chosen.error }]);
  const { engine, fallbackReason } = chosen.value;
  if (fallbackReason === null) log.info({ engine, workers: config.workers }, 'data plane engine');
  else log.warn({ engine, reason: fallbackReason }, 'the ffi engine cannot run here; using the portable one');
  const { services } = createZtunnel(config, {
    clock: systemClock,
    logs,
    dataPlane: (onMessage) =>
      new DataPlane({
        engine,
        workers: config.workers,
        log: logs.scope('dataplane'),
        onMessage,
        limits: {
          packetMark: config.packetMark,
          keepAlive: config.keepAlive,
          userTimeoutMs: config.userTimeoutMs,
          http2: config.http2,
          tlsProfile: config.tlsProfile.name,
          idleTunnelMs: config.poolIdleMs,
          traceRatio: config.tracing?.ratio ?? null,
          answerTimeoutMs: ANSWER_TIMEOUT_MS,
          holdTimeoutMs: config.holdTimeoutMs,
          maxHeld: Math.ceil(config.maxHeld / config.workers),
        },
      }),
    shutdown: () => process.kill(process.pid, 'SIGTERM'),
  });
  const all = engine === 'ffi' ? [...services, lean] : services;
  await runProcess({ log, services: all, drainMs: config.drainMs + AFTER_DRAIN_MS });
}

main().catch((failure: unknown) => {
  process.stderr.write(`ztunnel: ${failure instanceof Error ? failure.message : String(failure)}\n`);
  process.exit(1);
});
