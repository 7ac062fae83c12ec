import { marks } from '@weft/linux';
import type { L4Path } from '../../options.js';
import { CLIENT_ADDRESS, coldAddress, SERVER_ADDRESS, SERVER_PORT } from '../namespace-pair.js';

export interface Endpoint {
  readonly ip: string;
  readonly port: number;
}

/** Where the two proxies of a peer listen, and what the client dials. */
export interface PeerRoute {
  readonly source: Endpoint;
  /** As `source`, but nothing is reused behind it. */
  readonly cold: Endpoint;
  readonly destination: Endpoint;
  /** What a source proxy dials that knows one next hop only. */
  readonly next: Endpoint;
  readonly target: string;
  /** What the client dials for its n-th connection that needs a handshake. */
  readonly coldTarget: (n: number) => string;
  /** Rules bring connections to the proxies, and servers are to see the client's address; see `redirectPair`. */
  readonly redirected: boolean;
}

const PROXY_PORT = 8000;
const COLD_PORT = 8001;
export const REDIRECTED_COLD_PORT = 15_002;
const ANY = '0.0.0.0';

export const PEER_ROUTES: Readonly<Record<L4Path, PeerRoute>> = {
  loopback: {
    source: { ip: CLIENT_ADDRESS, port: PROXY_PORT },
    cold: { ip: CLIENT_ADDRESS, port: COLD_PORT },
    destination: { ip: SERVER_ADDRESS, port: PROXY_PORT },
    next: { ip: SERVER_ADDRESS, port: PROXY_PORT },
    target: `${CLIENT_ADDRESS}:${PROXY_PORT}`,
    coldTarget: () => `${CLIENT_ADDRESS}:${COLD_PORT}`,
    redirected: false,
  },
  redirected: {
    source: { ip: ANY, port: marks.OUTBOUND_PORT },
    cold: { ip: ANY, port: REDIRECTED_COLD_PORT },
    destination: { ip: ANY, port: marks.INBOUND_HBONE_PORT },
    next: { ip: SERVER_ADDRESS, port: marks.INBOUND_HBONE_PORT },
    target: `${SERVER_ADDRESS}:${SERVER_PORT}`,
    coldTarget: (n) => `${coldAddress(n)}:${SERVER_PORT}`,
    redirected: true,
  },
};
