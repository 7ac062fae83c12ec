import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type net from 'node:net';
import type { EngineName } from '../dataplane/engine.js';
import { APP_PORT, bundleWorker, DataPlaneRig, type RigOptions } from './data-plane-rig.js';

/** What the specs of the data plane have in common: a rig per test, and sockets that end with it. */
export class DataPlaneSuite {
  #entry = '';
  #rig: DataPlaneRig | null = null;
  #removeBundle: () => void = () => undefined;
  readonly #disposers: (() => void)[] = [];

  /**
   * Call inside of a `describe`: it builds the worker once and cleans up after each test.
   *
   * @param source another program than the real worker, beside this file.
   */
  constructor(
    private readonly engine: EngineName,
    source?: string,
  ) {
    beforeAll(async () => {
      const worker = await bundleWorker(source);
      this.#entry = worker.entry;
      this.#removeBundle = worker.remove;
    });
    afterAll(() => this.#removeBundle());
    afterEach(async () => {
      for (const dispose of this.#disposers.splice(0).reverse()) dispose();
      await this.#rig?.stop();
      this.#rig = null;
    });
  }

  /** The bundled worker, for a data plane beside the rig's. */
  get entry(): string {
    return this.#entry;
  }

  get rig(): DataPlaneRig {
    if (this.#rig === null) throw new Error('start() was not called in this test');
    return this.#rig;
  }

  /** `ip:port` of the application in the server pod. */
  get app(): string {
    return `${this.rig.server.address}:${APP_PORT}`;
  }

  /** No pod is enrolled yet. */
  async startEmpty(options: Omit<RigOptions, 'entry'> = {}): Promise<DataPlaneRig> {
    this.#rig = await DataPlaneRig.start({ entry: this.#entry, engine: this.engine, ...options });
    return this.#rig;
  }

  /** Both pods are enrolled. */
  async start(options: Omit<RigOptions, 'entry'> = {}): Promise<DataPlaneRig> {
    const rig = await this.startEmpty(options);
    await rig.enrol('client');
    await rig.enrol('server');
    return rig;
  }

  atEnd(dispose: () => void): void {
    this.#disposers.push(dispose);
  }

  /** A captured connection of the client pod. */
  connect(to = this.app): net.Socket {
    const socket = this.rig.client.connect(to);
    this.atEnd(() => socket.destroy());
    return socket;
  }

  /** A connection from the client pod that is not captured: what a foreign proxy would open. */
  async connectUncaptured(to = `${this.rig.server.address}:15008`): Promise<net.Socket> {
    const socket = this.rig.client.connect(to, { mark: 0x539 });
    this.atEnd(() => socket.destroy());
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }

  /** An application in the server pod. */
  async serve(onConnection: (socket: net.Socket) => void, port = APP_PORT): Promise<net.Server> {
    const sockets = new Set<net.Socket>();
    const server = await this.rig.server.serve(port, (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      onConnection(socket);
    });
    this.atEnd(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return server;
  }

  async serveEcho(): Promise<net.Server> {
    return this.serve((socket) => socket.pipe(socket));
  }
}

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** How the socket ended: an orderly `end`, or the errno of what cut it. */
export async function endOf(socket: net.Socket): Promise<string> {
  socket.resume();
  return new Promise((resolve) => {
    socket.once('end', () => resolve('end'));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

/** A round trip, so that the connection is known to be up. */
export async function echo(socket: net.Socket, text = 'ping'): Promise<string> {
  socket.write(text);
  const [data] = (await once(socket, 'data')) as [Buffer];
  return data.toString();
}

export async function readAll(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return Buffer.concat(chunks);
}
