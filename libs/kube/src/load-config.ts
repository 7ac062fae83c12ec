import { KubeConfig } from '@kubernetes/client-node';
import { toError } from '@weft/result';
import { KubeConfigError } from './errors.js';

/** KUBECONFIG, else ~/.kube/config, else the service account of the pod we run in. */
export function loadDefaultConfig(): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromDefault();
  } catch (cause) {
    throw new KubeConfigError(`cannot load the kubeconfig named by KUBECONFIG: ${toError(cause).message}`, { cause });
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
