import { Socket } from 'node:net';
import type { SocketAddress } from '@weft/ip';
import { inNetns, socketOptions, tcpSocket, UdpSocket } from '@weft/linux';
import { frame, MessageFraming } from './message-framing.js';
import type { ConnectUpstream, UpstreamConnection, UpstreamHandlers } from './upstream-exchange.js';

const DNS_PORT = 53;

/**
 * Connects to nameservers from a pod's network namespace with ztunnel's mark, so that the pod's own rules leave it alone. Each
 * connection has a source port that the kernel chose at random. `netnsFd` stays the caller's.
 */
export function upstreamFrom(netnsFd: number, mark: number): ConnectUpstream {
  return (ip, transport, handlers) => {
    const to = { ip, port: DNS_PORT };
    return transport === 'udp' ? overUdp(netnsFd, mark, to, handlers) : overTcp(netnsFd, mark, to, handlers);
  };
}

function overUdp(netnsFd: number, mark: number, to: SocketAddress, handlers: UpstreamHandlers): UpstreamConnection {
  const socket = inNetns(netnsFd, () =>
    UdpSocket.open(
      to.ip.family,
      { mark, connect: to },
      { message: (bytes) => handlers.message(bytes), failed: (error) => handlers.failed(error.message) },
    ),
  );
  return {
    send: (message) => {
      const sent = socket.send(message);
      if (sent === 0) return;
      setImmediate(() => handlers.failed(`sendto: errno ${-sent}`));
    },
    close: () => socket.close(),
  };
}

function overTcp(netnsFd: number, mark: number, to: SocketAddress, handlers: UpstreamHandlers): UpstreamConnection {
  const fd = inNetns(netnsFd, () => tcpSocket.prepared(to.ip.family, (socket) => socketOptions.setMark(socket, mark)));
  const socket = new Socket({ fd });
  const framing = new MessageFraming();
  socket.on('error', (error) => handlers.failed(error.message));
  socket.on('close', () => handlers.failed('the nameserver closed the connection'));
  socket.on('data', (bytes) => framing.push(bytes).forEach((message) => handlers.message(message)));
  socket.connect({ host: to.ip.text, port: to.port });
  return { send: (message) => void socket.write(frame(message)), close: () => void socket.destroy() };
}
