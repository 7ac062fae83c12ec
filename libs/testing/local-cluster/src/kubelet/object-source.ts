import type { ConfigMap, Secret } from '@weft/kube';

/** ConfigMaps and Secrets by name; undefined while there is none. */
export interface ObjectSource {
  configMap(namespace: string, name: string): ConfigMap | undefined;
  secret(namespace: string, name: string): Secret | undefined;
}
