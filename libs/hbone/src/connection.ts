import type { HboneHandler, HeaderField } from './handler.js';
import type { HboneSettings } from './settings.js';
import type { HboneStream } from './stream.js';

/** DATA payload space in `out.bytes`. The object is reused by the next `reserve`. */
export interface Reservation {
  readonly offset: number;
  readonly length: number;
}

export declare class HboneConnection {
  constructor(settings: HboneSettings, handler: HboneHandler);
  /** `bytes[0..length)` waits to be written; `bytes` stays the same Buffer for the life of the connection. */
  readonly out: { readonly bytes: Buffer; readonly length: number };
  /** The first `n` bytes (default: all) of `out` were written. */
  flushed(n?: number): void;
  /** Takes `bytes[start..end)` from the peer. Never throws; keeps no reference to `bytes`. */
  receive(bytes: Buffer, start: number, end: number): void;
  canOpen(): boolean;
  readonly activeStreams: number;
  /** True once either side sent GOAWAY or the connection is over. With `activeStreams` 0: flush and close. */
  readonly closing: boolean;
  /** Streams not gone yet, for tearing down. */
  streams(): Iterable<HboneStream>;
  /** Client: opens a tunnel; null when the stream limit, a GOAWAY or full output forbids it. Throws HboneError (HBONE_BAD_HEADER) on illegal text. */
  connect(authority: string, headers: readonly HeaderField[]): HboneStream | null;
  respond(stream: HboneStream, status: number, headers: readonly HeaderField[], endStream?: boolean): void;
  /** Space for DATA payload, to be filled and committed before any other call on this connection. Length 0: wait for onWritable. */
  reserve(stream: HboneStream): Reservation;
  commit(stream: HboneStream, n: number): void;
  /** Ends our half. */
  end(stream: HboneStream): void;
  /** Ends the stream at once; no further events for it. */
  reset(stream: HboneStream, code: number): void;
  /** The application took `n` bytes given to onData. Also after onEnd; a stream that was reset needs none. */
  consumed(stream: HboneStream, n: number): void;
  ping(nowMs: number): void;
  tick(nowMs: number): void;
  /** Graceful: the peer learns that no new streams are wanted; open ones go on. */
  shutdown(): void;
  /** Hard: final GOAWAY; nothing received afterwards is looked at. Flush, then close. */
  goaway(code: number): void;
}
