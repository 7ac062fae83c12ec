import { Node } from '@weft/xds/gen/envoy/config/core/v3/base.js';
import type { ZtunnelConfig } from './config.js';

/** Who this node proxy is to the control plane. */
export function xdsNode({
  pod,
  nodeName,
  nodeMetadata,
}: Pick<ZtunnelConfig, 'pod' | 'nodeName' | 'nodeMetadata'>): Node {
  const { name, namespace, ip } = pod;
  return Node.fromPartial({
    id: `ztunnel~${ip}~${name}.${namespace}~${namespace}.svc.cluster.local`,
    metadata: { ...nodeMetadata, NAME: name, NAMESPACE: namespace, INSTANCE_IPS: ip, NODE_NAME: nodeName },
  });
}
