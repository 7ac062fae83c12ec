import type { ResourceInfo } from '../resource-info.js';

/** Every built-in resource of Kubernetes 1.32 that is served, in the order of discovery. Built once, shared, never changed. */
export function builtinResources(): readonly ResourceInfo[] {
  return [];
}
