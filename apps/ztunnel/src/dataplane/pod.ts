import { parseIp, type IpAddress, type SocketAddress } from '@weft/ip';
import { inNetns, socketOptions, SystemCallError, tcpSocket } from '@weft/linux';
import type { AnswerCache } from './answer-cache.js';
import type { Loop } from './loop.js';
import type { DataPlaneLimits } from './limits.js';
import type { InboundVerdict, OutboundPlan } from './messages.js';
import { allowListenerMigration } from './listener-migration.js';
import { TimeWaitReuse } from './time-wait-reuse.js';
import type { DialOutcome, ListenHandler, Transport } from './transport.js';

/** Something that must end with its pod. */
export interface PodMember {
  /** It does nothing by itself: a drain does not wait for it. */
  readonly idle?: boolean;
  endWithPod(why: string): void;
}

export interface PodParts {
  readonly loop: Loop;
  readonly transport: Transport;
  readonly limits: DataPlaneLimits;
  readonly uid: string;
  /** Owned by the pod. */
  readonly netnsFd: number;
  readonly sourceIdentity: string;
  readonly plans: AnswerCache<OutboundPlan>;
  readonly verdicts: AnswerCache<InboundVerdict>;
}

/** One enrolled pod as a worker knows it: its namespace, what it asked before, and everything open in it. */
export class Pod {
  readonly uid: string;
  readonly plans: AnswerCache<OutboundPlan>;
  readonly verdicts: AnswerCache<InboundVerdict>;
  /** Served on its 15008. */
  sourceIdentity: string;
  readonly #members = new Set<PodMember>();
  #removed = false;
  #timeWaitReuse: TimeWaitReuse | null = null;

  constructor(private readonly parts: PodParts) {
    ({ uid: this.uid, plans: this.plans, verdicts: this.verdicts, sourceIdentity: this.sourceIdentity } = parts);
    parts.loop.own(parts.netnsFd);
  }

  get netnsFd(): number {
    return this.parts.netnsFd;
  }

  get removed(): boolean {
    return this.#removed;
  }

  /** Something is open or on its way, be it a connection that was only just accepted. */
  get busy(): boolean {
    for (const { idle } of this.#members) if (idle !== true) return true;
    return false;
  }

  join(member: PodMember): void {
    this.#members.add(member);
  }

  leave(member: PodMember): void {
    this.#members.delete(member);
  }

  /** Ends everything at once. */
  remove(why: string): void {
    this.#removed = true;
    this.plans.close();
    this.verdicts.close();
    for (const member of [...this.#members]) member.endWithPod(why);
    this.#timeWaitReuse?.restore();
    this.parts.loop.close(this.parts.netnsFd);
  }

  /** See `TimeWaitReuse` and `allowListenerMigration`. Does nothing where the kernel's settings may not be written. */
  tuneNamespace(): void {
    this.#timeWaitReuse = TimeWaitReuse.enable(this.parts.netnsFd);
    allowListenerMigration(this.parts.netnsFd);
  }

  /**
   * Accepts on a port in the pod's namespace, for both families where there is IPv6. Returns what closes it. Throws
   * SystemCallError.
   */
  listen(port: number, handler: ListenHandler): () => void {
    const fd = inNetns(this.parts.netnsFd, () => {
      try {
        return this.#listener(6, port);
      } catch (cause) {
        const unavailable = ['EAFNOSUPPORT', 'EADDRNOTAVAIL'];
        if (!(cause instanceof SystemCallError) || !unavailable.includes(cause.errnoName)) throw cause;
        return this.#listener(4, port);
      }
    });
    return this.parts.transport.listen(fd, handler);
  }

  /**
   * Connects from inside the pod's namespace, marked so that the pod's rules let it pass. `from` is the address to appear
   * as; null lets the kernel choose the pod's own. Returns what gives up: then no outcome comes.
   */
  dial(to: SocketAddress, from: IpAddress | null, onOutcome: (outcome: DialOutcome) => void): () => void {
    const { transport, limits } = this.parts;
    const { family } = to.ip;
    let fd: number;
    try {
      fd = inNetns(this.parts.netnsFd, () =>
        tcpSocket.prepared(family, (socket) => this.#prepare(socket, family, from)),
      );
    } catch (cause) {
      if (!(cause instanceof SystemCallError)) throw cause;
      fd = -cause.errno;
    }
    return transport.connect({ fd, to, timeoutMs: limits.connectTimeoutMs, onOutcome });
  }

  #prepare(socket: number, family: 4 | 6, from: IpAddress | null): void {
    const { limits } = this.parts;
    socketOptions.setMark(socket, limits.packetMark);
    socketOptions.setNoDelay(socket);
    if (from === null || from.family !== family) {
      this.#keepAlive(socket);
      return;
    }
    // Only an application in the pod itself is shown another address. Its kernel is ours: it cannot vanish without a word.
    socketOptions.setTransparent(socket, family);
    socketOptions.setBindAddressNoPort(socket);
    tcpSocket.bind(socket, { ip: from, port: 0 }, family);
  }

  #keepAlive(socket: number): void {
    const { keepAlive, userTimeoutMs } = this.parts.limits;
    if (keepAlive !== null) socketOptions.setKeepAlive(socket, keepAlive);
    if (userTimeoutMs > 0) socketOptions.setUserTimeout(socket, userTimeoutMs);
  }

  /** What is set here is inherited by accepted sockets. */
  #listener(family: 4 | 6, port: number): number {
    const { limits } = this.parts;
    const any = parseIp(family === 6 ? '::' : '0.0.0.0')!;
    return tcpSocket.prepared(family, (socket) => {
      if (family === 6) socketOptions.setIpv6Only(socket, false);
      socketOptions.setReuseAddress(socket);
      socketOptions.setReusePort(socket);
      socketOptions.setMark(socket, limits.packetMark);
      socketOptions.setTransparent(socket, family);
      socketOptions.setNoDelay(socket);
      this.#keepAlive(socket);
      tcpSocket.bind(socket, { ip: any, port }, family);
      tcpSocket.listen(socket, BACKLOG);
    });
  }
}

const BACKLOG = 1024;
