import { callGrpc, type GrpcAnswer } from '../proxy/grpc-echo.js';
import { askHttp, type HttpAnswer, type HttpQuestion, type Place } from '../proxy/http-client.js';
import { gateway, WAYPOINT } from '../proxy/mesh-objects.js';
import { ProxyRig, startRig } from '../proxy/proxy-rig.js';
import { readStream } from '../proxy/read-stream.js';
import { Tunnel } from './tunnel.js';

const CLIENT = 'cluster.local/ns/shop/sa/client';

/** A waypoint. Clients come through HBONE tunnels by the identity that they have. Namespace `shop` goes through it. */
export class WaypointRig extends ProxyRig {
  readonly #tunnels = new Map<string, Tunnel>();

  static async start(podNames: readonly string[]): Promise<WaypointRig> {
    const shopLabels = { 'istio.io/use-waypoint': WAYPOINT };
    const proxies = [{ type: 'waypoint', name: WAYPOINT, gateway: gateway() }] as const;
    return new WaypointRig(await startRig({ podNames, proxies, shopLabels }));
  }

  override async stop(): Promise<void> {
    for (const tunnel of this.#tunnels.values()) tunnel.close();
    await super.stop();
  }

  /** A request to `<clusterIP>:<port>`. */
  async ask(authority: string, question: HttpQuestion = {}, as = CLIENT): Promise<HttpAnswer> {
    return askHttp(await this.#place(authority, as), question);
  }

  async call(authority: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<GrpcAnswer> {
    return callGrpc(await this.#place(authority), path, headers);
  }

  /** What the server says on a new connection; over TLS if a server name is given. Null: it is broken off. */
  async read(authority: string, serverName?: string): Promise<string | null> {
    return readStream(await this.#place(authority), serverName);
  }

  /** Port of 127.0.0.1 that leads to a place behind the waypoint. */
  async port(authority: string, as = CLIENT): Promise<number> {
    let tunnel = this.#tunnels.get(as);
    if (tunnel === undefined) {
      const { authority: ca, network } = this.parts;
      const identity = await ca.issue(`spiffe://${as}`);
      tunnel = new Tunnel({ address: network.proxy(0), identity, rootPem: ca.rootPem });
      this.#tunnels.set(as, tunnel);
    }
    return tunnel.port(authority);
  }

  async #place(authority: string, as = CLIENT): Promise<Place> {
    return { host: '127.0.0.1', port: await this.port(authority, as) };
  }
}
