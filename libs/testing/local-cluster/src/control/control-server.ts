import type { ChildProcess } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { toError } from '@weft/result';
import type { Logger, Service } from '@weft/runtime';
import { exitCodeOf } from '../process/run-command.js';
import { encode, fromBase64, JsonLines, toBase64, type ClusterStatus, type ControlReply } from './control-message.js';

/** What the control socket shows of the cluster. */
export interface ControlledCluster {
  status(): ClusterStatus;
  /** Calls back for each step so far and from now on; `done` once, with the error if the start failed. */
  watchProgress(onStep: (step: string) => void, done: (failure: string | null) => void): void;
  /** Throws when there is no such node. */
  spawnOnNode(node: string, argv: readonly string[], env: Readonly<Record<string, string>> | undefined): ChildProcess;
  shutDown(): void;
}

/** Serves the unix socket in the state directory by which `weft` and tests reach a running cluster. */
export class ControlServer implements Service {
  readonly name = 'control socket';
  readonly #server: Server;

  constructor(
    private readonly path: string,
    private readonly cluster: ControlledCluster,
    private readonly log: Logger,
  ) {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  async start(): Promise<void> {
    await rm(this.path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.path, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => this.log.warn({ err: error }, 'control socket failed'));
        resolve();
      });
    });
  }

  stop(): Promise<void> {
    this.#server.close();
    return Promise.resolve();
  }

  #serve(socket: Socket): void {
    const lines = new JsonLines();
    let onInput: ((message: Record<string, unknown>) => void) | null = null;
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      for (const message of lines.push(chunk)) {
        if (message === null) socket.destroy();
        else if (onInput === null) onInput = this.#begin(socket, message);
        else onInput(message);
      }
    });
  }

  /** Handles the request; returns what takes the client's later lines. */
  #begin(socket: Socket, request: Record<string, unknown>): (message: Record<string, unknown>) => void {
    const send = (reply: ControlReply): boolean => !socket.destroyed && socket.write(encode(reply));
    const finish = (reply: ControlReply): void => {
      if (!socket.destroyed) socket.end(encode(reply));
    };
    const ignore = (): void => undefined;
    switch (request['op']) {
      case 'status':
        finish({ status: this.cluster.status() });
        return ignore;
      case 'progress':
        this.cluster.watchProgress(
          (step) => send({ step }),
          (failure) => finish(failure === null ? { ready: true } : { error: failure }),
        );
        return ignore;
      case 'stop':
        finish({ ready: true });
        this.cluster.shutDown();
        return ignore;
      case 'exec':
        return this.#exec(socket, request, send, finish);
      default:
        finish({ error: `unknown operation ${JSON.stringify(request['op'])}` });
        return ignore;
    }
  }

  #exec(
    socket: Socket,
    request: Record<string, unknown>,
    send: (reply: ControlReply) => boolean,
    finish: (reply: ControlReply) => void,
  ): (message: Record<string, unknown>) => void {
    let child: ChildProcess;
    try {
      const { node, argv, env } = request as { node: string; argv: string[]; env?: Record<string, string> };
      child = this.cluster.spawnOnNode(node, argv, env);
    } catch (thrown) {
      finish({ error: toError(thrown).message });
      return () => undefined;
    }
    const relay = (stream: NonNullable<ChildProcess['stdout']>, wrap: (text: string) => ControlReply): void => {
      stream.on('error', () => undefined);
      stream.on('data', (chunk: Buffer) => {
        if (send(wrap(toBase64(chunk)))) return;
        stream.pause();
        socket.once('drain', () => stream.resume());
      });
    };
    relay(child.stdout!, (out) => ({ out }));
    relay(child.stderr!, (err) => ({ err }));
    child.stdin!.on('error', () => undefined);
    child.once('error', (error) => finish({ error: error.message }));
    child.once('close', (code, signal) => finish({ exit: exitCodeOf(code, signal) }));
    socket.once('close', () => child.kill('SIGKILL'));
    return (message) => {
      if (typeof message['in'] === 'string') child.stdin!.write(fromBase64(message['in']));
      else if (message['end'] === true) child.stdin!.end();
      else if (typeof message['signal'] === 'string') child.kill(message['signal'] as NodeJS.Signals);
    };
  }
}
