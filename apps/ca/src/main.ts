import { setFlagsFromString } from 'node:v8';
import { KubeClient } from '@weft/kube';
import { createLogger, exitOnConfigProblems, runProcess, systemClock, useTlsProfile } from '@weft/runtime';
import { createCaApp } from './app.js';
import { HELP, parseCaConfig } from './config.js';

async function main(): Promise<void> {
  if (process.argv.includes('--help') || process.argv.includes('-h')) {
    process.stdout.write(HELP);
    return;
  }
  const config = parseCaConfig(process.env);
  if (!config.ok) exitOnConfigProblems('ca', config.error);
  // A request leaves little behind: threads that help to collect it cost more than they do.
  setFlagsFromString('--no-parallel-scavenge');
  useTlsProfile(config.value.tlsProfile);
  const log = createLogger('ca', config.value.logLevel, 'by turn');
  const kube = KubeClient.fromDefault({ component: 'weft-ca', log });
  const { services } = createCaApp(config.value, { kube, clock: systemClock, log });
  await runProcess({ log, services, drainMs: 10_000 });
}

void main();
