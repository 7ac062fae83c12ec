const OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** A cluster for a gRPC server on the loopback address, as an EnvoyFilter adds it. */
export const grpcClusterAt = (name: string, port: number) => ({
  name,
  type: 'STATIC',
  typed_extension_protocol_options: {
    [OPTIONS]: { '@type': `type.googleapis.com/${OPTIONS}`, explicit_http_config: { http2_protocol_options: {} } },
  },
  load_assignment: {
    cluster_name: name,
    endpoints: [
      { lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } }] },
    ],
  },
});
