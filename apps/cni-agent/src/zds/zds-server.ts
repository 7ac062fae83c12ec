import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { closeDescriptor, SeqPacketServer, type SeqPacketConnection } from '@weft/linux';
import { toError, type Clock } from '@weft/result';
import type { Logger, Service } from '@weft/runtime';
import { ZdsConnection, ZdsError } from './zds-connection.js';
import { checkHello, encodeAdd, encodeDelete, encodeSnapshotSent, MAX_ZDS_BYTES, type ZdsPod } from './zds-messages.js';

/** The pods that ztunnel should serve now; asked at every new connection. */
export interface ZdsSnapshot {
  /** `netnsFd` stays the owner's. */
  entries(): Iterable<{ readonly pod: ZdsPod; readonly netnsFd: number }>;
  /** Tells which pods ztunnel took and which it refused, in the course of a snapshot. */
  onSnapshotAnswer(uid: string, error: Error | null): void;
}

export interface ZdsServerOptions {
  readonly path: string;
  readonly snapshot: ZdsSnapshot;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onConnected?: (connections: number) => void;
}

/**
 * The agent's side of ZDS. Every ztunnel that connects gets a snapshot. From then on additions go to the newest connection
 * only, and removals to all: during an upgrade the old ztunnel still serves connections of pods that end.
 */
export class ZdsServer implements Service {
  readonly name = 'ZDS server';
  /** Oldest first; only those whose snapshot is complete or under way. */
  readonly #connections: ZdsConnection[] = [];
  #server: SeqPacketServer | null = null;

  constructor(private readonly options: ZdsServerOptions) {}

  get connected(): boolean {
    return this.#connections.length > 0;
  }

  start(): Promise<void> {
    mkdirSync(dirname(this.options.path), { recursive: true });
    this.#server = SeqPacketServer.listen(this.options.path, { maxMessageBytes: MAX_ZDS_BYTES });
    this.#server.on('connection', (socket) => this.#greet(socket));
    this.#server.on('acceptFailed', (error) =>
      this.options.log.error({ err: error }, 'cannot accept a ztunnel connection'),
    );
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#server?.close();
    for (const connection of this.#connections.splice(0)) connection.close();
    return Promise.resolve();
  }

  /** Rejects with a ZdsError if there is no ztunnel or it refuses; the caller retries. */
  async add(pod: ZdsPod, netnsFd: number): Promise<void> {
    const newest = this.#connections.at(-1);
    if (newest === undefined)
      throw new ZdsError('ZDS_NO_ZTUNNEL', 'no ztunnel is connected on this node; is its pod running?');
    await newest.request(encodeAdd(pod), [netnsFd]);
  }

  /** Nothing to do without a ztunnel: the next one gets a snapshot without the pod. */
  async remove(uid: string): Promise<void> {
    const outcomes = await Promise.allSettled(
      this.#connections.map((connection) => connection.request(encodeDelete(uid))),
    );
    const refused = outcomes.find(
      (outcome) =>
        outcome.status === 'rejected' && outcome.reason instanceof ZdsError && outcome.reason.code === 'ZDS_REFUSED',
    );
    if (refused?.status === 'rejected') throw refused.reason;
  }

  #greet(socket: SeqPacketConnection): void {
    const { clock, log } = this.options;
    const cancel = clock.after(5000, () => socket.close());
    const onEarlyClose = (): void => cancel();
    socket.once('close', onEarlyClose);
    socket.once('message', (packet, fds) => {
      cancel();
      socket.off('close', onEarlyClose);
      for (const fd of fds) closeDescriptor(fd);
      const hello = checkHello(packet);
      if (!hello.ok) {
        log.warn({ reason: hello.error }, 'ztunnel connection refused');
        socket.close();
        return;
      }
      this.#serve(new ZdsConnection(socket, clock), socket);
    });
  }

  #serve(connection: ZdsConnection, socket: SeqPacketConnection): void {
    const { log, onConnected } = this.options;
    this.#connections.push(connection);
    onConnected?.(this.#connections.length);
    socket.once('close', () => {
      const index = this.#connections.indexOf(connection);
      if (index >= 0) this.#connections.splice(index, 1);
      onConnected?.(this.#connections.length);
      log.info({ connections: this.#connections.length }, 'ztunnel disconnected');
    });
    log.info({ connections: this.#connections.length }, 'ztunnel connected');
    // All requests are queued at once, so a pod that is added from now on comes after the snapshot.
    const { snapshot } = this.options;
    for (const { pod, netnsFd } of [...snapshot.entries()]) {
      connection.request(encodeAdd(pod), [netnsFd]).then(
        () => snapshot.onSnapshotAnswer(pod.uid, null),
        (thrown: unknown) => snapshot.onSnapshotAnswer(pod.uid, toError(thrown)),
      );
    }
    connection.request(encodeSnapshotSent()).then(
      () => log.info('ztunnel has the snapshot'),
      (thrown: unknown) => {
        log.warn({ err: toError(thrown) }, 'snapshot not taken');
        connection.close();
      },
    );
  }
}
