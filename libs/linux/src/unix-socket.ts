import { libc } from './libc.js';
import { Memory } from './memory.js';
import { AF_UNIX, NEW_SOCKET_FLAGS, SOCK_SEQPACKET } from './socket-constants.js';
import { checked } from './system-call-error.js';
import { closeDescriptor } from './descriptor.js';

/** `sun_path` holds 108 bytes with its closing zero. */
const MAX_PATH_BYTES = 107;

/** A non-blocking SOCK_SEQPACKET socket connected to `path`. Throws SystemCallError (`ENOENT`, `ECONNREFUSED`, ...). */
export function connectSeqPacketSocket(path: string): number {
  return withSeqPacketSocket((fd) => {
    const address = encodeUnixAddress(path);
    checked(libc().connect(fd, address.addressAt(0, address.length), address.length), 'connect', path);
  });
}

/** A listening SOCK_SEQPACKET socket at `path`, which must not exist. */
export function listenSeqPacketSocket(path: string, backlog: number): number {
  return withSeqPacketSocket((fd) => {
    const address = encodeUnixAddress(path);
    checked(libc().bind(fd, address.addressAt(0, address.length), address.length), 'bind', path);
    checked(libc().listen(fd, backlog), 'listen', path);
  });
}

function withSeqPacketSocket(prepare: (fd: number) => void): number {
  const fd = checked(libc().socket(AF_UNIX, SOCK_SEQPACKET | NEW_SOCKET_FLAGS, 0), 'socket', 'AF_UNIX');
  try {
    prepare(fd);
    return fd;
  } catch (cause) {
    closeDescriptor(fd);
    throw cause;
  }
}

function encodeUnixAddress(path: string): Memory {
  const text = Buffer.from(path, 'utf8');
  if (text.length === 0 || text.length > MAX_PATH_BYTES || text.includes(0)) {
    throw new RangeError(
      `a unix socket path has 1 to ${MAX_PATH_BYTES} bytes, ${JSON.stringify(path)} has ${text.length}`,
    );
  }
  const address = Memory.allocate(2 + text.length + 1);
  address.bytes.writeUInt16LE(AF_UNIX, 0);
  text.copy(address.bytes, 2);
  return address;
}
