import type { Socket } from 'node:net';
import { HboneConnection } from '../connection.js';
import type { HboneError } from '../errors.js';
import type { HboneHandler } from '../handler.js';
import type { HboneSettings } from '../settings.js';

/** The events a test cares about; the link itself does output and the end. */
export type LinkHandler = Omit<HboneHandler, 'onOutput' | 'onFatal'> & { onFatal?(error: HboneError): void };

/** Runs one HboneConnection over a plain socket: enough to meet other HTTP/2 programs in tests, not a data plane. */
export class SocketLink {
  readonly connection: HboneConnection;
  #flushQueued = false;
  #draining = false;

  constructor(
    readonly socket: Socket,
    settings: HboneSettings,
    handler: LinkHandler,
  ) {
    this.connection = new HboneConnection(settings, {
      ...handler,
      onOutput: () => this.#queueFlush(),
      onFatal: (error) => {
        handler.onFatal?.(error);
        this.#queueFlush();
        setImmediate(() => socket.end());
      },
    });
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => this.connection.receive(chunk, 0, chunk.length));
    socket.on('drain', () => {
      this.#draining = false;
      this.#flush();
    });
    this.#queueFlush();
  }

  /** Sends what is ready, then ends the socket. */
  close(): void {
    this.#flush();
    this.socket.end();
  }

  #queueFlush(): void {
    if (this.#flushQueued) return;
    this.#flushQueued = true;
    setImmediate(() => {
      this.#flushQueued = false;
      this.#flush();
    });
  }

  #flush(): void {
    const { out } = this.connection;
    while (out.length > 0 && !this.#draining && this.socket.writable) {
      const n = out.length;
      this.#draining = !this.socket.write(Buffer.from(out.bytes.subarray(0, n)));
      this.connection.flushed(n);
    }
  }
}
