import type { IpAddress } from '@weft/ip';

/** What an AuthorizationPolicy can ask about a request, as the proxy that decides sees it. */
export interface RequestAttributes {
  /** Peer of the connection: the client's pod, also behind a tunnel. */
  readonly sourceIp: IpAddress;
  /** With the addresses that trusted proxies wrote into headers. */
  readonly remoteIp: IpAddress;
  /** Where the client wanted to go: the virtual address of the service, or the pod. */
  readonly destinationIp: IpAddress;
  readonly destinationPort: number;
  /** URI of the verified certificate; null for plaintext. */
  readonly principal: string | null;
  /** Empty without TLS of the client's own. */
  readonly serverName: string;
  readonly method: string;
  /** Normalized; with or without a query. */
  readonly path: string;
  /** The authority, with its port if it has one. */
  readonly host: string;
  /** Names in lower case; several values joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of the verified token; null without one. */
  readonly claims: Readonly<Record<string, unknown>> | null;
}
