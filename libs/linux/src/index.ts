export { closeDescriptor, duplicateDescriptor } from './descriptor.js';
export { Epoll, EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP } from './epoll.js';
export { EAGAIN, ECONNRESET, EINTR, EMFILE, ENFILE, EPIPE, errnoName } from './errno.js';
export { EventFd } from './event-fd.js';
export { systemCallsProblem } from './libc.js';
export { MainLoopPoller, type ReadinessHandler } from './main-loop-poller.js';
export { Memory } from './memory.js';
export { NativeLibrary, type NativeFunction } from './native-library.js';
export { inNetns, netnsIdentity, openNetns, sameNetns, warmThreadPool, type NetnsIdentity } from './netns.js';
export { releaseFreeMemory, releaseStartMemory } from './resident-memory.js';
export { raiseOpenFileLimit } from './resource-limits.js';
export {
  SeqPacketConnection,
  SeqPacketTruncatedError,
  type SeqPacketEvents,
  type SeqPacketOptions,
} from './seq-packet-connection.js';
export { SeqPacketServer, type SeqPacketServerEvents, type SeqPacketServerOptions } from './seq-packet-server.js';
export { socketOptions, type KeepAlive } from './socket-options.js';
export { receive, shutdownWrite, transmit } from './stream-io.js';
export { streamPair } from './stream-pair.js';
export { SystemCallError } from './system-call-error.js';
export { tcpSocket } from './tcp-socket.js';
export { UdpSocket, type UdpHandlers, type UdpSocketOptions } from './udp-socket.js';
export {
  CommandError,
  marks,
  PodRedirection,
  ProbeBypass,
  RedirectionError,
  runCommand,
  type CommandOptions,
  type Family,
  type RedirectionBackend,
  type RedirectionOptions,
  type RunCommand,
} from './rules/index.js';
