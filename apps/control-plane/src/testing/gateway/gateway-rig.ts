import type { KubeObject } from '@weft/kube';
import { callGrpc, type GrpcAnswer } from '../proxy/grpc-echo.js';
import { askHttp, type HttpAnswer, type HttpQuestion } from '../proxy/http-client.js';
import { object, SHOP } from '../proxy/mesh-objects.js';
import { readStream } from '../proxy/read-stream.js';
import type { Identity } from '../proxy/secret-server.js';
import { askHttp2, type Http2Question } from './ask-http2.js';
import { askHttps } from './ask-https.js';
import { sayUpgraded } from './say-upgraded.js';
import { ProxyRig, startRig, type ProxyRole } from '../proxy/proxy-rig.js';

export const EDGE = 'edge';
export const WEB_PORT = 80;

export const gatewayClass = (): KubeObject =>
  object({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GatewayClass',
    metadata: { name: 'istio' },
    spec: { controllerName: 'istio.io/gateway-controller' },
  });

/** Of HTTP, by name and port. */
export const webListener = (name: string, port: number, more: object = {}): object => ({
  name,
  port,
  protocol: 'HTTP',
  allowedRoutes: { namespaces: { from: 'All' } },
  ...more,
});

export const ingressGateway = (name: string, listeners: readonly object[], more: object = {}): KubeObject =>
  object({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name, namespace: SHOP },
    spec: { gatewayClassName: 'istio', listeners, ...more },
  });

/** A Gateway at the edge whose clients are outside of the mesh. It shares its ports with the other proxies. */
export class GatewayRig extends ProxyRig {
  static async start(podNames: readonly string[], others: readonly ProxyRole[]): Promise<GatewayRig> {
    const gateway = ingressGateway(EDGE, [webListener('web', WEB_PORT)]);
    const proxies = [{ type: 'router' as const, name: EDGE, gateway }, ...others];
    return new GatewayRig(await startRig({ podNames, proxies, shared: [gatewayClass()] }));
  }

  /** Of the gateway. */
  get address(): string {
    return this.parts.network.proxy(0);
  }

  /** A request to a port of the gateway. */
  ask(question: HttpQuestion, port = WEB_PORT): Promise<HttpAnswer> {
    return askHttp({ host: this.address, port }, question);
  }

  /** What the server says on a new connection; over TLS if a server name is given. Null: it is broken off. */
  read(port: number, serverName?: string): Promise<string | null> {
    return readStream({ host: this.parts.network.proxy(0), port }, serverName);
  }

  /** The status of an answer over TLS; `refused` if the connection is broken off. */
  askSecurely(port: number, host: string, client?: Identity): Promise<number | 'refused'> {
    return askHttps({ host: this.parts.network.proxy(0), port }, host, client);
  }

  /** Who answers an HTTP/2 request over TLS, or with which status. */
  askHttp2(port: number, question: Http2Question): Promise<string> {
    return askHttp2({ host: this.address, port }, question);
  }

  /** What comes back for a text on a connection that was upgraded to a WebSocket. */
  sayUpgraded(host: string, text: string): Promise<string | number> {
    return sayUpgraded({ host: this.parts.network.proxy(0), port: WEB_PORT }, host, text);
  }

  /** A gRPC call for a host. */
  call(host: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<GrpcAnswer> {
    const place = { host: this.address, port: WEB_PORT };
    return callGrpc(place, path, { ':authority': host, ...headers });
  }
}
