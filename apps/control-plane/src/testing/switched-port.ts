import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A port that stays while the server behind it comes and goes: clients find the next one where the last one was. */
export class SwitchedPort {
  readonly #sockets = new Set<Socket>();
  #target: number | null = null;

  private constructor(private readonly server: Server) {
    server.on('connection', (socket) => this.#pass(socket));
  }

  static async open(): Promise<SwitchedPort> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new SwitchedPort(server);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Null: nobody is there. Connections to the last one end. */
  set target(port: number | null) {
    this.#target = port;
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.target = null;
    await new Promise((resolve) => this.server.close(resolve));
  }

  #pass(socket: Socket): void {
    if (this.#target === null) {
      socket.resetAndDestroy();
      return;
    }
    const server = connect(this.#target, '127.0.0.1');
    for (const [one, other] of [
      [socket, server],
      [server, socket],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
    socket.pipe(server).pipe(socket);
  }
}
