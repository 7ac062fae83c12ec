import net from 'node:net';
import { errnoName, tcpSocket } from '@weft/linux';
import type { Result } from '@weft/result';
import { NodeTlsContext } from '@weft/tls';
import type { TlsProfile } from '@weft/tls-profile';
import type { Deadline, Task } from '../loop.js';
import type { Identity } from '../messages.js';
import type { PlainSocket, PlainSocketOwner } from '../plain-socket.js';
import type { SecureContext, SecureSocket } from '../secure-socket.js';
import type { ConnectRequest, DialOutcome, ListenHandler, Transport } from '../transport.js';
import type { NodeLoop } from './node-loop.js';
import { NodePlainSocket } from './node-plain-socket.js';
import { NodeSecureSocket } from './node-secure-socket.js';

/** The portable engine: `node:net` and `node:tls` on sockets that were made in the pods' namespaces. */
export class NodeTransport implements Transport {
  constructor(private readonly loop: NodeLoop) {}

  listen(fd: number, handler: ListenHandler): () => void {
    const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true });
    const quiet = { onCrash: () => undefined };
    server.on('connection', (socket) => {
      this.loop.dispatch(quiet, () => this.#accepted(socket, handler));
    });
    // Accepting failed: libuv closes what it has no descriptor for.
    server.on('error', () => {
      this.loop.dispatch(quiet, () => handler.onExhausted());
    });
    server.listen({ fd });
    return () => server.close();
  }

  connect(request: ConnectRequest): () => void {
    const dial = new NodeDial(this.loop, request);
    return () => dial.cancel();
  }

  plain(fd: number, owner: PlainSocketOwner): PlainSocket {
    return new NodePlainSocket(this.loop, fd, this.loop.take(fd), owner);
  }

  secure(fd: number, context: SecureContext, role: 'client' | 'server'): SecureSocket {
    if (!(context instanceof NodeTlsContext)) throw new TypeError('a context of another engine');
    return new NodeSecureSocket(this.loop, this.loop.take(fd), context, role);
  }

  secureContext(identity: Identity, profile: TlsProfile): Result<SecureContext, Error> {
    return NodeTlsContext.create(identity, profile);
  }

  #accepted(socket: net.Socket, handler: ListenHandler): void {
    const fd = descriptorOf(socket);
    const peer = fd < 0 ? null : tcpSocket.peerAddress(fd);
    if (peer === null) {
      socket.destroy();
      return;
    }
    this.loop.keep(fd, socket);
    handler.onAccepted({ fd, peer, acceptedMs: this.loop.nowMs });
  }
}

/** Waits for one connect. */
class NodeDial implements Task {
  planned = false;
  readonly #socket: net.Socket | null = null;
  readonly #deadline: Deadline | null = null;
  #done = false;

  constructor(
    private readonly loop: NodeLoop,
    private readonly request: ConnectRequest,
  ) {
    const { fd, to, timeoutMs } = request;
    if (fd < 0) {
      loop.plan(this);
      return;
    }
    this.#deadline = loop.deadline(timeoutMs, () => this.#finish({ kind: 'timedOut' }));
    this.#socket = loop.adopt(fd);
    this.#socket.on('error', this.#onError);
    this.#socket.once('connect', () => this.#finish({ kind: 'connected', fd }));
    this.#socket.connect({ host: to.ip.text, port: to.port });
  }

  run(): void {
    this.#finish({ kind: 'failed', reason: errnoName(-this.request.fd) });
  }

  onCrash(error: Error): void {
    this.#finish({ kind: 'failed', reason: error.message });
  }

  cancel(): void {
    if (this.#done) return;
    this.#done = true;
    this.loop.cancel(this.#deadline);
    this.#socket?.destroy();
  }

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    this.#finish({ kind: 'failed', reason: error.code ?? error.message });
  };

  #finish(outcome: DialOutcome): void {
    if (this.#done) return;
    this.#done = true;
    this.loop.cancel(this.#deadline);
    const { fd, onOutcome } = this.request;
    if (outcome.kind === 'connected') {
      this.#socket!.off('error', this.#onError);
      this.loop.keep(fd, this.#socket!);
    } else {
      this.#socket?.destroy();
    }
    this.loop.dispatch({ onCrash: () => undefined }, () => onOutcome(outcome));
  }
}

/** Node tells the descriptor of a socket nowhere else; -1 when it is closed already. */
function descriptorOf(socket: net.Socket): number {
  return (socket as unknown as { readonly _handle: { readonly fd?: number } | null })._handle?.fd ?? -1;
}
