/** Each has a control plane of its own. */
export const CONTROL_LOADS = [
  'churn',
  'route-change',
  'route-change-services',
  'route-change-hosts',
  'route-change-paths',
] as const;
export type ControlLoad = (typeof CONTROL_LOADS)[number];
