import { hostname } from 'node:os';
import { KubeClient } from '@weft/kube';
import { createLogger, exitOnConfigProblems, runProcess, systemClock, useTlsProfile } from '@weft/runtime';
import { createControlPlane } from './app.js';
import { HELP, parseControlPlaneConfig, withFlags } from './config.js';

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP);
    return;
  }
  const { env, problems } = withFlags(process.env, args);
  const parsed = parseControlPlaneConfig(env, `${hostname()}-${process.pid}`);
  if (problems.length > 0 || !parsed.ok)
    exitOnConfigProblems('control-plane', [...problems, ...(parsed.ok ? [] : parsed.error)]);
  const config = parsed.value;
  useTlsProfile(config.tlsProfile);
  const log = createLogger('control-plane', config.logLevel);
  const kube = KubeClient.fromDefault({ component: 'weft-control-plane', log });
  const { services } = createControlPlane(config, { kube, clock: systemClock, log });
  await runProcess({ log, services, drainMs: config.drainMs });
}

void main();
