import type { Logger } from '@weft/runtime';
import type { KubeletConnector } from './streaming/kubelet-connector.js';

/** Where the server listens: an address (port 0 picks one), or a listening socket that was inherited. */
export type Listener = { readonly host: string; readonly port: number } | { readonly fd: number };

export interface ApiServerOptions {
  readonly listeners: readonly Listener[];
  /** ClusterIPs come from here; the first address is the API server's own Service. Two families: `10.96.0.0/16,fd00:10:96::/108`. */
  readonly serviceCidr: string;
  readonly clusterDomain: string;
  /** The cluster is kept here between runs: objects, keys and the administrator's token. */
  readonly persistFile?: string;
  /** Default 10 s. */
  readonly persistIntervalMs?: number;
  /** Needed for logs, exec and attach. */
  readonly kubelet?: KubeletConnector;
  readonly log: Logger;
  /** The endpoint of the Service `kubernetes` in `default`; without it the Service has none. */
  readonly advertise?: { readonly host: string; readonly port: number };
  /** More names and addresses for the serving certificate. */
  readonly extraNames?: readonly string[];
  readonly clusterName?: string;
  /** Events that each resource keeps for watchers that come back. Default 10,000. */
  readonly watchHistory?: number;
  /** Default 10 s. */
  readonly bookmarkIntervalMs?: number;
  readonly now?: () => Date;
}
