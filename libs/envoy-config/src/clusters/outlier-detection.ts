import type { OutlierDetection as Wish } from '@weft/mesh-api';
import type { OutlierDetection } from '@weft/xds/gen/envoy/config/cluster/v3/outlier_detection.js';
import type { Draft } from '../messages/draft.js';
import { duration } from '../messages/duration.js';

/** Envoy's own statistics-based ejection is switched off: nobody asked for it. */
export function outlierDetection(wish: Wish): Draft<typeof OutlierDetection> {
  const {
    consecutive5xxErrors: errors,
    consecutiveGatewayErrors: gateway,
    consecutiveErrors,
    consecutiveLocalOriginFailures: local,
  } = wish;
  const gatewayErrors = gateway ?? consecutiveErrors;
  return {
    enforcingSuccessRate: 0,
    ...(errors === undefined ? {} : { consecutive5xx: errors, enforcingConsecutive5xx: errors > 0 ? 100 : 0 }),
    ...(gatewayErrors === undefined
      ? {}
      : { consecutiveGatewayFailure: gatewayErrors, enforcingConsecutiveGatewayFailure: gatewayErrors > 0 ? 100 : 0 }),
    ...(wish.interval === undefined ? {} : { interval: duration(wish.interval) }),
    ...(wish.baseEjectionTime === undefined ? {} : { baseEjectionTime: duration(wish.baseEjectionTime) }),
    ...(wish.maxEjectionPercent === undefined ? {} : { maxEjectionPercent: wish.maxEjectionPercent }),
    ...(wish.splitExternalLocalOriginErrors === true
      ? {
          splitExternalLocalOriginErrors: true,
          ...(local === undefined
            ? {}
            : { consecutiveLocalOriginFailure: local, enforcingConsecutiveLocalOriginFailure: 100 }),
          enforcingLocalOriginSuccessRate: 0,
        }
      : {}),
  };
}
