/**
 * What the main thread (slow path: the whole mesh state) and a data-plane worker (fast path) say to each other.
 *
 * A worker knows no policy and no mesh. It asks once per (pod, destination) for an outbound plan and once per distinct
 * inbound context for a verdict, caches the answers, and forgets them when told to. Everything here survives
 * `structuredClone` and JSON; addresses travel as text (`1.2.3.4:80`, `[::1]:80`).
 */

/** `ConnectionClosed.why` of what was still open at the end of a drain, and of what a dead worker had open. */
export const CLOSED_BY_DRAIN = 'connection closed due to connection drain';
export const CLOSED_BY_WORKER_END = 'the data plane worker ended';

export interface Identity {
  /** `spiffe://trust-domain/ns/namespace/sa/account`. */
  readonly spiffeId: string;
  /** Leaf first, then intermediates. */
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
  /** Trust anchors that peers are verified against. */
  readonly rootsPem: string;
}

/** One way to reach a destination; the worker draws one by weight for each connection. */
export interface HboneTarget {
  /** Where the tunnel is dialled, `ip:15008`. */
  readonly dial: string;
  /** `:authority` of the CONNECT. */
  readonly authority: string;
  /** The peer must present one of these SPIFFE IDs; an empty list never verifies. */
  readonly expectedIdentities: readonly string[];
  /** Value of the `forwarded` header's `host`, when the client addressed a service. */
  readonly forwardedHost?: string;
  /**
   * Double HBONE. `dial` is the gateway of another network; once its CONNECT is answered 200, the stream carries a second TLS
   * handshake and HTTP/2 connection, with one CONNECT of the same authority. Inner tunnels are never shared or pooled. The
   * connection counts as open when the inner CONNECT is answered 200, and `peerIdentity` is that of the inner peer.
   */
  readonly inner?: InnerTarget;
  readonly weight: number;
  /** Opaque to the worker; it comes back in `connectionOpened`, so that the main thread knows which target was drawn. */
  readonly targetId: number;
}

export interface InnerTarget {
  /** As of the outer one. */
  readonly expectedIdentities: readonly string[];
  /** Header `x-forwarded-network` of the inner CONNECT. */
  readonly forwardedNetwork: string;
}

export interface PlainTarget {
  readonly dial: string;
  readonly weight: number;
  readonly targetId: number;
}

export type OutboundPlan =
  | {
      readonly kind: 'hbone';
      readonly targets: readonly HboneTarget[];
      /**
       * Endpoints of the same destination that are outside the mesh: drawn from together with `targets`, by weight over
       * both lists, and dialled in plaintext. Absent: none.
       */
      readonly plainTargets?: readonly PlainTarget[];
      /** Which identity the pod shows. */
      readonly sourceIdentity: string;
      /** `baggage` of the source workload. */
      readonly baggage: string;
    }
  | { readonly kind: 'plain'; readonly targets: readonly PlainTarget[] }
  | {
      readonly kind: 'reject';
      readonly reason: string;
      /** Comes back in `connectionFailed`, so that the refusal is counted for the service that was meant. */
      readonly targetId?: number;
      readonly flag?: FailureFlag;
      readonly waypoint?: WaypointRefusal;
    }
  /** What it has to go through is asleep and is being started: the connection waits, and asks again when the plans are cleared. */
  | { readonly kind: 'hold'; readonly reason: string; readonly targetId: number };

/** Why the waypoint that it has to go through was not to be had. */
export type WaypointRefusal = 'missing' | 'unavailable' | 'start_timeout' | 'too_many_held';

export type InboundVerdict =
  | {
      readonly kind: 'allow';
      /** Where the application listens, `ip:port`. */
      readonly dial: string;
      /** Comes back in `connectionOpened`: tells which state of the policies the verdict was made of. */
      readonly revision?: number;
      /** Bind the application-side socket to the client's address. */
      readonly preserveSource: boolean;
      /** `baggage` of the 200 response. */
      readonly baggage?: string;
      /** Written to the application before the first byte. */
      readonly proxyHeader?: ProxyHeaderFields;
    }
  | {
      readonly kind: 'deny';
      /** HTTP status for HBONE: 400, 401 or 503. */
      readonly status: number;
      readonly reason: string;
    };

