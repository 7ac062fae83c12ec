import { DEPLOYMENTS, SERVICE_ACCOUNTS, type Deployment, type KubeObject, type ServiceAccount } from '@weft/kube';
import {
  DATAPLANE_MODE_NONE,
  LABEL_DATAPLANE_MODE,
  LABEL_POOL,
  LABEL_SIDECAR_INJECT,
  POOL_ACCOUNT,
} from '@weft/mesh-api';
import type { WaypointManagerConfig } from '../config.js';
import { GATEWAY_KINDS } from '../gateway-kind.js';
import { LABEL_MANAGED } from '../workloads/desired-objects.js';
import { podTemplate } from '../workloads/pod-template.js';

export const POOL_NAME = POOL_ACCOUNT;
const MANAGED_BY = 'weft.io-waypoint-pool';

/**
 * The pool: a Deployment of proxies that belong to nobody. One that is claimed loses the label that the Deployment selects by, so that
 * Kubernetes lets it go and makes another one: the pool fills up by itself.
 */
export function poolObjects(config: WaypointManagerConfig): {
  readonly serviceAccount: ServiceAccount;
  readonly deployment: Deployment;
} {
  const proxy = GATEWAY_KINDS.find(({ className }) => className === 'istio-waypoint')!.proxy!;
  const warm = { [LABEL_POOL]: 'warm' };
  const metadata = { name: POOL_NAME, namespace: config.namespace, labels: { [LABEL_MANAGED]: MANAGED_BY } };
  const template = podTemplate({
    config,
    proxy,
    serviceAccount: POOL_ACCOUNT,
    network: undefined,
    placement: config.pool.placement,
    pooled: true,
    labels: {
      ...warm,
      [LABEL_MANAGED]: MANAGED_BY,
      [LABEL_SIDECAR_INJECT]: 'false',
      [LABEL_DATAPLANE_MODE]: DATAPLANE_MODE_NONE,
    },
    annotations: {},
  });
  return {
    serviceAccount: { ...kindOf(SERVICE_ACCOUNTS), metadata },
    deployment: {
      ...kindOf(DEPLOYMENTS),
      metadata,
      spec: { replicas: config.pool.size, selector: { matchLabels: warm }, template },
    },
  };
}

const kindOf = ({ apiVersion, kind }: { readonly apiVersion: string; readonly kind: string }): KubeObject => ({
  apiVersion,
  kind,
});
