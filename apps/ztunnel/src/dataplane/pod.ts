import { parseIp, type IpAddress, type SocketAddress } from '@weft/ip';
import { inNetns, socketOptions, SystemCallError, tcpSocket } from '@weft/linux';
import type { AnswerCache } from './answer-cache.js';
import { Dial, type DialOutcome } from './dial.js';
import type { EventLoop } from './event-loop.js';
import type { DataPlaneLimits } from './limits.js';
import type { InboundVerdict, OutboundPlan } from './messages.js';
import { allowListenerMigration } from './listener-migration.js';
import { TimeWaitReuse } from './time-wait-reuse.js';

/** Something that must end with its pod. */
export interface PodMember {
  endWithPod(why: string): void;
}

export interface PodParts {
  readonly loop: EventLoop;
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

  /** A listening socket in the pod's namespace, for both families where there is IPv6. Throws SystemCallError. */
  listen(port: number): number {
    const both = (): number => this.#listener(6, port);
    return inNetns(this.parts.netnsFd, () => {
      try {
        return both();
      } catch (cause) {
        const unavailable = ['EAFNOSUPPORT', 'EADDRNOTAVAIL'];
        if (!(cause instanceof SystemCallError) || !unavailable.includes(cause.errnoName)) throw cause;
        return this.#listener(4, port);
      }
    });
  }

  /**
   * Connects from inside the pod's namespace, marked so that the pod's rules let it pass. `from` is the address to appear
   * as; null lets the kernel choose the pod's own.
   */
  dial(to: SocketAddress, from: IpAddress | null, onOutcome: (outcome: DialOutcome) => void): Dial {
    const { loop, limits } = this.parts;
    const { family } = to.ip;
    let fd = -1;
    let started: number;
    try {
      fd = inNetns(this.parts.netnsFd, () =>
        tcpSocket.prepared(family, (socket) => this.#prepare(socket, family, from)),
      );
      started = tcpSocket.connect(fd, to, family);
    } catch (cause) {
      if (!(cause instanceof SystemCallError)) throw cause;
      started = -cause.errno;
    }
    return new Dial(loop, fd, started, limits.connectTimeoutMs, onOutcome);
  }

  #prepare(socket: number, family: 4 | 6, from: IpAddress | null): void {
    const { limits } = this.parts;
    socketOptions.setMark(socket, limits.packetMark);
    socketOptions.setNoDelay(socket);
    socketOptions.setKeepAlive(socket, limits.keepAlive);
    if (from === null || from.family !== family) return;
    socketOptions.setTransparent(socket, family);
    socketOptions.setFreebind(socket, family);
    socketOptions.setBindAddressNoPort(socket);
    tcpSocket.bind(socket, { ip: from, port: 0 }, family);
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
      socketOptions.setKeepAlive(socket, limits.keepAlive);
      tcpSocket.bind(socket, { ip: any, port }, family);
      tcpSocket.listen(socket, BACKLOG);
    });
  }
}

const BACKLOG = 1024;
