import type { Duplex } from 'node:stream';
import type { ResourceTarget } from '../serving/resource-routes.js';
import { badRequest } from '../status-error.js';
import type { Store } from '../storage/store.js';
import { findPod, requireKubelet } from './container-request.js';
import type { KubeletConnector } from './kubelet-connector.js';

/** Connects to a port of the pod that a port-forward names. */
export type ConnectToPort = (port: number, signal: AbortSignal) => Promise<Duplex>;

/** Everything that can be refused is refused here, before the upgrade. The ports themselves come later, with each connection. */
export function readPortForwardRequest(
  store: Store,
  kubelet: KubeletConnector | undefined,
  target: ResourceTarget,
): ConnectToPort {
  const ref = findPod(store, target);
  const connector = requireKubelet(kubelet);
  if (connector.portForward === undefined)
    throw badRequest('port-forward is not supported by the nodes of this cluster');
  return (port, signal) => connector.portForward!(ref, port, signal);
}
