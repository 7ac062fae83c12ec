import type { Readiness } from './readiness.js';
import type { Service } from './service.js';

/** What `Readiness` is given for it. */
export const SERVING = 'serving';

/** The last of a process's services: it is ready once all others serve, and no more before the first of them stops. */
export function servingTask(readiness: Readiness): Service {
  return {
    name: 'readiness',
    start: () => {
      readiness.done(SERVING);
      return Promise.resolve();
    },
    stop: () => {
      readiness.pend(SERVING);
      return Promise.resolve();
    },
  };
}