/** A PROXY protocol v2 header. Its source is the TCP peer with its port, which a verdict must not depend on. */
export interface ProxyHeaderFields {
  readonly destination: string;
  /** TLV 0xD0; absent without a client certificate. */
  readonly clientIdentity?: string;
  /** TLV 0xD1. */
  readonly serviceHostname?: string;
}

/**
 * Asked per stream (HBONE) or connection (plaintext). Equal contexts get equal verdicts until an invalidation. For that,
 * two contexts are equal also when they differ in the port of `source` or in the `for` of `forwarded`: a verdict must not
 * depend on either, and a context may stand for its equals.
 */
export interface InboundContext {
  readonly podUid: string;
  readonly transport: 'hbone' | 'plaintext';
  /** TCP peer as this proxy sees it. */
  readonly source: string;
  /** HBONE: the pod's `ip:15008`; plaintext: the original destination. */
  readonly destination: string;
  /** SPIFFE ID from the verified client certificate; null for plaintext. */
  readonly peerIdentity: string | null;
  /** HBONE request only. */
  readonly authority?: string;
  readonly baggage?: string;
  readonly forwarded?: string;
  readonly forwardedNetwork?: string;
}

/** Why a connection ended; names are the `response_flags` of the metrics except for `none`. */
export type FailureFlag =
  | 'none'
  | 'DENY'
  | 'CONNECT'
  | 'TLS_FAILURE'
  | 'H2_HANDSHAKE_FAILURE'
  | 'NETWORK_POLICY'
  | 'IDENTITY_ERROR'
  | 'CERT_REVOKED';

export type ToWorker =
  | {
      readonly type: 'addPod';
      readonly podUid: string;
      /**
       * Open descriptor of the pod's network namespace. `DataPlane.send` takes it over: it duplicates it for each worker
       * and closes the original; a worker owns and closes its own.
       */
      readonly netnsFd: number;
      /** Informational; may be empty, because a pod is often added before the control plane knows its addresses. */
      readonly podIps: readonly string[];
      /** Default: all three. `hbone`: tunnels only; nothing is captured there, as in ztunnel's own pod. */
      readonly listeners?: 'hbone';
      /** Served on the pod's 15008; what a tunnel of the pod shows is in its `OutboundPlan`. */
      readonly sourceIdentity: string;
    }
  /** The control plane has now told (or changed) what `addPod` only guessed; running connections go on. */
  | {
      readonly type: 'updatePod';
      readonly podUid: string;
      readonly podIps: readonly string[];
      readonly sourceIdentity: string;
    }
  /** Ends every listener, tunnel and connection of the pod at once. */
  | { readonly type: 'removePod'; readonly podUid: string }
  /** New or rotated; existing tunnels go on, new handshakes use it. */
  | { readonly type: 'setIdentity'; readonly identity: Identity }
  | { readonly type: 'dropIdentity'; readonly spiffeId: string }
  /** Whom to trust beyond what TLS checks; every open tunnel is looked at again. */
  | {
      readonly type: 'setPeerTrust';
      /** A CRL file that was read without fault, in base64. */
      readonly crl: string;
      /** PEM of the authorities known here. */
      readonly issuersPem: readonly string[];
      /** Roots that were taken out of the trust bundle: no chain may lead to one. */
      readonly distrustedRootsPem: string;
      /** Names that mean this mesh, if there is more than one. */
      readonly trustDomains: readonly string[];
    }
  | { readonly type: 'outboundPlan'; readonly requestId: number; readonly plan: OutboundPlan }
  | { readonly type: 'inboundVerdict'; readonly requestId: number; readonly verdict: InboundVerdict }
  /** Forget cached plans and verdicts: of one pod, or of all. */
  | { readonly type: 'invalidate'; readonly podUid?: string }
  | {
      readonly type: 'closeConnections';
      readonly connections: readonly ConnectionKey[];
      readonly reason: string;
      readonly flag: FailureFlag;
    }
  /** The workloads at these addresses are gone, or others than before: tunnels to any port there end now, with all streams. */
  | { readonly type: 'evictTunnels'; readonly addresses: readonly string[] }
  /** `DataPlane.settle` only: say everything that waits to be said, then `reported`. */
  | { readonly type: 'report'; readonly reportId: number }
  /** Stop accepting, GOAWAY; answers `drained` when the last connection has ended. */
  | { readonly type: 'drain' }
  | { readonly type: 'stop' };

