import { DEPLOYMENTS, SERVICE_ACCOUNTS, type KubeClient, type KubeLog } from '@weft/kube';
import { toError } from '@weft/result';
import type { WaypointManagerConfig } from '../config.js';
import { FIELD_MANAGER } from '../workloads/object-applier.js';
import { POOL_NAME, poolObjects } from './pool-objects.js';

const APPLY = { fieldManager: FIELD_MANAGER, force: true };

/** By each leader, and when somebody deletes it: makes the pool, or takes it away where there is to be none. Claimed proxies are not its. */
export async function applyPool(kube: KubeClient, config: WaypointManagerConfig, log: KubeLog): Promise<void> {
  try {
    if (config.pool.size === 0) {
      await kube.delete(DEPLOYMENTS, config.namespace, POOL_NAME, { propagationPolicy: 'Background' });
      return;
    }
    const { serviceAccount, deployment } = poolObjects(config);
    await kube.apply(SERVICE_ACCOUNTS, serviceAccount, APPLY);
    await kube.apply(DEPLOYMENTS, deployment, APPLY);
  } catch (thrown) {
    log.error({ err: toError(thrown).message }, 'the pool of proxies was not made');
  }
}
