import type { KubeClient } from '@weft/kube';
import { LABEL_GATEWAY_NAME, objectMetaOf } from '@weft/mesh-api';
import type { MeshModel } from '@weft/mesh-model';
import { podOfNode } from './followed-engine.js';

/** Envoy shows the whole resource first and says at the end what is wrong with it. */
const REASON_CHARS = 500;

/** Tells the Gateway of an Envoy, by a Warning event, what the Envoy rejected: who wrote the resource looks there. */
export function rejectionEvents({
  kube,
  model,
}: {
  readonly kube: Pick<KubeClient, 'event'>;
  readonly model: Pick<MeshModel, 'sources'>;
}): (nodeId: string, message: string) => void {
  return (nodeId, message) => {
    const pod = model.sources.pods.get(podOfNode(nodeId));
    const { namespace, labels } = objectMetaOf(pod);
    const gateway = model.sources.gateways.get(`${namespace}/${labels[LABEL_GATEWAY_NAME] ?? ''}`);
    if (gateway === undefined) return;
    const { name, uid } = objectMetaOf(gateway);
    const object = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata: { namespace, name, uid } };
    const reason = message.length > REASON_CHARS ? `... ${message.slice(-REASON_CHARS)}` : message;
    kube.event(object, 'Warning', 'ConfigRejected', `Envoy does not use it: ${reason}`);
  };
}
