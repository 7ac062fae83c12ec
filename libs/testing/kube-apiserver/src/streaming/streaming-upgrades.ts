import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { toError } from '@weft/result';
import type { Logger } from '@weft/runtime';
import { createWebSocketStream, WebSocketServer } from 'ws';
import type { ResourceTarget } from '../serving/resource-routes.js';
import { badRequest, internalError, StatusError } from '../status-error.js';
import type { Store } from '../storage/store.js';
import { readExecRequest } from './exec-request.js';
import { ExecSpdy } from './exec-spdy.js';
import { EXEC_PROTOCOLS, ExecWebSocket } from './exec-web-socket.js';
import type { KubeletConnector } from './kubelet-connector.js';
import { PORT_FORWARD_PROTOCOL, PortForwardSpdy } from './port-forward-spdy.js';
import { readPortForwardRequest } from './port-forward-request.js';
import { acceptSpdy, negotiateSpdyProtocol, SPDY_UPGRADE } from './spdy/spdy-handshake.js';

/** SPDY inside of a WebSocket's messages, without an upgrade of its own. */
const PORT_FORWARD_TUNNEL = `SPDY/3.1+${PORT_FORWARD_PROTOCOL}`;

/** Finds out who asks for what; throws StatusError for whoever may not or cannot. */
export type ResolveUpgrade = (request: IncomingMessage) => Promise<ResourceTarget>;

interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  /** The client has gone. */
  readonly gone: AbortSignal;
}

/** `pods/exec`, `pods/attach` and `pods/portforward`, over WebSocket and over SPDY/3.1 (kubectl up to 1.30). */
export class StreamingUpgrades {
  readonly #exec = webSockets(EXEC_PROTOCOLS);
  readonly #tunnels = webSockets([PORT_FORWARD_TUNNEL]);

  constructor(
    private readonly store: Store,
    private readonly kubelet: KubeletConnector | undefined,
    private readonly resolve: ResolveUpgrade,
    private readonly log: Logger,
  ) {}

  async handle(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => undefined);
    const gone = new AbortController();
    socket.once('close', () => gone.abort());
    try {
      await this.#route(await this.resolve(request), { request, socket, head, gone: gone.signal });
    } catch (thrown) {
      if (!(thrown instanceof StatusError)) this.log.warn({ err: toError(thrown), url: request.url }, 'upgrade failed');
      refuse(socket, thrown instanceof StatusError ? thrown : internalError(toError(thrown).message));
    }
  }

  stop(): void {
    for (const server of [this.#exec, this.#tunnels]) {
      for (const client of server.clients) client.terminate();
      server.close();
    }
  }

  async #route(target: ResourceTarget, upgrade: Upgrade): Promise<void> {
    const { plural, subresource } = target.path;
    if (plural === 'pods' && (subresource === 'exec' || subresource === 'attach'))
      return this.#runExec(target, upgrade);
    if (plural === 'pods' && subresource === 'portforward') {
      this.#forwardPorts(target, upgrade);
      return;
    }
    throw badRequest(
      `${subresource === '' ? plural : `${plural}/${subresource}`} cannot be upgraded: only exec, attach and portforward of pods can`,
    );
  }

  async #runExec(target: ResourceTarget, { request, socket, head, gone }: Upgrade): Promise<void> {
    const exec = readExecRequest(this.store, this.kubelet, target);
    const protocol = chooseProtocol(request, EXEC_PROTOCOLS, EXEC_PROTOCOLS);
    const session = await exec.start(gone);
    session.exit.catch(() => undefined);
    if (socket.destroyed) {
      session.kill();
      return;
    }
    if (protocol.spdy) {
      acceptSpdy(socket, protocol.name);
      new ExecSpdy(socket, head, session, exec.streams);
      return;
    }
    this.#exec.handleUpgrade(request, socket, head, (client) => new ExecWebSocket(client, session, exec.streams).run());
  }

  #forwardPorts(target: ResourceTarget, { request, socket, head }: Upgrade): void {
    const connect = readPortForwardRequest(this.store, this.kubelet, target);
    const protocol = chooseProtocol(request, [PORT_FORWARD_PROTOCOL], [PORT_FORWARD_TUNNEL]);
    if (protocol.spdy) {
      acceptSpdy(socket, protocol.name);
      new PortForwardSpdy(socket, head, connect);
      return;
    }
    this.#tunnels.handleUpgrade(request, socket, head, (client) => {
      new PortForwardSpdy(createWebSocketStream(client), Buffer.alloc(0), connect);
    });
  }
}

function webSockets(protocols: readonly string[]): WebSocketServer {
  return new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => protocols.find((protocol) => offered.has(protocol)) ?? false,
    maxPayload: 4 * 1024 * 1024,
  });
}

function chooseProtocol(
  request: IncomingMessage,
  overSpdy: readonly string[],
  overWebSocket: readonly string[],
): { readonly spdy: boolean; readonly name: string } {
  const upgrade = (request.headers.upgrade ?? '').toLowerCase();
  if (upgrade === SPDY_UPGRADE) return { spdy: true, name: negotiateSpdyProtocol(request, overSpdy) };
  if (upgrade !== 'websocket')
    throw badRequest(`unable to upgrade: ${upgrade} is not supported, use WebSocket or SPDY/3.1`);
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((text) => text.trim());
  const name = overWebSocket.find((protocol) => offered.includes(protocol));
  if (name === undefined) {
    throw badRequest(
      `unable to upgrade: none of the offered protocols is supported: ${offered.join(', ')}; supported: ${overWebSocket.join(', ')}`,
    );
  }
  return { spdy: false, name };
}

function refuse(socket: Duplex, error: StatusError): void {
  if (socket.destroyed) return;
  const body = JSON.stringify(error.toStatus());
  socket.end(
    `HTTP/1.1 ${error.httpStatus} ${error.reason}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
