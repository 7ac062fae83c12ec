import { hostname } from 'node:os';
import { KubeClient } from '@weft/kube';
import { createLogger, exitOnConfigProblems, runProcess, systemClock } from '@weft/runtime';
import { createWaypointManager } from './app.js';
import { HELP, parseWaypointManagerConfig } from './config.js';

async function main(): Promise<void> {
  if (process.argv.includes('--help') || process.argv.includes('-h')) {
    process.stdout.write(HELP);
    return;
  }
  const config = parseWaypointManagerConfig(process.env, `${hostname()}-${process.pid}`);
  if (!config.ok) exitOnConfigProblems('waypoint-manager', config.error);
  const log = createLogger('waypoint-manager', config.value.logLevel);
  const kube = KubeClient.fromDefault({ component: 'weft-waypoint-manager', log });
  const { services } = createWaypointManager(config.value, { kube, clock: systemClock, log });
  await runProcess({ log, services, drainMs: 10_000 });
}

void main();
