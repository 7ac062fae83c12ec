/** Both engines speak it, on both sides. */
export const TLS_ALPN = 'h2';
