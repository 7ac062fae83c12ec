import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { inNetns, openNetns, tcpSocket } from '@weft/linux';

/** Opens TCP connections that leave from the network namespace of a node. */
export class NodeDialer {
  #netns: number | null = null;

  constructor(private readonly netnsPath: string) {}

  /** Rejects when the connection is refused, or not there within `timeoutMs`. The caller destroys the socket. */
  connect(host: string, port: number, timeoutMs: number): Promise<Socket> {
    this.#netns ??= openNetns(this.netnsPath);
    const fd = inNetns(this.#netns, () => tcpSocket.open(host.includes(':') ? 6 : 4));
    // Paused, or it would read from a socket that is not connected yet.
    const socket = new Socket({ fd, pauseOnCreate: true } as ConstructorParameters<typeof Socket>[0]);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
      socket.once('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
      socket.connect({ host, port }, () => {
        clearTimeout(timer);
        socket.on('error', () => undefined);
        socket.resume();
        resolve(socket);
      });
    });
  }

  close(): void {
    if (this.#netns !== null) closeSync(this.#netns);
    this.#netns = null;
  }
}
