import type { MeshEndpointOptions } from '@weft/xds-grpc';
import type { ZtunnelConfig } from '../config.js';

/** The effective configuration without what could be secret: a literal token, extra headers. */
export function describeConfig({ xds, ca, logFilter, tracing, ...rest }: ZtunnelConfig): unknown {
  const endpoint = (it: MeshEndpointOptions | null) =>
    it === null ? null : { address: it.address, root: it.root, token: it.token.includes('/') ? it.token : 'literal' };
  return {
    ...rest,
    logFilter: { level: logFilter.level, scopes: Object.fromEntries(logFilter.scopes) },
    xds: endpoint(xds),
    ca: endpoint(ca),
    tracing:
      tracing === null ? null : { ...tracing, endpoint: tracing.endpoint.host, headers: Object.keys(tracing.headers) },
  };
}
