import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { toError } from '@weft/result';
import { KubeConfigError } from './errors.js';

const TOKEN_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/**
 * KUBECONFIG, else the service account of the pod we run in, else ~/.kube/config. A pod's own account comes before the home
 * directory, so that a file that happens to be in an image, or on a shared root, never decides which cluster we talk to.
 * `root` is put before the path of the service account.
 */
export function loadDefaultConfig(env: NodeJS.ProcessEnv = process.env, root = ''): KubeConfig {
  const config = new KubeConfig();
  const home = join(env['HOME'] ?? homedir(), '.kube/config');
  try {
    if (env['KUBECONFIG']) config.loadFromDefault();
    else if (env['KUBERNETES_SERVICE_HOST'] && existsSync(`${root}${TOKEN_FILE}`)) config.loadFromCluster(root);
    else if (existsSync(home)) config.loadFromFile(home);
    else {
      throw new KubeConfigError(
        `no way to the Kubernetes API: set KUBECONFIG, or run in a pod with a service account token (neither ${TOKEN_FILE} nor ${home} exists)`,
      );
    }
  } catch (cause) {
    if (cause instanceof KubeConfigError) throw cause;
    throw new KubeConfigError(`cannot load the kubeconfig: ${toError(cause).message}`, { cause });
  }
  return config;
}

export function loadConfigText(text: string): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromString(text);
  } catch (cause) {
    throw new KubeConfigError(`cannot read the kubeconfig: ${toError(cause).message}`, { cause });
  }
  return config;
}