export type FromWorker =
  /** `DataPlane` swallows it: `start` resolves when all workers have said so. */
  | { readonly type: 'ready' }
  /** `DataPlane` passes it on once, when every worker has the pod. Adding a pod again (same namespace) is answered, too. */
  | { readonly type: 'podAdded'; readonly podUid: string }
  /** Listeners could not be made, in one worker at least; said once per `addPod`. The main thread retries. */
  | { readonly type: 'podFailed'; readonly podUid: string; readonly error: string }
  | {
      readonly type: 'outboundPlanNeeded';
      readonly requestId: number;
      readonly podUid: string;
      /** Client socket; informational, the plan must not depend on its port. */
      readonly source: string;
      readonly destination: string;
    }
  | { readonly type: 'inboundVerdictNeeded'; readonly requestId: number; readonly context: InboundContext }
  /** The identity is not loaded and a connection waits for it. */
  | { readonly type: 'identityNeeded'; readonly spiffeId: string }
  | ConnectionOpened
  | ConnectionClosed
  /** Ended before a byte could flow: bad TLS, unknown authority, refused verdict, failed plan, no connection to the target. */
  | {
      readonly type: 'connectionFailed';
      readonly podUid: string;
      readonly direction: 'inbound' | 'outbound';
      readonly source: string;
      readonly destination: string;
      readonly peerIdentity: string | null;
      readonly reason: string;
      readonly flag: FailureFlag;
      /** Outbound: it failed for want of a waypoint. */
      readonly waypoint?: WaypointRefusal;
      /** Outbound: the target of the plan that was tried last, if it came that far. */
      readonly targetId?: number;
      /** Inbound: what the verdict was asked for, if it came that far. */
      readonly inbound?: InboundContext;
      /** As in `ConnectionOpened`. */
      readonly trace?: string;
    }
  /** How many connections of this worker wait for waypoints, whenever that changes. */
  | { readonly type: 'connectionsHeld'; readonly count: number }
  /**
   * Said by `DataPlane` in the place of a worker thread that ended by itself, after a `connectionClosed` for each of its
   * connections. All its sockets are closed; another thread takes its place with the same pods and identities.
   */
  | {
      readonly type: 'workerLost';
      /** What it died of: an exception, no memory left, or `exit`: neither was said. */
      readonly cause: 'exception' | 'memory' | 'exit';
      readonly openConnections: number;
    }
  /** `DataPlane` swallows it; see `report`. */
  | { readonly type: 'reported'; readonly reportId: number }
  /** `DataPlane` passes it on once, when all workers have drained. */
  | { readonly type: 'drained' }
  | { readonly type: 'log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly message: string };

/** By the slot it is found; the id says whether it is still the same. */
export interface ConnectionKey {
  readonly connectionId: number;
  readonly counterSlot: number;
}

export interface ConnectionOpened {
  readonly type: 'connectionOpened';
  readonly connectionId: number;
  readonly podUid: string;
  readonly direction: 'inbound' | 'outbound';
  readonly transport: 'hbone' | 'plaintext';
  readonly source: string;
  /** Outbound: the original destination. Inbound: `InboundContext.destination`. */
  readonly destination: string;
  /** Where bytes really go: HBONE dial address, or the application. */
  readonly actualDestination: string;
  /** Outbound: which target of the plan. */
  readonly targetId?: number;
  readonly inbound?: InboundContext;
  /** Inbound: `revision` of the verdict. */
  readonly verdictRevision?: number;
  readonly peerIdentity: string | null;
  /** Double HBONE: `baggage` of the inner response, which is all that is known of the far end. */
  readonly peerBaggage?: string;
  /** The `traceparent` that was sent (outbound) or came (inbound), if the trace is to be told of. */
  readonly trace?: string;
  /**
   * Index into the shared counters: two Float64 cells, [2 * slot] received from the downstream, [2 * slot + 1] sent to it.
   * A slot is zeroed before `connectionOpened` and used for no other connection for 5 s after `connectionClosed`, so that
   * a scrape which has not yet read that message never counts a stranger's bytes.
   */
  readonly counterSlot: number;
}

export interface ConnectionClosed {
  readonly type: 'connectionClosed';
  readonly connectionId: number;
  /** As in `ConnectionOpened`. */
  readonly counterSlot: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly durationMs: number;
  readonly flag: FailureFlag;
  /** Absent when it ended normally. */
  readonly error?: string;
  /** Who ended it and at which stage, for the `why` of the access log. */
  readonly why: string;
}
