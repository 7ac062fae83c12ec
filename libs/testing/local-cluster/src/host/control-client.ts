import { connect, type Socket } from 'node:net';
import { PassThrough, type Readable, Writable } from 'node:stream';
import { MeshError } from '@weft/result';
import {
  encode,
  fromBase64,
  JsonLines,
  toBase64,
  type ClusterStatus,
  type ControlReply,
  type ControlRequest,
} from '../control/control-message.js';

/** The cluster does not answer on its control socket, or refuses. */
export class ClusterControlError extends MeshError {
  readonly code = 'CLUSTER_CONTROL';
}

/** A program that runs on a node. */
export interface NodeProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** The exit code. Rejects with ClusterControlError when the cluster goes away first. */
  readonly exit: Promise<number>;
  kill(signal?: NodeJS.Signals): void;
}

/** Speaks to a running cluster through the socket in its state directory. */
export class ControlClient {
  constructor(private readonly path: string) {}

  async status(timeoutMs = 5_000): Promise<ClusterStatus> {
    const replies = await this.#converse({ op: 'status' }, timeoutMs);
    const found = replies.find((reply) => 'status' in reply);
    if (found === undefined) throw new ClusterControlError(`no status from ${this.path}`);
    return found.status;
  }

  /** Asks the cluster to end; it is gone some time later. */
  async stop(timeoutMs = 2_000): Promise<void> {
    await this.#converse({ op: 'stop' }, timeoutMs);
  }

  /** Resolves when the cluster is ready; rejects with the reason when its start failed. */
  async untilReady(timeoutMs: number, onStep: (step: string) => void): Promise<void> {
    const replies = await this.#converse({ op: 'progress' }, timeoutMs, (reply) => {
      if ('step' in reply) onStep(reply.step);
    });
    if (!replies.some((reply) => 'ready' in reply)) throw new ClusterControlError('the cluster ended while it started');
  }

  exec(node: string, argv: readonly string[], env?: Readonly<Record<string, string>>): NodeProcess {
    const socket = connect(this.path);
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const stdin = new Writable({
      write: (chunk: Buffer, _encoding, done) => void socket.write(encode({ in: toBase64(chunk) }), () => done()),
      final: (done) => void socket.write(encode({ end: true }), () => done()),
    });
    for (const stream of [stdin, stdout, stderr]) stream.on('error', () => undefined);
    const exit = new Promise<number>((resolve, reject) => {
      receive(socket, (reply) => {
        if ('out' in reply) stdout.write(fromBase64(reply.out));
        else if ('err' in reply) stderr.write(fromBase64(reply.err));
        else if ('exit' in reply) resolve(reply.exit);
        else if ('error' in reply) reject(new ClusterControlError(reply.error));
      });
      socket.once('close', () => {
        stdout.end();
        stderr.end();
        reject(new ClusterControlError(`the cluster closed ${this.path}`));
      });
    });
    exit.catch(() => undefined);
    socket.write(encode({ op: 'exec', node, argv, ...(env === undefined ? {} : { env }) }));
    return {
      stdin,
      stdout,
      stderr,
      exit,
      kill: (signal = 'SIGTERM') => {
        if (!socket.destroyed) socket.write(encode({ signal }));
      },
    };
  }

  /** One request, and its replies until the server ends. An `error` reply rejects. */
  #converse(
    request: ControlRequest,
    timeoutMs: number,
    onReply: (reply: ControlReply) => void = () => undefined,
  ): Promise<readonly ControlReply[]> {
    const replies: ControlReply[] = [];
    return new Promise((resolve, reject) => {
      const socket = connect(this.path);
      const timer = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs);
      const fail = (why: string): void => {
        clearTimeout(timer);
        socket.destroy();
        reject(new ClusterControlError(why));
      };
      socket.on('error', (error) => fail(error.message));
      socket.once('close', () => {
        clearTimeout(timer);
        resolve(replies);
      });
      receive(socket, (reply) => {
        replies.push(reply);
        if ('error' in reply) fail(reply.error);
        else onReply(reply);
      });
      socket.write(encode(request));
    });
  }
}

function receive(socket: Socket, onReply: (reply: ControlReply) => void): void {
  const lines = new JsonLines();
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    for (const message of lines.push(chunk)) if (message !== null) onReply(message as ControlReply);
  });
}
