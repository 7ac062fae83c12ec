import type { HboneError } from './errors.js';
import type { HboneStream } from './stream.js';

/** One header field. Names are lower case; values are bytes shown as Latin-1. */
export type HeaderField = readonly [name: string, value: string];

export interface HboneRequest {
  /** As sent: compare exactly, `connect` is not `CONNECT`. */
  readonly method: string;
  readonly authority: string;
  /** With its query; '' for CONNECT, which has none. */
  readonly path: string;
  /** Regular fields in wire order, pseudo-header fields left out. */
  readonly headers: readonly HeaderField[];
}

export interface HboneResponse {
  readonly status: number;
  readonly headers: readonly HeaderField[];
}

/**
 * What a connection tells its owner. Every call happens inside `receive`, `flushed`, `tick` or another method of the
 * connection, and may call back into it. Handlers must not throw.
 */
export interface HboneHandler {
  /** Server: a new stream. Answer with `respond` or `reset`, now or later. */
  onRequest?(stream: HboneStream, request: HboneRequest): void;
  /** Client: the final response (1xx are swallowed). Only after a 2xx does `reserve` give room. */
  onResponse?(stream: HboneStream, response: HboneResponse): void;
  /** Tunnel bytes `bytes[start..end)`: a view valid during the call only; one frame may come in many spans. Pay back with `consumed`. */
  onData(stream: HboneStream, bytes: Buffer, start: number, end: number): void;
  /** The peer finished its half. */
  onEnd(stream: HboneStream): void;
  /** The stream is gone: reset by the peer, broken by it, or refused by its GOAWAY (REFUSED_STREAM: safe to retry). */
  onReset(stream: HboneStream, code: number): void;
  /** `reserve` gave 0 before and gives more now. */
  onWritable(stream: HboneStream): void;
  /** The peer takes no new streams. Called for each GOAWAY. */
  onGoaway(lastStreamId: number, code: number, debug: string): void;
  /** The connection is over; its GOAWAY is already in `out`. Flush, then close. No other call follows. */
  onFatal(error: HboneError): void;
  /** `out` went from empty to non-empty. Not called for the preface that the constructor writes. */
  onOutput(): void;
}
