import type { ReceiveWindow, SendWindow } from './flow-window.js';
import type { HboneStream } from './stream.js';

/** What the connection knows of one open stream. Fields are public for the connection's own files; callers see HboneStream. */
export class StreamState implements HboneStream {
  user: unknown = undefined;
  remoteEnded = false;
  localEnded = false;
  /** Out of the connection's table: no more events, and nothing may be sent. */
  gone = false;
  /** Server: we sent the response. Client: the final response came. DATA flows only after that. */
  answered = false;
  /** Bytes given to onData and not yet consumed; the connection window waits for them even when the stream ended. */
  unconsumed = 0;
  /** Body bytes that content-length announced; -1 when it does not apply. */
  expectedBytes = -1;
  receivedBytes = 0;
  informational = 0;

  /** After HEADERS only DATA may come (RFC 9113, 8.5). Server: any CONNECT. Client: once answered with 2xx. */
  isTunnel: boolean;

  constructor(
    readonly id: number,
    readonly isConnect: boolean,
    readonly sendWindow: SendWindow,
    readonly receiveWindow: ReceiveWindow,
  ) {
    this.isTunnel = isConnect;
  }
}
