/** Metadata and filter state that listeners, clusters and policies of one Envoy pass to each other. Istio's names. */
export const METADATA_ORIGINAL_DST = 'envoy.filters.listener.original_dst';
export const METADATA_ISTIO = 'istio';

export const STATE_ORIGINAL_DST = 'envoy.filters.listener.original_dst.local_ip';
export const STATE_ORIGINAL_SRC = 'envoy.filters.listener.original_dst.remote_ip';
export const STATE_AUTHORITY = 'io.istio.connect_authority';
export const STATE_PEER_PRINCIPAL = 'io.istio.peer_principal';
export const STATE_LOCAL_PRINCIPAL = 'io.istio.local_principal';

export const CONNECT_TERMINATE = 'connect_terminate';
export const MAIN_INTERNAL = 'main_internal';
export const CONNECT_ORIGINATE = 'connect_originate';
export const ENCAP = 'encap';
export const HBONE_PORT = 15_008;
