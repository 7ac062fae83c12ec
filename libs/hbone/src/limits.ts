/**
 * How much of each kind of nuisance one connection takes. Sizes and counts follow Envoy's protections against the known
 * HTTP/2 floods (CVE-2019-9512 to -9518, CVE-2023-44487, CVE-2024-27919, CVE-2025-8671); passing one ends the connection
 * with ENHANCE_YOUR_CALM, if nothing else is said.
 */
export const HBONE_LIMITS = {
  /** Answers (PING and SETTINGS acknowledgements, RST_STREAM) that wait in `out` because the peer does not read. */
  pendingControlFrames: 1000,
  /** Room behind `outputCapacityBytes` for control frames and responses. */
  controlRoomBytes: 128 * 1024,
  /** Empty HEADERS, CONTINUATION or DATA without END_STREAM, one after the other. */
  consecutiveEmptyFrames: 1,
  /** PRIORITY frames, and separately other frames without effect, per stream opened (plus one). */
  ignoredFramesPerStream: 100,
  /** WINDOW_UPDATE frames: 5 + 2 x (streams + 10 x DATA sent, counted in units of 16 KiB). */
  windowUpdatesBase: 5,
  windowUpdatesFactor: 2,
  windowUpdatesPerDataUnit: 10,
  dataUnitBytes: 16 * 1024,
  /** Streams that end with a reset before we answered them, or that we had to reset. An answered stream gives one back. */
  resets: { burst: 500, perSecond: 50 },
  settingsFrames: { burst: 100, perSecond: 10 },
  pingFrames: { burst: 1000, perSecond: 100 },
  goawayFrames: { burst: 100, perSecond: 1 },
  /** Entries of one SETTINGS frame. */
  settingsEntries: 64,
  /** Bytes of debug data in one GOAWAY. */
  goawayDebugBytes: 16 * 1024,
  /** CONTINUATION frames of one header block. */
  continuationFrames: 64,
  /** Encoded header block, as a multiple of maxHeaderListBytes; a longer one cannot be decoded, so the connection ends. */
  encodedBlockFactor: 2,
  /** Fields of one header list; a longer list is answered with 431 or reset. */
  headerFields: 100,
  /** Informational (1xx) responses of one stream. */
  informationalResponses: 8,
} as const;

/** Times of the liveness check, in milliseconds (as ztunnel). */
export const HBONE_TIMES = {
  /** From the last PONG (or the first tick) to the next PING. */
  pingIntervalMs: 10_000,
  pongTimeoutMs: 20_000,
  settingsAckTimeoutMs: 20_000,
  /** Longest wait for the PONG that separates the two GOAWAY frames of a graceful shutdown. */
  drainPongTimeoutMs: 5_000,
} as const;
