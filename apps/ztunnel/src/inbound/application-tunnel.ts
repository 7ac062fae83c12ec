import { formatSocketAddress, parseIp, parseSocketAddress, type SocketAddress } from '@weft/ip';
import { err, ok, type Result } from '@weft/result';
import type { InboundContext, ProxyHeaderFields } from '../dataplane/messages.js';
import type { MeshView } from '../state/mesh-view.js';
import type { Service } from '../state/service.js';
import type { Workload } from '../state/workload.js';
import { forwardedHost } from './attribute-service.js';

/** How the application is dialled. */
export interface ApplicationDial {
  readonly dial: SocketAddress;
  /** Whether the application may see the client's address as that of the connection. */
  readonly preserveSource: boolean;
  readonly proxyHeader: ProxyHeaderFields | null;
}

export interface TunnelRequest {
  readonly context: InboundContext;
  /** The pod's address and the port that was asked for, after the tunnel's override. */
  readonly resolved: SocketAddress;
  /** Of a hostname authority. */
  readonly service: Service | null;
}

/**
 * The last step to a pod that is a waypoint behind ztunnel: a PROXY header says where the connection came from and where it
 * was meant to go, and it is delivered on loopback, where only this node's proxy can be the sender. The error is a reason.
 */
export function applicationDial(
  view: MeshView,
  local: Workload,
  { context, resolved, service }: TunnelRequest,
  localhost: boolean,
): Result<ApplicationDial, string> {
  const proxied = context.transport === 'hbone' && local.applicationTunnel?.protocol === 'PROXY';
  if (!proxied) return ok({ dial: resolved, preserveSource: true, proxyHeader: null });
  const meant = service === null ? parseSocketAddress(context.authority ?? '') : addressOf(local, service, context);
  if (meant === null) return err(`no address for the PROXY header of ${context.authority}`);
  const hostname = service?.hostname ?? forwardedHost(context.forwarded) ?? meantService(view, local, meant)?.hostname;
  const loopback = parseIp(resolved.ip.family === 4 ? '127.0.0.1' : '::1')!;
  return ok({
    dial: localhost ? { ip: loopback, port: resolved.port } : resolved,
    preserveSource: !localhost,
    proxyHeader: {
      destination: formatSocketAddress(meant),
      ...(context.peerIdentity === null ? {} : { clientIdentity: context.peerIdentity }),
      ...(hostname === undefined ? {} : { serviceHostname: hostname }),
    },
  });
}

/** A virtual address of the service: of the pod's network if there is one, then IPv4. */
function addressOf(local: Workload, service: Service, { authority = '' }: InboundContext): SocketAddress | null {
  const rank = (vip: Service['vips'][number]): number =>
    2 * Number(vip.network === local.network) + Number(vip.ip.family === 4);
  const best = [...service.vips].sort((a, b) => rank(b) - rank(a))[0];
  return best === undefined ? null : { ip: best.ip, port: Number(authority.slice(authority.lastIndexOf(':') + 1)) };
}

function meantService(view: MeshView, local: Workload, meant: SocketAddress): Service | null {
  return view.serviceByVip(local.network, meant.ip, local.namespace);
}
