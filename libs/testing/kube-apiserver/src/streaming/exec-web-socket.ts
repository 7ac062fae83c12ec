import type { Readable } from 'node:stream';
import { toError } from '@weft/result';
import type { WebSocket } from 'ws';
import { internalError } from '../status-error.js';
import type { ExecRequest } from './exec-request.js';
import { exitStatus } from './exit-status.js';
import type { ExecSession } from './kubelet-connector.js';
import { parseTerminalSize } from './terminal-size.js';

/** Subprotocols of exec and attach, the best first. */
export const EXEC_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const ERROR = 3;
const RESIZE = 4;
/** v5 only: the next byte names a channel that its sender has closed. */
const CLOSE = 255;
/** Output that a client may leave unread before the command has to wait. */
const MAX_BEHIND_BYTES = 1024 * 1024;
const RESUME_POLL_MS = 10;
const PING_MS = 5_000;

/** Carries one session's streams over one WebSocket: the first byte of each message names the channel. */
export class ExecWebSocket {
  readonly #v5: boolean;
  #ping: NodeJS.Timeout | undefined;

  constructor(
    private readonly client: WebSocket,
    private readonly session: ExecSession,
    private readonly streams: ExecRequest['streams'],
  ) {
    this.#v5 = client.protocol === EXEC_PROTOCOLS[0];
  }

  run(): void {
    const { client, session, streams } = this;
    client.on('error', () => client.terminate());
    client.on('close', () => {
      clearInterval(this.#ping);
      session.kill();
    });
    client.on('message', (data: Buffer) => this.#receive(data));
    session.stdin.on('error', () => undefined);
    this.#ping = setInterval(() => client.ping(), PING_MS).unref();
    const finished = [
      this.#pump(session.stdout, streams.stdout ? STDOUT : null),
      this.#pump(session.stderr, streams.stderr ? STDERR : null),
    ];
    if (!streams.stdin) session.stdin.end();
    session.exit
      .then(async (code) => {
        await Promise.all(finished);
        this.#finish(exitStatus(code));
      })
      .catch((thrown: unknown) => this.#finish(internalError(toError(thrown).message).toStatus()));
  }

  #receive(data: Buffer): void {
    const payload = data.subarray(1);
    switch (data[0]) {
      case STDIN:
        if (this.session.stdin.writable && !this.session.stdin.write(payload)) this.#holdInput();
        break;
      case RESIZE: {
        const size = parseTerminalSize(payload.toString());
        if (size !== null) this.session.resize(size.columns, size.rows);
        break;
      }
      case CLOSE:
        if (this.#v5 && payload[0] === STDIN) this.session.stdin.end();
        break;
      default:
    }
  }

  #holdInput(): void {
    this.client.pause();
    const resume = (): void => this.client.resume();
    this.session.stdin.once('drain', resume).once('close', resume);
  }

  /** Resolves when the stream has ended. A channel that the client did not ask for is read and dropped. */
  #pump(stream: Readable, channel: number | null): Promise<void> {
    return new Promise((resolve) => {
      const { client } = this;
      stream.on('data', (chunk: Buffer) => {
        if (channel === null || client.readyState !== client.OPEN) return;
        client.send(Buffer.concat([Buffer.of(channel), chunk]));
        if (client.bufferedAmount > MAX_BEHIND_BYTES) this.#holdOutput(stream);
      });
      for (const end of ['end', 'close', 'error'] as const) stream.once(end, () => resolve());
    });
  }

  #holdOutput(stream: Readable): void {
    stream.pause();
    const poll = setInterval(() => {
      if (this.client.readyState === this.client.OPEN && this.client.bufferedAmount > MAX_BEHIND_BYTES / 2) return;
      clearInterval(poll);
      stream.resume();
    }, RESUME_POLL_MS);
  }

  #finish(status: object): void {
    const { client } = this;
    if (client.readyState !== client.OPEN) return;
    client.send(Buffer.concat([Buffer.of(ERROR), Buffer.from(JSON.stringify(status))]));
    client.close(1000);
  }
}
