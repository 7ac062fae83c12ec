/** One load of the suite. */
export interface L7Load {
  readonly name: string;
  readonly what: string;
  readonly connections: number;
  /** 0: as many as there are answers. */
  readonly perSecond: number;
}

/** Body of a request and of its answer. */
export const BYTES = 1024;

export const L7_LOADS: readonly L7Load[] = [
  { name: 'http-1x1KiB', what: '1 connection, 1 KiB request and response', connections: 1, perSecond: 0 },
  { name: 'http-64x1KiB', what: '64 connections, 1 KiB request and response', connections: 64, perSecond: 0 },
  {
    name: 'http-paced-1000',
    what: '64 connections, 1,000 requests a second together, 1 KiB',
    connections: 64,
    perSecond: 1000,
  },
];
