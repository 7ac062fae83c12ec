import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv6, type AddressInfo, type Server, type Socket as TcpSocket } from 'node:net';
import { toError } from '@weft/result';
import type { KubeLog } from '@weft/kube';
import type { Service } from '@weft/runtime';

export interface DnsServerOptions {
  readonly host: string;
  /** 0: any free one, the same for UDP and TCP. */
  readonly port: number;
  /** Must not throw; null: no answer. */
  readonly respond: (message: Buffer, transport: 'udp' | 'tcp') => Buffer | null;
  readonly log: KubeLog;
}

const MAX_CONNECTIONS = 256;
const IDLE_MS = 10_000;
const MAX_MESSAGE_BYTES = 65_535;
const BIND_TRIES = 10;

/** DNS over UDP and TCP (RFC 1035 4.2, RFC 7766) on one address. */
export class DnsServer implements Service {
  readonly name: string;
  #udp: Socket | null = null;
  #tcp: Server | null = null;
  readonly #connections = new Set<TcpSocket>();

  constructor(private readonly options: DnsServerOptions) {
    this.name = `dns on ${options.host}`;
  }

  /** The port that is served; throws before `start`. */
  get port(): number {
    return (this.#tcp!.address() as AddressInfo).port;
  }

  async start(): Promise<void> {
    const { host, port } = this.options;
    for (let attempt = 1; ; attempt++) {
      this.#tcp = await this.#listenTcp(host, port);
      try {
        this.#udp = await this.#bindUdp(host, this.port);
        return;
      } catch (failure) {
        this.#tcp.close();
        // A port that is free for TCP may be taken for UDP; with a fixed port there is no other.
        if (port !== 0 || attempt === BIND_TRIES) throw failure;
      }
    }
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    const [udp, tcp] = [this.#udp, this.#tcp];
    this.#udp = this.#tcp = null;
    if (udp !== null) await new Promise<void>((resolve) => udp.close(() => resolve()));
    if (tcp !== null) await new Promise<void>((resolve) => tcp.close(() => resolve()));
  }

  async #bindUdp(host: string, port: number): Promise<Socket> {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    const bound = once(socket, 'listening');
    socket.bind(port, host);
    await bound;
    socket.on('error', (failure) => this.options.log.warn({ err: failure.message }, 'dns: UDP socket failed'));
    socket.on('message', (message, from) => {
      const answer = this.#respond(message, 'udp');
      // A client that went away is no trouble of ours.
      if (answer !== null) socket.send(answer, from.port, from.address, () => undefined);
    });
    return socket;
  }

  async #listenTcp(host: string, port: number): Promise<Server> {
    const server = createServer((connection) => this.#serve(connection));
    server.maxConnections = MAX_CONNECTIONS;
    const listening = once(server, 'listening');
    server.listen(port, host);
    await listening;
    server.on('error', (failure) => this.options.log.warn({ err: failure.message }, 'dns: TCP socket failed'));
    return server;
  }

  /** Messages with a length of two bytes in front, any number of them, answered in order. */
  #serve(connection: TcpSocket): void {
    this.#connections.add(connection);
    connection.setTimeout(IDLE_MS, () => connection.destroy());
    connection.on('error', () => connection.destroy());
    connection.on('close', () => this.#connections.delete(connection));
    let pending: Buffer = Buffer.alloc(0);
    connection.on('data', (chunk: Buffer) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const end = 2 + pending.readUInt16BE(0);
        const answer = this.#respond(pending.subarray(2, end), 'tcp');
        pending = pending.subarray(end);
        if (answer === null || answer.length > MAX_MESSAGE_BYTES) {
          connection.destroy();
          return;
        }
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        connection.write(Buffer.concat([length, answer]));
      }
    });
  }

  #respond(message: Buffer, transport: 'udp' | 'tcp'): Buffer | null {
    try {
      return this.options.respond(message, transport);
    } catch (thrown) {
      this.options.log.error({ err: toError(thrown).stack }, 'dns: a query could not be answered');
      return null;
    }
  }
}
