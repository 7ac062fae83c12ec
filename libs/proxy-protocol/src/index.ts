export { decodeProxyHeader, type DecodedProxyHeader } from './decode.js';
export { encodeProxyHeader } from './encode.js';
export { MAX_HEADER_BYTES, ProxyTlv, type ProxyHeader } from './proxy-header.js';
