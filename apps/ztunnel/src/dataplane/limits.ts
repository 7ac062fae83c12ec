import { CLIENT_SETTINGS } from '@weft/hbone';
import type { KeepAlive } from '@weft/linux';
import type { TlsProfileName } from '@weft/tls-profile';

/** What tunnels offer their peers, and how many streams of ours share one. */
export interface Http2Sizes {
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  readonly frameBytes: number;
  /** Outbound; the peer may allow fewer. */
  readonly streamsPerTunnel: number;
}

/** Ports, times and sizes of the data path. Everything is plain data, so that it can be handed to a worker thread. */
export interface DataPlaneLimits {
  /** Ports bound in every pod's network namespace. */
  readonly ports: { readonly outbound: number; readonly inboundPlaintext: number; readonly inboundHbone: number };
  /** Mark of every socket made in a pod's namespace; the pod's rules let it pass. */
  readonly packetMark: number;
  /** Null: off. */
  readonly keepAlive: KeepAlive | null;
  /** How long sent bytes may stay unacknowledged (TCP_USER_TIMEOUT); 0: as long as the kernel likes. */
  readonly userTimeoutMs: number;
  /** TCP connect, to a peer or to the application. */
  readonly connectTimeoutMs: number;
  /** From the end of the TCP connect to the end of the TLS handshake, and on the server from the accept. */
  readonly handshakeTimeoutMs: number;
  /** For the main thread's answer: a plan or a verdict. */
  readonly answerTimeoutMs: number;
  /** For an identity that is not loaded yet. */
  readonly identityTimeoutMs: number;
  /** From the CONNECT to its response. */
  readonly responseTimeoutMs: number;
  readonly http2: Http2Sizes;
  /** What TLS between workloads may negotiate. */
  readonly tlsProfile: TlsProfileName;
  /** A pooled tunnel without streams is closed after this. */
  readonly idleTunnelMs: number;
  /** Connections open at one time in one worker; more are refused. Also the number of counter slots. */
  readonly maxConnections: number;
  /** Plans, and verdicts, remembered per pod. */
  readonly cacheEntries: number;
  /** For a waypoint that is being started, counted from the accept. */
  readonly holdTimeoutMs: number;
  /** Connections of one worker that may wait for one at the same time. */
  readonly maxHeld: number;
  /** Of the traces that begin here, how many are to be told of, 0 to 1; null: of none, whatever peers want. */
  readonly traceRatio: number | null;
}

export const DEFAULT_LIMITS: DataPlaneLimits = {
  ports: { outbound: 15_001, inboundPlaintext: 15_006, inboundHbone: 15_008 },
  packetMark: 0x539,
  keepAlive: { idleSeconds: 180, intervalSeconds: 180, probes: 9 },
  userTimeoutMs: 0,
  connectTimeoutMs: 10_000,
  handshakeTimeoutMs: 10_000,
  answerTimeoutMs: 5_000,
  identityTimeoutMs: 10_000,
  responseTimeoutMs: 30_000,
  http2: {
    streamWindowBytes: CLIENT_SETTINGS.initialWindowBytes,
    connectionWindowBytes: CLIENT_SETTINGS.connectionWindowBytes,
    frameBytes: CLIENT_SETTINGS.maxFrameBytes,
    streamsPerTunnel: CLIENT_SETTINGS.maxConcurrentStreams,
  },
  tlsProfile: 'default',
  idleTunnelMs: 300_000,
  maxConnections: 65_536,
  cacheEntries: 10_000,
  holdTimeoutMs: 30_000,
  maxHeld: 10_000,
  traceRatio: null,
};

/** Ports of ours: a connection that would end on one of them would come back to us for ever. */
export function isOwnPort(port: number, { ports }: DataPlaneLimits): boolean {
  return port === ports.outbound || port === ports.inboundPlaintext || port === ports.inboundHbone;
}
