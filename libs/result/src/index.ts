export { assertNever } from './assert-never.js';
export { Backoff, type BackoffOptions } from './backoff.js';
export { type Clock } from './clock.js';
export { MeshError, toError } from './mesh-error.js';
export { err, ok, type Result } from './result.js';
