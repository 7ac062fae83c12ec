import { NativeLibrary, type NativeFunction } from './native-library.js';

const DECLARATIONS = {
  accept4: 'int accept4(int, int64_t, int64_t, int)',
  bind: 'int bind(int, int64_t, int)',
  calloc: 'int64_t calloc(int64_t, int64_t)',
  close: 'int close(int)',
  connect: 'int connect(int, int64_t, int)',
  epoll_create1: 'int epoll_create1(int)',
  epoll_ctl: 'int epoll_ctl(int, int, int, int64_t)',
  epoll_wait: 'int epoll_wait(int, int64_t, int, int)',
  eventfd: 'int eventfd(uint32_t, int)',
  fcntl: 'int fcntl(int, int, int)',
  getpeername: 'int getpeername(int, int64_t, int64_t)',
  getrlimit: 'int getrlimit(int, int64_t)',
  getsockname: 'int getsockname(int, int64_t, int64_t)',
  getsockopt: 'int getsockopt(int, int, int, int64_t, int64_t)',
  ioctl: 'int ioctl(int, int64_t, int64_t)',
  listen: 'int listen(int, int)',
  madvise: 'int madvise(int64_t, int64_t, int)',
  read: 'int64_t read(int, int64_t, int64_t)',
  recv: 'int64_t recv(int, int64_t, int64_t, int)',
  recvfrom: 'int64_t recvfrom(int, int64_t, int64_t, int, int64_t, int64_t)',
  recvmsg: 'int64_t recvmsg(int, int64_t, int)',
  send: 'int64_t send(int, int64_t, int64_t, int)',
  sendmsg: 'int64_t sendmsg(int, int64_t, int)',
  sendto: 'int64_t sendto(int, int64_t, int64_t, int, int64_t, int)',
  setns: 'int setns(int, int)',
  setrlimit: 'int setrlimit(int, int64_t)',
  setsockopt: 'int setsockopt(int, int, int, int64_t, int)',
  shutdown: 'int shutdown(int, int)',
  socket: 'int socket(int, int, int)',
  socketpair: 'int socketpair(int, int, int, int64_t)',
  write: 'int64_t write(int, int64_t, int64_t)',
} as const;

export type Libc = Readonly<Record<keyof typeof DECLARATIONS, NativeFunction>>;

let bound: Libc | null = null;

/** What keeps this machine from making system calls through koffi; null if nothing does. */
export function systemCallsProblem(): string | null {
  try {
    libc();
    return null;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}

/** The system calls, bound on first use and once per thread. Internal to this library. */
export function libc(): Libc {
  return (bound ??= bindAll());
}

function bindAll(): Libc {
  const library = new NativeLibrary();
  return Object.fromEntries(
    Object.entries(DECLARATIONS).map(([name, declaration]) => [name, library.bind(declaration)]),
  ) as Libc;
}
