import { closeSync } from 'node:fs';
import { SeqPacketServer, type SeqPacketConnection } from '@weft/linux';
import { WorkloadRequest, WorkloadResponse } from '@weft/xds/gen/mesh/zds/zds.js';
import { PeerError } from '../bench-error.js';
import type { BenchNamespace } from '../namespace-pair.js';

const ANSWER_MS = 30_000;

/** The CNI agent of a node that has one pod, as far as ztunnel sees it. */
export class BenchAgent {
  readonly #server: SeqPacketServer;
  readonly #connections: SeqPacketConnection[] = [];
  /** Resolves when ztunnel serves the pod. */
  readonly ready: Promise<void>;

  constructor(
    readonly path: string,
    pod: { readonly name: string; readonly namespace: BenchNamespace },
  ) {
    this.#server = SeqPacketServer.listen(path);
    this.ready = new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new PeerError(`ztunnel did not take its pod in ${ANSWER_MS} ms`)),
        ANSWER_MS,
      );
      this.#server.on('connection', (connection) => {
        this.#connections.push(connection);
        connection.on('close', () => undefined);
        this.#serve(connection, pod).then(
          () => {
            clearTimeout(timer);
            resolve();
          },
          (failure: unknown) => reject(failure as Error),
        );
      });
    });
    this.ready.catch(() => undefined);
  }

  close(): void {
    this.#server.close();
    for (const connection of this.#connections) connection.close();
  }

  async #serve(
    connection: SeqPacketConnection,
    { name, namespace }: { readonly name: string; readonly namespace: BenchNamespace },
  ): Promise<void> {
    const answers = new AnswerQueue(connection);
    await answers.next();
    const workloadInfo = { name, namespace: 'bench', serviceAccount: name };
    const add = WorkloadRequest.fromPartial({ payload: { $case: 'add', value: { uid: `uid-${name}`, workloadInfo } } });
    await connection.send(WorkloadRequest.encode(add).finish(), [namespace.fd]);
    const refused = errorOf(await answers.next());
    if (refused !== '') throw new PeerError(`ztunnel refused its pod: ${refused}`);
    const end = WorkloadRequest.fromPartial({ payload: { $case: 'snapshotSent', value: {} } });
    await connection.send(WorkloadRequest.encode(end).finish());
    await answers.next();
  }
}

/** Messages in order; the first is ztunnel's greeting. */
class AnswerQueue {
  readonly #waiting: ((message: Buffer) => void)[] = [];
  readonly #messages: Buffer[] = [];

  constructor(connection: SeqPacketConnection) {
    connection.on('message', (message, fds) => {
      fds.forEach((fd) => closeSync(fd));
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#messages.push(message);
      else waiting(message);
    });
  }

  next(): Promise<Buffer> {
    const message = this.#messages.shift();
    return message === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(message);
  }
}

function errorOf(message: Buffer): string {
  return WorkloadResponse.decode(message).payload?.value.error ?? 'no answer';
}
