import { Backoff, toError, type Clock } from '@weft/result';
import { Version, WorkloadResponse, ZdsHello } from '@weft/xds/gen/mesh/zds/zds.js';
import { ZdsSession, type PodHandler } from './zds-session.js';

/** A connected SOCK_SEQPACKET socket; `SeqPacketConnection` of @weft/linux is one. */
export interface PacketConnection {
  send(message: Uint8Array): Promise<void>;
  close(error?: Error | null): void;
  on(event: 'message', listener: (message: Buffer, fds: number[]) => void): unknown;
  on(event: 'close', listener: (error: Error | null) => void): unknown;
}

export interface ZdsClientOptions {
  readonly connect: () => PacketConnection;
  readonly closeDescriptor: (fd: number) => void;
  readonly pods: PodHandler;
  readonly clock: Clock;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  readonly random?: () => number;
  /** Told true when a snapshot is complete, false when the connection is lost. */
  readonly onSnapshot: (complete: boolean) => void;
  /** The agent went away during a drain; nobody tells any more which pods end. */
  readonly onLeft: () => void;
}

/** Longest packet of the protocol, both ways. */
const LONGEST_PACKET = 1024;

/**
 * Keeps a ZDS connection to the CNI agent of the node. Pods that are served stay served while it is down; the snapshot of
 * the next connection says which of them are left.
 *
 * Differs from Istio: a protocol error ends the connection and not the process, since the pods that work must go on.
 */
export class ZdsClient {
  readonly #backoff: Backoff;
  #connection: PacketConnection | null = null;
  #cancelTimer: (() => void) | null = null;
  #stopped = false;
  #draining = false;
  #failures = 0;

  constructor(private readonly options: ZdsClientOptions) {
    this.#backoff = new Backoff({ initialMs: 10, maxMs: 1000 }, options.random);
  }

  start(): void {
    if (this.#stopped || this.#connection !== null) return;
    const { connect, log } = this.options;
    try {
      this.#serve(connect());
    } catch (thrown) {
      if (this.#failures++ === 0) log.warn({ error: toError(thrown).message }, 'CNI agent is not reachable; retrying');
      this.#retry();
    }
  }

  /**
   * From now on a lost connection stays lost: to the agent the latest connection is the ztunnel that serves new pods, and that
   * is the successor.
   */
  drain(): void {
    this.#draining = true;
    if (this.#connection === null) this.#left();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#connection?.close();
    this.#connection = null;
  }

  #serve(connection: PacketConnection): void {
    const { pods, closeDescriptor, log } = this.options;
    this.#connection = connection;
    const session = new ZdsSession(pods, (fds) => fds.forEach(closeDescriptor));
    let turn = Promise.resolve();
    connection.on('close', (error) => this.#closed(connection, error));
    connection.on('message', (message, fds) => {
      turn = turn
        .then(() => this.#answer(connection, session, { message, fds }))
        .catch((thrown: unknown) => {
          connection.close(toError(thrown));
        });
    });
    connection
      .send(ZdsHello.encode(ZdsHello.fromPartial({ version: Version.V1 })).finish())
      .catch((thrown: unknown) => {
        connection.close(toError(thrown));
      });
    log.info({}, 'connected to the CNI agent');
  }

  async #answer(
    connection: PacketConnection,
    session: ZdsSession,
    { message, fds }: { message: Buffer; fds: number[] },
  ): Promise<void> {
    const before = session.snapshotDone;
    const reply = await session.handle(message, fds);
    if (reply.kind === 'protocol-error') {
      this.options.log.warn({ error: reply.reason }, 'ZDS protocol error; reconnecting');
      connection.close(new Error(reply.reason));
      return;
    }
    const bytes = WorkloadResponse.encode(
      WorkloadResponse.fromPartial({ payload: { $case: 'ack', value: { error: reply.error } } }),
    ).finish();
    await connection.send(bytes.length > LONGEST_PACKET ? shortened(reply.error) : bytes);
    this.#failures = 0;
    this.#backoff.reset();
    if (session.snapshotDone !== before && this.#connection === connection) this.options.onSnapshot(true);
  }

  #closed(connection: PacketConnection, error: Error | null): void {
    if (this.#connection !== connection || this.#stopped) return;
    this.#connection = null;
    if (this.#draining) {
      this.#left();
      return;
    }
    this.options.onSnapshot(false);
    if (this.#failures++ === 0) {
      this.options.log.warn(
        { error: error?.message ?? 'closed by the agent' },
        'CNI agent connection lost; pods stay served',
      );
    }
    this.#retry();
  }

  #left(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.options.log.info({}, 'CNI agent connection lost while draining; the control plane tells which pods end');
    this.options.onLeft();
  }

  #retry(): void {
    this.#cancelTimer = this.options.clock.after(this.#backoff.next(), () => this.start());
  }
}

function shortened(error: string): Uint8Array {
  const value = {
    error: Buffer.from(error)
      .subarray(0, LONGEST_PACKET - 64)
      .toString('utf8')
      .replaceAll('\ufffd', ''),
  };
  return WorkloadResponse.encode(WorkloadResponse.fromPartial({ payload: { $case: 'ack', value } })).finish();
}
