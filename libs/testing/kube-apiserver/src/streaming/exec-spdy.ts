import type { Duplex, Readable } from 'node:stream';
import { toError } from '@weft/result';
import { internalError } from '../status-error.js';
import type { ExecRequest } from './exec-request.js';
import { exitStatus } from './exit-status.js';
import type { ExecSession } from './kubelet-connector.js';
import type { SpdyHeaders } from './spdy/spdy-frame.js';
import { SpdySession } from './spdy/spdy-session.js';
import type { SpdyStream } from './spdy/spdy-stream.js';
import { parseTerminalSize } from './terminal-size.js';

/** A client opens its streams right after the upgrade. */
const STREAMS_WITHIN_MS = 30_000;
const MAX_SIZE_BYTES = 1024;

/** Carries one session's streams over one SPDY connection, a SPDY stream each; the header `streamtype` names it. */
export class ExecSpdy {
  readonly #missing: Set<string>;
  readonly #streams = new Map<string, SpdyStream>();
  readonly #session: SpdySession;
  readonly #deadline: NodeJS.Timeout;

  constructor(
    transport: Duplex,
    head: Buffer,
    private readonly command: ExecSession,
    private readonly streams: ExecRequest['streams'],
  ) {
    const types = ['stdin', 'stdout', 'stderr'] as const;
    this.#missing = new Set(['error', ...types.filter((type) => streams[type]), ...(streams.tty ? ['resize'] : [])]);
    this.#deadline = setTimeout(() => this.#session.destroy(), STREAMS_WITHIN_MS).unref();
    command.stdin.on('error', () => undefined);
    if (!streams.stdin) command.stdin.end();
    if (!streams.stdout) command.stdout.resume();
    if (!streams.stderr) command.stderr.resume();
    this.#session = new SpdySession({
      transport,
      head,
      accept: (headers) => this.#accept(headers),
      onClose: () => {
        clearTimeout(this.#deadline);
        command.kill();
      },
    });
  }

  #accept(headers: SpdyHeaders): ((stream: SpdyStream) => void) | null {
    const type = headers.get('streamtype') ?? '';
    if (!this.#missing.delete(type)) return null;
    return (stream) => this.#use(type, stream);
  }

  /**
   * Nothing is sent before all streams are open: while kubectl waits for the answer to one, it reads none of the others, and
   * output for them would keep the answer from being read.
   */
  #use(type: string, stream: SpdyStream): void {
    this.#streams.set(type, stream);
    if (this.#missing.size > 0) return;
    clearTimeout(this.#deadline);
    const outputs: Promise<void>[] = [];
    for (const [name, open] of this.#streams) {
      if (name === 'stdin') this.#input(open);
      else if (name === 'resize') this.#sizes(open);
      else open.resume();
      if (name === 'stdout' || name === 'stderr') outputs.push(pump(this.command[name], open));
    }
    this.command.exit
      .then(async (code) => {
        await Promise.all(outputs);
        this.#finish(exitStatus(code));
      })
      .catch((thrown: unknown) => this.#finish(internalError(toError(thrown).message).toStatus()));
  }

  #input(stream: SpdyStream): void {
    const { stdin } = this.command;
    stream.pipe(stdin);
    stream.once('close', () => stdin.end());
    // Nobody reads any more: the rest is dropped, and the client is told.
    stdin.once('close', () => {
      stream.resume();
      stream.end();
    });
  }

  /** Sizes come as JSON, one in a line. */
  #sizes(stream: SpdyStream): void {
    let rest = '';
    stream.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop()!.slice(-MAX_SIZE_BYTES);
      for (const line of lines) {
        const size = parseTerminalSize(line);
        if (size !== null) this.command.resize(size.columns, size.rows);
      }
    });
  }

  #finish(status: object): void {
    for (const [type, stream] of this.#streams) {
      if (type === 'error') stream.end(JSON.stringify(status));
      else stream.end();
      stream.resume();
    }
    this.#session.end();
  }
}

/** Resolves when all of the output has been handed over, or nobody wants it any more. */
function pump(output: Readable, stream: SpdyStream): Promise<void> {
  return new Promise((resolve) => {
    output.pipe(stream);
    if (output.destroyed) stream.end();
    for (const end of ['close', 'error'] as const) output.once(end, () => stream.end());
    stream.once('finish', resolve);
    stream.once('close', () => {
      output.resume();
      resolve();
    });
  });
}
