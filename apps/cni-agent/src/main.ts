import { readFileSync } from 'node:fs';
import { KubeClient } from '@weft/kube';
import { createLogger, exitOnConfigProblems, runProcess, systemClock } from '@weft/runtime';
import { createCniAgentApp, pluginBundleBeside } from './app.js';
import { HELP, parseCniAgentConfig } from './config.js';
import type { PluginKubeconfig } from './plugin/plugin-kubeconfig.js';

const ACCOUNT_DIR = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The agent's own credentials, which it lends to the plugin. */
function ownCredentials(): PluginKubeconfig {
  const host = process.env['KUBERNETES_SERVICE_HOST'] ?? '';
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${process.env['KUBERNETES_SERVICE_PORT'] ?? '443'}`;
  return {
    server,
    ca: readFileSync(`${ACCOUNT_DIR}/ca.crt`, 'utf8'),
    token: readFileSync(`${ACCOUNT_DIR}/token`, 'utf8').trim(),
  };
}

async function main(): Promise<void> {
  if (process.argv.includes('--help') || process.argv.includes('-h')) {
    process.stdout.write(HELP);
    return;
  }
  const { CNI_PLUGIN_NODE: hostNode, ...env } = process.env;
  const config = parseCniAgentConfig(env);
  if (!config.ok) exitOnConfigProblems('cni-agent', config.error);
  const log = createLogger('cni-agent', config.value.logLevel);
  const kube = KubeClient.fromDefault({ component: 'weft-cni', log });
  const services = await createCniAgentApp(config.value, {
    kube,
    clock: systemClock,
    log,
    kubeconfig: ownCredentials,
    pluginBundle: pluginBundleBeside(__dirname),
    hostNode: hostNode ?? null,
  });
  await runProcess({ log, services, drainMs: 10_000 });
}

void main();
