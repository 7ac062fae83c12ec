import type { Credential, TrustedRoots } from '@weft/gateway-api';
import type {
  AuthorizationPolicy,
  GrpcRouteSpec,
  HttpRouteSpec,
  RequestAuthenticationSpec,
  TcpRouteSpec,
  TelemetrySpec,
  TlsRouteSpec,
} from '@weft/mesh-api';
import type { EnvoyPatches } from '../waypoints/envoy-patches.js';
import type { RouteDestinations } from '../waypoints/route-destinations.js';
import type { Readable } from '../waypoints/route-sources.js';
import type { IstioServer, ServerFault } from './istio-server.js';

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
  /** Of Gateways of Istio's own kind that select its proxies. */
  readonly servers: readonly IstioServer[];
  readonly serverFaults: readonly ServerFault[];
  /** What the routes send to. */
  readonly destinations: RouteDestinations;
  readonly authorizationPolicies: readonly AuthorizationPolicy[];
  /** In the order in which they are applied. */
  readonly envoyPatches: readonly EnvoyPatches[];
  readonly requestAuthentications: readonly Readable<RequestAuthenticationSpec>[];
  /** The widest scope first. */
  readonly telemetries: readonly Readable<TelemetrySpec>[];
}

export interface IngressListener {
  readonly name: string;
  readonly port: number;
  readonly protocol: 'HTTP' | 'HTTPS' | 'TLS' | 'TCP';
  /** Undefined is any host; `*.` stands for one or more labels. */
  readonly hostname: string | undefined;
  /** Of the server, where this listener ends TLS; null where it does not. */
  readonly certificates: readonly NamedCredential[] | null;
  /** How clients are verified; null: they are not asked for certificates. */
  readonly clients: ListenerClients | null;
  readonly httpRoutes: readonly AttachedRoute<HttpRouteSpec>[];
  readonly grpcRoutes: readonly AttachedRoute<GrpcRouteSpec>[];
  readonly tlsRoutes: readonly AttachedRoute<TlsRouteSpec>[];
  readonly tcpRoutes: readonly AttachedRoute<TcpRouteSpec>[];
}

export interface ListenerClients {
  readonly roots: TrustedRoots;
  /** False: one without a certificate, or with one that is not valid, is let in, too, and is nobody. */
  readonly isStrict: boolean;
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
