/** What `--help` prints. The README has the same table with more words. */
export const HELP = `ztunnel: the Layer-4 node proxy of the mesh

Usage: ztunnel [--help | --version | --engine=auto|ffi|portable]

Everything is configured by environment variables:

  XDS_ADDRESS, CA_ADDRESS        where the control plane and the CA are (https://host:port); empty: disabled
  XDS_ROOT_CA, CA_ROOT_CA        roots to trust there: file, PEM or SYSTEM [/var/run/secrets/istio/root-cert.pem]
  ALT_XDS_HOSTNAME, ALT_CA_HOSTNAME  name to check in their certificates
  AUTH_TOKEN                     token file or literal [/var/run/secrets/tokens/istio-token]
  XDS_HEADER_<name>, CA_HEADER_<name>  extra request headers
  LOCAL_XDS_PATH, LOCAL_XDS      workloads, services and policies from YAML (file, inline)
  NODE_NAME, POD_NAME, POD_NAMESPACE, INSTANCE_IP  from the downward API
  CLUSTER_ID [Kubernetes], NETWORK [""], CLUSTER_DOMAIN, TRUST_DOMAIN [cluster.local]
  INPOD_UDS                      socket of the CNI agent [/var/run/ztunnel/ztunnel.sock]
  PACKET_MARK [1337], ENABLE_ORIG_SRC [true], IPV6_ENABLED [true]
  XDS_ON_DEMAND [false]           ask for workloads and services one by one; needs ISTIO_META_DNS_CAPTURE=false
  ISTIO_META_DNS_CAPTURE [true]   answer the DNS of pods; the CNI agent needs AMBIENT_DNS_CAPTURE=true, too
  PREFERED_SERVICE_NAMESPACE     whose services win where several namespaces have one of that name
  KEEPALIVE_ENABLED [true], KEEPALIVE_TIME, KEEPALIVE_INTERVAL [180s], KEEPALIVE_RETRIES [9], USER_TIMEOUT_ENABLED [false]
  HTTP2_STREAM_WINDOW_SIZE [4194304], HTTP2_CONNECTION_WINDOW_SIZE [16777216], HTTP2_FRAME_SIZE [1048576]
  POOL_MAX_STREAMS_PER_CONNECTION [100]
  WAYPOINT_HOLD_TIMEOUT [30s], WAYPOINT_HOLD_CONNECTIONS [10000]   connections that wait for a sleeping waypoint
  POOL_UNUSED_RELEASE_TIMEOUT [5m], SECRET_TTL [24h], ENABLE_RESPONSE_BAGGAGE [true]
  WEFT_ENGINE [auto]             ffi (epoll and OpenSSL by direct calls), portable (node:net, node:tls), or auto: ffi where
                                 it can run; --engine says the same
  ZTUNNEL_WORKER_THREADS         a number, 0 for all cores, or a percentage [from the CPU limits]
  CONNECTION_TERMINATION_DEADLINE, TERMINATION_GRACE_PERIOD_SECONDS  how long a stop may take [5s]
  OTEL_TRACES_EXPORTER [none]    otlp: spans of connections to OTEL_EXPORTER_OTLP_ENDPOINT [http://localhost:4318] + /v1/traces
  OTEL_TRACES_SAMPLER, _SAMPLER_ARG [0.01], OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_HEADERS, OTEL_BSP_*
  RUST_LOG [info], LOG_FORMAT [text|json], AUTHZ_POLICY_INFO_LOGGING [false]
  WEFT_ADMIN_PORT [15000], WEFT_METRICS_PORT [15020], WEFT_READINESS_PORT [15021]
`;
