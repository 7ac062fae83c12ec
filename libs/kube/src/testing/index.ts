export { InMemoryKube } from './in-memory-kube.js';
