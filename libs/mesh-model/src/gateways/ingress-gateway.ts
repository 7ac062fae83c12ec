import type { Credential } from '@weft/gateway-api';
import type {
  AuthorizationPolicy,
  GrpcRouteSpec,
  HttpRouteSpec,
  RequestAuthenticationSpec,
  TcpRouteSpec,
  TlsRouteSpec,
} from '@weft/mesh-api';
import type { EnvoyPatches } from '../waypoints/envoy-patches.js';
import type { RouteDestinations } from '../waypoints/route-destinations.js';
import type { Readable } from '../waypoints/route-sources.js';

/** A Gateway at the edge of the mesh, with all that its proxies do. */
export interface IngressGateway {
  /** `<namespace>/<name>`. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  /** Those that work, in the order of the Gateway. */
  readonly listeners: readonly IngressListener[];
  /** What its proxies show to services whose connections a BackendTLSPolicy encrypts; null if nothing. */
  readonly clientCertificate: NamedCredential | null;
  /** What the routes send to. */
  readonly destinations: RouteDestinations;
  readonly authorizationPolicies: readonly AuthorizationPolicy[];
  /** In the order in which they are applied. */
  readonly extensions: readonly EnvoyPatches[];
  readonly requestAuthentications: readonly Readable<RequestAuthenticationSpec>[];
}

export interface IngressListener {
  readonly name: string;
  readonly port: number;
  readonly protocol: 'HTTP' | 'HTTPS' | 'TLS' | 'TCP';
  /** Undefined is any host; `*.` stands for one or more labels. */
  readonly hostname: string | undefined;
  /** Of the server, where this listener ends TLS; null where it does not. */
  readonly certificates: readonly NamedCredential[] | null;
  readonly httpRoutes: readonly AttachedRoute<HttpRouteSpec>[];
  readonly grpcRoutes: readonly AttachedRoute<GrpcRouteSpec>[];
  readonly tlsRoutes: readonly AttachedRoute<TlsRouteSpec>[];
  readonly tcpRoutes: readonly AttachedRoute<TcpRouteSpec>[];
}

/** A route with the hosts that it and the listener have in common; undefined is any. */
export interface AttachedRoute<S> extends Readable<S> {
  readonly hosts: readonly (string | undefined)[];
}

export interface NamedCredential {
  /** `kubernetes-gateway://<namespace>/<name>`, by which proxies ask for it. */
  readonly name: string;
  readonly certificate: NonNullable<Credential['certificate']>;
}
