export { closeDescriptor, duplicateDescriptor } from './descriptor.js';
export { Epoll, EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP } from './epoll.js';
export { EventFd } from './event-fd.js';
export { MainLoopPoller, type ReadinessHandler } from './main-loop-poller.js';
export { Memory } from './memory.js';
export {
  SeqPacketConnection,
  SeqPacketTruncatedError,
  type SeqPacketEvents,
  type SeqPacketOptions,
} from './seq-packet-connection.js';
export { SeqPacketServer, type SeqPacketServerEvents, type SeqPacketServerOptions } from './seq-packet-server.js';
export { SystemCallError } from './system-call-error.js';
export { seqPacketSocketPair } from './unix-socket.js';
