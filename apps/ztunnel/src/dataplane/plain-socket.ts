import { EAGAIN, type Memory } from '@weft/linux';

/** Who uses a `PlainSocket`. None of these is called after `close`. */
export interface PlainSocketOwner {
  /** Bytes, the end of the stream or an error wait: call `read`. Comes once until `read` gave less than asked for. */
  onReadable(): void;
  /** The kernel took `bytes` that an earlier `write` had to keep. */
  onWritten(bytes: number): void;
  /** FIN is sent after everything written. */
  onFinished(): void;
  /** Writing failed; errno. */
  onBroken(errno: number): void;
  onCrash(error: Error): void;
}

/** `read` has nothing for now. */
export const READ_NOTHING = -EAGAIN;

/** How long what a socket got before it broke may wait to be passed on, if there is no room for it at once. */
export const LAST_BYTES_MS = 1000;

/** One connected TCP socket without TLS, as relays use it in either engine. */
export interface PlainSocket {
  owner: PlainSocketOwner;
  /** Whether `read` may give something. */
  readonly readable: boolean;
  /** The peer closed both directions or reset the connection; what it sent before may still be read. */
  readonly gone: boolean;
  /** It was reset or timed out: nothing can be sent, and nothing comes but what had come before. */
  readonly broken: boolean;
  /** Written, and not yet taken by the kernel. */
  readonly queuedBytes: number;
  /** FIN was sent. */
  readonly finished: boolean;
  readonly closed: boolean;
  /** Bytes read, 0 at the end of the stream, READ_NOTHING, or another `-errno`. */
  read(into: Memory, offset: number, length: number): number;
  /** Sends, and keeps a copy of what the kernel does not take. Returns how many bytes were taken at once, or -1 when it broke. */
  write(from: Memory, offset: number, length: number): number;
  /** Sends FIN after what is queued; then `onFinished`. */
  finish(): void;
  /** `reset`: the other side sees ECONNRESET instead of an orderly end. */
  close(reset: boolean): void;
}
