import { libc } from './libc.js';
import { Memory } from './memory.js';
import { MSG_CMSG_CLOEXEC, MSG_CTRUNC, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_TRUNC, SOL_SOCKET } from './socket-constants.js';
import { negativeErrno } from './system-call-error.js';

const SCM_RIGHTS = 1;
const CMSG_HEADER_BYTES = 16;
const MSGHDR_BYTES = 56;
const IOVEC_BYTES = 16;
const FLAGS_OFFSET = 48;
const CONTROL_LENGTH_OFFSET = 40;
/** Descriptors taken from one message at most; more sets MSG_CTRUNC and the kernel drops the rest. */
const MAX_DESCRIPTORS = 16;
const CONTROL_BYTES = CMSG_HEADER_BYTES + MAX_DESCRIPTORS * 4;

export interface ReceivedMessage {
  /** Zero at end of file (or for an empty packet, which nobody sends). */
  readonly length: number;
  /** Ours to close. */
  readonly fds: readonly number[];
  /** The message or its descriptors did not fit. */
  readonly truncated: boolean;
}

/**
 * sendmsg(2) and recvmsg(2) of one packet with descriptors (SCM_RIGHTS) on a unix socket. Never blocks. One instance
 * reuses its header buffers, so it serves one thread.
 */
export class DescriptorMessage {
  readonly #header = Memory.allocate(MSGHDR_BYTES);
  readonly #vector = Memory.allocate(IOVEC_BYTES);
  readonly #control = Memory.allocate(CONTROL_BYTES);

  /** Bytes taken (a packet is all or nothing), or `-errno`. */
  send(socket: number, message: Memory, fds: readonly number[]): number {
    if (fds.length > MAX_DESCRIPTORS) throw new RangeError(`${fds.length} descriptors in one message`);
    const used = CMSG_HEADER_BYTES + fds.length * 4;
    const control = this.#control.bytes.fill(0);
    control.writeBigUInt64LE(BigInt(used), 0);
    control.writeInt32LE(SOL_SOCKET, 8);
    control.writeInt32LE(SCM_RIGHTS, 12);
    fds.forEach((fd, i) => control.writeInt32LE(fd, CMSG_HEADER_BYTES + i * 4));
    this.#prepare(message, fds.length === 0 ? 0 : Math.ceil(used / 8) * 8);
    return negativeErrno(libc().sendmsg(socket, this.#header.addressAt(0, MSGHDR_BYTES), MSG_DONTWAIT | MSG_NOSIGNAL));
  }

  /** One packet into `into`, or `-errno`. */
  receive(socket: number, into: Memory): ReceivedMessage | number {
    this.#control.bytes.fill(0);
    this.#prepare(into, CONTROL_BYTES);
    const header = this.#header.bytes;
    const length = negativeErrno(
      libc().recvmsg(socket, this.#header.addressAt(0, MSGHDR_BYTES), MSG_DONTWAIT | MSG_CMSG_CLOEXEC),
    );
    if (length < 0) return length;
    const truncated = (header.readInt32LE(FLAGS_OFFSET) & (MSG_TRUNC | MSG_CTRUNC)) !== 0;
    return { length, fds: this.#descriptors(Number(header.readBigUInt64LE(CONTROL_LENGTH_OFFSET))), truncated };
  }

  #prepare(message: Memory, controlLength: number): void {
    const vector = this.#vector.bytes;
    vector.writeBigUInt64LE(BigInt(message.addressAt(0, message.length)), 0);
    vector.writeBigUInt64LE(BigInt(message.length), 8);
    const header = this.#header.bytes.fill(0);
    header.writeBigUInt64LE(BigInt(this.#vector.addressAt(0, IOVEC_BYTES)), 16);
    header.writeBigUInt64LE(1n, 24);
    if (controlLength === 0) return;
    header.writeBigUInt64LE(BigInt(this.#control.addressAt(0, controlLength)), 32);
    header.writeBigUInt64LE(BigInt(controlLength), CONTROL_LENGTH_OFFSET);
  }

  #descriptors(controlLength: number): number[] {
    const control = this.#control.bytes;
    const fds: number[] = [];
    let offset = 0;
    while (offset + CMSG_HEADER_BYTES <= Math.min(controlLength, CONTROL_BYTES)) {
      const size = Number(control.readBigUInt64LE(offset));
      if (size < CMSG_HEADER_BYTES) break;
      const isRights =
        control.readInt32LE(offset + 8) === SOL_SOCKET && control.readInt32LE(offset + 12) === SCM_RIGHTS;
      const end = Math.min(offset + size, CONTROL_BYTES);
      for (let at = offset + CMSG_HEADER_BYTES; isRights && at + 4 <= end; at += 4) fds.push(control.readInt32LE(at));
      offset += Math.ceil(size / 8) * 8;
    }
    return fds;
  }
}
