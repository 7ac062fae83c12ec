import { connect, type Socket } from 'node:net';
import { Latencies } from '../../latencies.js';
import type { LoadResult } from '../../cluster/load/load-result.js';

export interface HttpLoadOptions {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  /** Body of a request; the server answers with as much. */
  readonly bytes: number;
  readonly seconds: number;
  /** Over all connections together; 0: as many as there are answers. */
  readonly perSecond: number;
}

/**
 * HTTP/1.1 over connections that stay open. Without a rate each sends its next request when the answer is there; with one,
 * requests begin at their time whatever the answers do, and waiting for a free connection counts.
 */
export async function httpLoad(options: HttpLoadOptions): Promise<LoadResult> {
  const { connections, seconds, perSecond } = options;
  const run = new Run(options);
  const sockets = await Promise.all(Array.from({ length: connections }, () => run.open()));
  const startMs = performance.now();
  if (perSecond === 0) for (const one of sockets) one.send(performance.now());
  else await pace(sockets, perSecond, startMs + seconds * 1000);
  await new Promise((resolve) => setTimeout(resolve, startMs + seconds * 1000 - performance.now()));
  run.stop();
  const took = (performance.now() - startMs) / 1000;
  for (const one of sockets) one.close();
  const { latencies, errors, firstError } = run;
  const [p50Us, p99Us] = [latencies.quantile(0.5), latencies.quantile(0.99)];
  return { completed: latencies.count, errors, firstError, seconds: took, p50Us, p99Us };
}

class Run {
  readonly latencies = new Latencies();
  errors = 0;
  firstError: string | null = null;
  #running = true;

  constructor(private readonly options: HttpLoadOptions) {}

  open(): Promise<HttpConnection> {
    const { host, port, bytes, perSecond } = this.options;
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        const one = new HttpConnection(socket, { host: `${host}:${port}`, bytes }, (status, beganMs) => {
          if (!this.#running) return;
          if (status === 200) this.latencies.add((performance.now() - beganMs) * 1000);
          else this.#fail(`status ${status}`);
          if (perSecond === 0 && status !== 0) one.send(performance.now());
        });
        resolve(one);
      });
    });
  }

  stop(): void {
    this.#running = false;
  }

  #fail(reason: string): void {
    this.errors++;
    this.firstError ??= reason;
  }
}

async function pace(connections: readonly HttpConnection[], perSecond: number, endMs: number): Promise<void> {
  let nextMs = performance.now();
  for (let turn = 0; performance.now() < endMs;) {
    for (; nextMs <= performance.now(); nextMs += 1000 / perSecond)
      connections[turn++ % connections.length]!.send(performance.now());
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

type OnAnswer = (status: number, beganMs: number) => void;

/** One request at a time; those that come meanwhile wait. Status 0: the connection ended. */
class HttpConnection {
  readonly #request: Buffer;
  readonly #waiting: number[] = [];
  #beganMs: number | null = null;
  #received: Buffer = Buffer.alloc(0);

  constructor(
    private readonly socket: Socket,
    { host, bytes }: { readonly host: string; readonly bytes: number },
    private readonly onAnswer: OnAnswer,
  ) {
    const head = `POST /load HTTP/1.1\r\nhost: ${host}\r\ncontent-type: text/plain\r\ncontent-length: ${bytes}\r\n\r\n`;
    this.#request = Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, 0x77)]);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => this.#beganMs !== null && this.onAnswer(0, this.#beganMs));
  }

  send(beganMs: number): void {
    if (this.#beganMs !== null) {
      this.#waiting.push(beganMs);
      return;
    }
    this.#beganMs = beganMs;
    this.socket.write(this.#request);
  }

  close(): void {
    this.#beganMs = null;
    this.socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const end = this.#received.indexOf('\r\n\r\n');
    if (end === -1) return;
    const head = this.#received.toString('latin1', 0, end);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (this.#received.length < end + 4 + length) return;
    this.#received = Buffer.alloc(0);
    const beganMs = this.#beganMs ?? 0;
    this.#beganMs = null;
    this.onAnswer(Number(head.slice(9, 12)), beganMs);
    const next = this.#waiting.shift();
    if (next !== undefined) this.send(next);
  }
}
