import type { CircuitBreakers } from '@weft/xds/gen/envoy/config/cluster/v3/circuit_breaker.js';
import type { Draft } from '../messages/draft.js';
import type { EffectivePolicy } from './effective-policy.js';

const UNLIMITED = 0xffff_ffff;

/** Envoy's own limits (1024) are no policy of anybody: without one there is none. Zero counts as not given. */
export function circuitBreakers({ connectionPool, retryBudget }: EffectivePolicy = {}): Draft<typeof CircuitBreakers> {
  const { tcp, http } = connectionPool ?? {};
  return {
    thresholds: [
      {
        maxConnections: tcp?.maxConnections || UNLIMITED,
        maxPendingRequests: http?.http1MaxPendingRequests || UNLIMITED,
        maxRequests: http?.http2MaxRequests || UNLIMITED,
        trackRemaining: true,
        ...(retryBudget === undefined
          ? { maxRetries: http?.maxRetries || UNLIMITED }
          : {
              retryBudget: {
                budgetPercent: { value: retryBudget.percent ?? 20 },
                minRetryConcurrency: retryBudget.minRetryConcurrency ?? 3,
              },
            }),
      },
    ],
  };
}
