/**
 * What has to happen within a second, on a machine that has nothing else to do. One that others keep busy takes longer for
 * everything; whatever waits for a time limit, a retry or a resynchronisation takes longer than this.
 */
export const AT_ONCE_MS = 3000;
