/** Numbers that the rules in a pod and the sockets of ztunnel share; they are Istio's. */
export const OUTBOUND_PORT = 15_001;
export const INBOUND_PLAINTEXT_PORT = 15_006;
export const INBOUND_HBONE_PORT = 15_008;
export const DNS_PORT = 15_053;

/** On every packet that ztunnel sends from a pod; such packets are not captured again. */
export const PACKET_MARK = 0x539;
/** On connections that ztunnel opened with a client's address, so that the replies come back to it. */
export const CONNECTION_MARK = 0x111;
export const MARK_MASK = 0xfff;

export const ROUTE_TABLE = 100;
export const ROUTE_RULE_PRIORITY = 32_764;

/** Source of probes as a captured pod sees them; such connections are left alone. */
export const PROBE_SOURCE_V4 = '169.254.7.127';
export const PROBE_SOURCE_V6 = 'fd16:9254:7127:1337:ffff:ffff:ffff:ffff';
export const PROBE_SET_V4 = 'istio-inpod-probes-v4';
export const PROBE_SET_V6 = 'istio-inpod-probes-v6';
