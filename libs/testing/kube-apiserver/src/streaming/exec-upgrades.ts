import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { toError } from '@weft/result';
import type { Logger } from '@weft/runtime';
import { WebSocketServer, type WebSocket } from 'ws';
import { parseFlag } from '../serving/list-query.js';
import type { ResourceTarget } from '../serving/resource-routes.js';
import { badRequest, internalError, StatusError } from '../status-error.js';
import type { Store } from '../storage/store.js';
import { findContainer, requireKubelet } from './container-request.js';
import type { ExecOptions, ExecSession, KubeletConnector } from './kubelet-connector.js';

const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
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
const PING_MS = 15_000;

/** Finds out who asks for what; throws StatusError for whoever may not or cannot. */
export type ResolveUpgrade = (request: IncomingMessage) => Promise<ResourceTarget>;

/** `pods/exec` and `pods/attach` over WebSocket, subprotocols v5 and v4 of channel.k8s.io. */
export class ExecUpgrades {
  readonly #sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => PROTOCOLS.find((protocol) => offered.has(protocol)) ?? false,
    maxPayload: 4 * 1024 * 1024,
  });

  constructor(
    private readonly store: Store,
    private readonly kubelet: KubeletConnector | undefined,
    private readonly resolve: ResolveUpgrade,
    private readonly log: Logger,
  ) {}

  async handle(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => undefined);
    try {
      const resolved = await this.resolve(request);
      const start = this.#prepare(resolved);
      this.#checkProtocol(request);
      const gone = new AbortController();
      socket.once('close', () => gone.abort());
      const session = await start(gone.signal);
      session.exit.catch(() => undefined);
      if (socket.destroyed) {
        session.kill();
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (client) => new ExecStream(client, session, resolved).run());
    } catch (thrown) {
      if (!(thrown instanceof StatusError)) this.log.warn({ err: toError(thrown), url: request.url }, 'exec failed');
      refuse(socket, thrown instanceof StatusError ? thrown : internalError(toError(thrown).message));
    }
  }

  stop(): void {
    for (const client of this.#sockets.clients) client.terminate();
    this.#sockets.close();
  }

  /** Everything that can be refused is checked here, before anything runs. */
  #prepare(request: ResourceTarget): (signal: AbortSignal) => Promise<ExecSession> {
    const { path, query } = request;
    if (path.plural !== 'pods' || (path.subresource !== 'exec' && path.subresource !== 'attach')) {
      throw badRequest(`${path.plural}/${path.subresource} is not supported over WebSocket by this server`);
    }
    const ref = findContainer(this.store, request);
    const connector = requireKubelet(this.kubelet);
    const tty = parseFlag(query, 'tty');
    const streams = {
      stdin: parseFlag(query, 'stdin'),
      stdout: parseFlag(query, 'stdout'),
      stderr: parseFlag(query, 'stderr') && !tty,
      tty,
    };
    if (!streams.stdin && !streams.stdout && !streams.stderr)
      throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
    if (path.subresource === 'attach') {
      if (connector.attach === undefined) throw badRequest('attach is not supported by the nodes of this cluster');
      return (signal) => connector.attach!(ref, streams, signal);
    }
    const command = query.getAll('command');
    if (command.length === 0) throw badRequest('you must specify at least one command for the container');
    const options: ExecOptions = { command, ...streams };
    return (signal) => connector.exec(ref, options, signal);
  }

  #checkProtocol(request: IncomingMessage): void {
    const upgrade = (request.headers.upgrade ?? '').toLowerCase();
    if (upgrade !== 'websocket')
      throw badRequest(`unable to upgrade: ${upgrade} is not supported, use WebSocket (kubectl 1.31 or newer does)`);
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((text) => text.trim());
    if (!offered.some((protocol) => PROTOCOLS.includes(protocol))) {
      throw badRequest(
        `unable to upgrade: none of the offered protocols is supported: ${offered.join(', ')}; supported: ${PROTOCOLS.join(', ')}`,
      );
    }
  }
}

function refuse(socket: Duplex, error: StatusError): void {
  if (socket.destroyed) return;
  const body = JSON.stringify(error.toStatus());
  socket.end(
    `HTTP/1.1 ${error.httpStatus} ${error.reason}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

/** Carries one session's streams over one WebSocket: the first byte of each message names the channel. */
class ExecStream {
  readonly #v5: boolean;
  #ping: NodeJS.Timeout | undefined;

  constructor(
    private readonly client: WebSocket,
    private readonly session: ExecSession,
    private readonly request: ResourceTarget,
  ) {
    this.#v5 = client.protocol === PROTOCOLS[0];
  }

  run(): void {
    const { client, session } = this;
    const { query } = this.request;
    client.on('error', () => client.terminate());
    client.on('close', () => {
      clearInterval(this.#ping);
      session.kill();
    });
    client.on('message', (data: Buffer) => this.#receive(data));
    session.stdin.on('error', () => undefined);
    this.#ping = setInterval(() => client.ping(), PING_MS).unref();
    const tty = parseFlag(query, 'tty');
    const finished = [
      this.#pump(session.stdout, parseFlag(query, 'stdout') ? STDOUT : null),
      this.#pump(session.stderr, parseFlag(query, 'stderr') && !tty ? STDERR : null),
    ];
    if (!parseFlag(query, 'stdin')) session.stdin.end();
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
      case RESIZE:
        this.#resize(payload);
        break;
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

  #resize(payload: Buffer): void {
    try {
      const { Width, Height } = JSON.parse(payload.toString()) as { Width?: unknown; Height?: unknown };
      if (typeof Width === 'number' && typeof Height === 'number') this.session.resize(Width, Height);
    } catch {
      // A size that cannot be read changes nothing.
    }
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

function exitStatus(code: number): object {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}
