import { SERVER_ADDRESS, SERVER_PORT } from '../namespace-pair.js';
import type { Peer } from './peer.js';

/** No proxy at all: what the others add is measured against it. */
export const direct: Peer = {
  name: 'direct',
  version: () => Promise.resolve('no proxy'),
  start: () => {
    const target = `${SERVER_ADDRESS}:${SERVER_PORT}`;
    return Promise.resolve({ source: [], destination: [], target, coldTarget: () => target });
  },
};
