import type { Result } from '@weft/result';
import { tcpSocket } from '@weft/linux';
import { TlsContext } from '@weft/tls';
import type { TlsProfile } from '@weft/tls-profile';
import { Dial } from './dial.js';
import { EpollSecureSocket } from './epoll-secure-socket.js';
import type { EventLoop } from './event-loop.js';
import { Listener } from './listener.js';
import type { Identity } from './messages.js';
import type { PlainSocket, PlainSocketOwner } from './plain-socket.js';
import type { SecureContext, SecureSocket } from './secure-socket.js';
import { TcpEnd } from './tcp-end.js';
import type { ConnectRequest, ListenHandler, Transport } from './transport.js';

/** The ffi engine: system calls and OpenSSL, called directly. */
export class EpollTransport implements Transport {
  constructor(private readonly loop: EventLoop) {}

  listen(fd: number, handler: ListenHandler): () => void {
    const listener = new Listener(this.loop, fd, handler);
    return () => listener.close();
  }

  connect({ fd, to, timeoutMs, onOutcome }: ConnectRequest): () => void {
    const started = fd < 0 ? fd : tcpSocket.connect(fd, to, to.ip.family);
    const dial = new Dial(this.loop, fd, started, timeoutMs, onOutcome);
    return () => dial.cancel();
  }

  plain(fd: number, owner: PlainSocketOwner): PlainSocket {
    return new TcpEnd(this.loop, fd, owner);
  }

  secure(fd: number, context: SecureContext, role: 'client' | 'server'): SecureSocket {
    if (!(context instanceof TlsContext)) throw new TypeError('a context of another engine');
    return new EpollSecureSocket(this.loop, fd, context, role);
  }

  secureContext(identity: Identity, profile: TlsProfile): Result<SecureContext, Error> {
    return TlsContext.create(identity, profile);
  }
}
