import type { Duplex } from 'node:stream';
import { toError } from '@weft/result';
import type { ConnectToPort } from './port-forward-request.js';
import type { SpdyHeaders } from './spdy/spdy-frame.js';
import { SpdySession } from './spdy/spdy-session.js';
import type { SpdyStream } from './spdy/spdy-stream.js';

export const PORT_FORWARD_PROTOCOL = 'portforward.k8s.io';
/** The two streams of a connection are opened one right after the other. */
const PAIR_WITHIN_MS = 30_000;

/** The streams of one forwarded connection, as far as they have been opened. */
interface Pair {
  readonly port: number;
  readonly streams: Map<string, SpdyStream>;
  readonly deadline: NodeJS.Timeout;
}

/**
 * Forwards the connections that a client accepts to ports of one pod. Each is two streams with the same `requestid`: `data`
 * carries the bytes both ways, `error` tells the client what went wrong.
 */
export class PortForwardSpdy {
  readonly #pairs = new Map<string, Pair>();
  readonly #gone = new AbortController();

  constructor(
    transport: Duplex,
    head: Buffer,
    private readonly connect: ConnectToPort,
  ) {
    new SpdySession({
      transport,
      head,
      accept: (headers) => this.#accept(headers),
      onClose: () => {
        this.#gone.abort();
        for (const { deadline } of this.#pairs.values()) clearTimeout(deadline);
        this.#pairs.clear();
      },
    });
  }

  #accept(headers: SpdyHeaders): ((stream: SpdyStream) => void) | null {
    const type = headers.get('streamtype') ?? '';
    const id = headers.get('requestid') ?? '';
    const port = Number(headers.get('port'));
    if ((type !== 'data' && type !== 'error') || id === '') return null;
    if (!Number.isInteger(port) || port < 1 || port > 65_535) return null;
    const open = this.#pairs.get(id);
    if (open !== undefined && (open.port !== port || open.streams.has(type))) return null;
    return (stream) => this.#add(id, port, type, stream);
  }

  #add(id: string, port: number, type: string, stream: SpdyStream): void {
    let pair = this.#pairs.get(id);
    if (pair === undefined) {
      const streams = new Map<string, SpdyStream>();
      const deadline = setTimeout(() => {
        this.#pairs.delete(id);
        for (const lonely of streams.values()) lonely.destroy();
      }, PAIR_WITHIN_MS).unref();
      pair = { port, streams, deadline };
      this.#pairs.set(id, pair);
    }
    pair.streams.set(type, stream);
    const [data, error] = [pair.streams.get('data'), pair.streams.get('error')];
    if (data === undefined || error === undefined) return;
    clearTimeout(pair.deadline);
    this.#pairs.delete(id);
    void this.#forward(port, data, error);
  }

  async #forward(port: number, data: SpdyStream, error: SpdyStream): Promise<void> {
    error.resume();
    try {
      const connection = await this.connect(port, this.#gone.signal);
      join(data, connection, error);
    } catch (thrown) {
      error.end(`error forwarding port ${port} to the pod: ${toError(thrown).message}`);
      data.end();
      data.resume();
    }
  }
}

/** Bytes go both ways, and each way ends by itself; when one of the two breaks, so does the other. */
function join(data: SpdyStream, connection: Duplex, error: SpdyStream): void {
  connection.on('error', () => connection.destroy());
  connection.on('close', () => {
    // What came before the end may still be on its way to the client; what the client sends now is for nobody.
    if (connection.readableEnded) data.resume();
    else data.destroy();
    if (data.destroyed || data.writableFinished) error.end();
    else for (const end of ['finish', 'close'] as const) data.once(end, () => error.end());
  });
  data.on('close', () => connection.destroy());
  if (data.destroyed) connection.destroy();
  data.pipe(connection);
  connection.pipe(data);
}
