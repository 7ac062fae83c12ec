const UNLIMITED = 0xffff_ffff;

/** Envoy's own limits (1024) are no policy of anybody: without one there is none. */
export const NO_LIMITS = {
  thresholds: [
    {
      maxConnections: UNLIMITED,
      maxPendingRequests: UNLIMITED,
      maxRequests: UNLIMITED,
      maxRetries: UNLIMITED,
      trackRemaining: true,
    },
  ],
};
