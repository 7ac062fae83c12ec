/** What one end of an HBONE connection allows and offers. All sizes are bytes. */
export interface HboneSettings {
  readonly role: 'client' | 'server';
  /** Receive window of every stream (SETTINGS_INITIAL_WINDOW_SIZE). */
  readonly initialWindowBytes: number;
  /** Receive window of the connection; never below 65,535, where HTTP/2 starts it. */
  readonly connectionWindowBytes: number;
  /** Largest frame we accept (SETTINGS_MAX_FRAME_SIZE), 16,384 to 16,777,215. */
  readonly maxFrameBytes: number;
  /** Largest header list we accept, counted after decoding (RFC 9113, 6.5.2). */
  readonly maxHeaderListBytes: number;
  /** Server: streams the peer may hold open. Client: most streams to open here, also while the peer's limit is unknown. */
  readonly maxConcurrentStreams: number;
  /** DATA and new requests stop at this much waiting output; control frames have their own room behind it. */
  readonly outputCapacityBytes: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

const SHARED = {
  initialWindowBytes: 4 * MIB,
  connectionWindowBytes: 16 * MIB,
  maxFrameBytes: 1 * MIB,
  outputCapacityBytes: 512 * KIB,
} as const;

/** The sizes ztunnel uses, so that both ends of a mixed mesh behave alike. */
export const CLIENT_SETTINGS: HboneSettings = {
  ...SHARED,
  role: 'client',
  maxHeaderListBytes: 16 * KIB,
  maxConcurrentStreams: 100,
};

export const SERVER_SETTINGS: HboneSettings = {
  ...SHARED,
  role: 'server',
  maxHeaderListBytes: 64 * KIB,
  maxConcurrentStreams: 200,
};
