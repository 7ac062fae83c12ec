import type { KubeClient, Condition, KubeObject } from '@weft/kube';
import { GATEWAYS } from '@weft/mesh-api';
import { createLogger, startAll, systemClock } from '@weft/runtime';
import { MeshApiServer } from '@weft/testing-mesh-deployment';
import { createWaypointManager } from '../app.js';
import { parseWaypointManagerConfig } from '../config.js';
import type { GatewayStatus } from '../status/gateway-status.js';

const log = createLogger('test', 'silent');
const disposers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const dispose of disposers.splice(0).reverse()) await dispose();
});

export type GatewayObject = KubeObject & { spec: object; status?: GatewayStatus };

/** An API server with the kinds of the mesh and the namespaces `istio-system` and `shop`; it ends with the test. */
export async function makeCluster(): Promise<KubeClient> {
  const server = await MeshApiServer.start(['istio-system', 'shop']);
  disposers.push(() => server.stop());
  const { kube } = server;
  return kube;
}

export async function startManager(kube: KubeClient, podName = 'replica-1'): Promise<() => Promise<void>> {
  const config = parseWaypointManagerConfig({ ADMIN_HOST: '127.0.0.1', ADMIN_PORT: '0' }, podName);
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  const app = createWaypointManager(config.value, { kube, clock: systemClock, log });
  const stop = await startAll(app.services, 5000);
  let stopped = false;
  const once = async () => {
    if (!stopped) await stop();
    stopped = true;
  };
  disposers.push(once);
  return once;
}

/** A waypoint in namespace `shop`, unless the spec says otherwise. */
export const gateway = (name: string, spec: object = {}, metadata: object = {}): GatewayObject => ({
  metadata: { name, namespace: 'shop', ...metadata },
  spec: {
    gatewayClassName: 'istio-waypoint',
    listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }],
    ...spec,
  },
});
export const created = (kube: KubeClient, object: GatewayObject) => kube.create<GatewayObject>(GATEWAYS, object);
export const statusOf = async (kube: KubeClient, name: string) =>
  (await kube.get<GatewayObject>(GATEWAYS, 'shop', name))?.status;
export const condition = async (kube: KubeClient, name: string, type: string): Promise<Condition | undefined> =>
  (await statusOf(kube, name))?.conditions.find((one) => one.type === type);
