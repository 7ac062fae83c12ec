import {
  closeDescriptor,
  EAGAIN,
  EPOLLIN,
  inNetns,
  openNetns,
  receive,
  socketOptions,
  tcpSocket,
  transmit,
} from '@weft/linux';
import { parseIp } from '@weft/ip';
import { CHUNK_BYTES, payload, SINK } from './payload.js';
import type { ServerCounters } from './server-counters.js';
import { SocketLoop, type LoadSocket } from './socket-loop.js';

const BACKLOG = 4096;
const STOP_CHECK_MS = 100;

/** Echoes, or swallows and counts, whatever each connection's first byte asks for. Listens on every address. */
export class LoadServer {
  readonly #loop = new SocketLoop();

  constructor(private readonly counters: ServerCounters) {}

  listen(netnsPath: string, port: number): void {
    const netns = openNetns(netnsPath);
    const address = { ip: parseIp('0.0.0.0')!, port };
    const fd = inNetns(netns, () =>
      tcpSocket.prepared(4, (socket) => {
        socketOptions.setReuseAddress(socket);
        tcpSocket.bind(socket, address, 4);
        tcpSocket.listen(socket, BACKLOG);
      }),
    );
    closeDescriptor(netns);
    this.#loop.watch(fd, { onEvents: () => this.#accept(fd) }, EPOLLIN);
  }

  run(): void {
    while (!this.counters.stopping) this.turn(STOP_CHECK_MS);
    this.close();
  }

  /** One batch of events. */
  turn(timeoutMs: number): void {
    this.#loop.turn(timeoutMs);
  }

  close(): void {
    this.#loop.closeAll(true);
    this.#loop.dispose();
  }

  #accept(listener: number): void {
    for (let fd = tcpSocket.accept(listener); fd >= 0; fd = tcpSocket.accept(listener)) {
      socketOptions.setNoDelay(fd);
      this.counters.addOpen(1);
      this.#loop.watch(fd, new ServedSocket(fd, this.#loop, this.counters), EPOLLIN);
    }
  }
}

class ServedSocket implements LoadSocket {
  #sinks: boolean | null = null;

  constructor(
    private readonly fd: number,
    private readonly loop: SocketLoop,
    private readonly counters: ServerCounters,
  ) {}

  onEvents(): void {
    const input = payload.input();
    const length = receive(this.fd, input, 0, CHUNK_BYTES);
    if (length === -EAGAIN) return;
    if (length <= 0) {
      this.#end();
      return;
    }
    this.#sinks ??= input.bytes[0] === SINK;
    if (this.#sinks) this.counters.addSunk(length);
    // Requests are far smaller than a socket's buffer, so a short write means a peer that does not read.
    else if (transmit(this.fd, input, 0, length) !== length) this.#end();
  }

  #end(): void {
    this.counters.addOpen(-1);
    this.loop.close(this.fd);
  }
}
