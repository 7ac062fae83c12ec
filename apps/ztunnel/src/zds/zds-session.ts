import { WorkloadRequest, type WorkloadRequest as Request } from '@weft/xds/gen/mesh/zds/zds.js';

export interface PodInfo {
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** Who acts on what the agent says. Errors are texts for the agent's log; null means done. */
export interface PodHandler {
  /** Takes over `netnsFd`. */
  add(uid: string, info: PodInfo, netnsFd: number): Promise<string | null>;
  /** The agent has this pod but no namespace for it; false if it is not known here either. */
  keep(uid: string): boolean;
  remove(uid: string): void;
  /** Every pod of the node was named; all others are gone. */
  retain(uids: ReadonlySet<string>): void;
}

export type ZdsReply =
  | { readonly kind: 'ack'; readonly error: string }
  /** The peer does not speak ZDS as agreed; the connection cannot go on. */
  | { readonly kind: 'protocol-error'; readonly reason: string };

/**
 * One ZDS connection as the client sees it: a snapshot of adds and keeps, its end, then single changes. One request is
 * handled at a time, in order; `closeFds` gets the descriptors that nobody took over.
 */
export class ZdsSession {
  readonly #snapshot = new Set<string>();
  #snapshotDone = false;

  constructor(
    private readonly pods: PodHandler,
    private readonly closeFds: (fds: readonly number[]) => void,
  ) {}

  get snapshotDone(): boolean {
    return this.#snapshotDone;
  }

  async handle(packet: Uint8Array, fds: readonly number[]): Promise<ZdsReply> {
    const payload = decode(packet);
    if (
      payload?.$case === 'add' &&
      fds.length === 1 &&
      payload.value.workloadInfo !== undefined &&
      payload.value.uid !== ''
    ) {
      const { uid, workloadInfo } = payload.value;
      if (!this.#snapshotDone) this.#snapshot.add(uid);
      return ack(await this.pods.add(uid, workloadInfo, fds[0]!));
    }
    this.closeFds(fds);
    const reason = this.#problem(payload, fds);
    return reason === null ? this.#withoutDescriptor(payload!) : { kind: 'protocol-error', reason };
  }

  #withoutDescriptor(payload: NonNullable<Request['payload']>): ZdsReply {
    switch (payload.$case) {
      case 'keep':
        this.#snapshot.add(payload.value.uid);
        return ack(
          this.pods.keep(payload.value.uid)
            ? null
            : `pod ${payload.value.uid} is not known here; it has to be added with its namespace`,
        );
      case 'del':
        this.#snapshot.delete(payload.value.uid);
        this.pods.remove(payload.value.uid);
        return ack(null);
      case 'snapshotSent':
        this.#snapshotDone = true;
        this.pods.retain(this.#snapshot);
        return ack(null);
      case 'add':
        return { kind: 'protocol-error', reason: 'unreachable' };
    }
  }

  #problem(payload: Request['payload'], fds: readonly number[]): string | null {
    switch (payload?.$case) {
      case undefined:
        return 'a packet is no WorkloadRequest that this version knows';
      case 'add':
        if (payload.value.uid === '') return 'AddWorkload has no uid';
        if (payload.value.workloadInfo === undefined) return `AddWorkload of ${payload.value.uid} has no workload_info`;
        return `AddWorkload of ${payload.value.uid} carries ${fds.length} descriptors, want 1`;
      case 'keep':
      case 'snapshotSent':
        if (this.#snapshotDone) return `${payload.$case} after the snapshot`;
        break;
      case 'del':
        break;
    }
    return fds.length === 0 ? null : `${payload.$case} carries ${fds.length} descriptors, want 0`;
  }
}

function ack(error: string | null): ZdsReply {
  return { kind: 'ack', error: error ?? '' };
}

function decode(packet: Uint8Array): Request['payload'] {
  try {
    return WorkloadRequest.decode(packet).payload;
  } catch {
    return undefined;
  }
}
