export { InMemoryKube } from './in-memory-kube.js';
export { until } from './until.js';
