/** One CONNECT tunnel. Made by the connection only; `user` belongs to the caller. */
export interface HboneStream {
  readonly id: number;
  user: unknown;
  /** The peer sent END_STREAM, or the stream is gone. */
  readonly remoteEnded: boolean;
  /** We sent END_STREAM, or the stream is gone. */
  readonly localEnded: boolean;
}
