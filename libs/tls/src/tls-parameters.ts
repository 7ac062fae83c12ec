/** What both engines offer and accept. */
export const TLS_SUITES = 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256';

/** A key share for each starred group goes into the first flight, so a peer without ML-KEM costs no extra round trip. */
export const TLS_GROUPS = '?*X25519MLKEM768 / ?*X25519:?secp256r1';

export const TLS_ALPN = 'h2';
