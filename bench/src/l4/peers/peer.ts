import type { NamespacePair } from '../namespace-pair.js';
import type { Program } from '../program.js';
import type { PeerCertificates } from './peer-certificates.js';
import type { PeerRoute } from './peer-route.js';

/** What a peer is given to start in. */
export interface PeerSite {
  readonly root: string;
  /** A folder of its own. */
  readonly directory: string;
  readonly namespaces: NamespacePair;
  readonly route: PeerRoute;
  readonly certificates: PeerCertificates;
  /** How many connections at once it must be able to carry. */
  readonly maxConnections: number;
  /** Where CPU profiles of weft's processes go. */
  readonly profile: string | null;
  /** How many cold targets the whole run takes. */
  readonly coldTargets: number;
}

/** A peer that runs. */
export interface RunningPeer {
  readonly source: readonly Program[];
  readonly destination: readonly Program[];
  /** Where the client connects to; pools and TLS sessions are kept. */
  readonly target: string;
  /** Where the n-th connection that needs a handshake of its own goes. */
  readonly coldTarget: (n: number) => string;
  /** After the programs were stopped. */
  close?(): void;
}

/** One way from the client to the server. */
export interface Peer {
  readonly name: string;
  /** One line about what runs, for the head of the table. */
  version(root: string): Promise<string>;
  /** The rules of the path `redirected`, before `start`. */
  redirect?(namespaces: NamespacePair): Promise<void>;
  /** Rejects with PeerError. What it started before it failed is in `started`. */
  start(site: PeerSite, started: Program[]): Promise<RunningPeer>;
}
