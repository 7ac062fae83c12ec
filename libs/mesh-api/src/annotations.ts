/** Annotations that users and our components set. Values are API; so are the keys. */
export const ANNOTATION_REDIRECTION = 'ambient.istio.io/redirection';
export const ANNOTATION_TRAFFIC_DISTRIBUTION = 'networking.istio.io/traffic-distribution';
/** Ours, on a Service of a waypoint: all its pods may be asleep. Written by whoever scales it. */
export const ANNOTATION_SCALES_TO_ZERO = 'weft.io/scales-to-zero';
/** Ours, on a Gateway: when connections last asked for its sleeping proxies to be started. */
export const ANNOTATION_ACTIVATION_REQUESTED = 'weft.io/activation-requested';
export const ANNOTATION_EXPORT_TO = 'networking.istio.io/exportTo';
export const ANNOTATION_DRY_RUN = 'istio.io/dry-run';

/** Value of `ambient.istio.io/redirection` once the pod's traffic is captured. */
export const REDIRECTION_ENABLED = 'enabled';
