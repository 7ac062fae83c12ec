import type { AgentConfig } from '../config.js';
import { nodeOf } from './envoy-bootstrap.js';

/**
 * What a gRPC client of this pod reads from the file that `GRPC_XDS_BOOTSTRAP` names: its control plane is the agent, which adds
 * the token that gRPC libraries have no way to send.
 *
 * @see https://github.com/grpc/proposal/blob/master/A27-xds-global-load-balancing.md
 */
export function grpcBootstrap(config: AgentConfig, adsSocket: string): object {
  const node = nodeOf(config) as { readonly id: string; readonly cluster: string; readonly metadata: object };
  return {
    xds_servers: [
      { server_uri: `unix://${adsSocket}`, channel_creds: [{ type: 'insecure' }], server_features: ['xds_v3'] },
    ],
    node: {
      ...node,
      locality: { region: '', zone: '', sub_zone: '' },
      metadata: { ...node.metadata, GENERATOR: 'grpc' },
    },
  };
}
