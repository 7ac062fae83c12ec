import type { CredentialRoots } from '@weft/gateway-api';
import type { ServerTls, VirtualServiceSpec } from '@weft/mesh-api';
import type { Readable } from '../waypoints/route-sources.js';
import type { NamedCredential } from './ingress-gateway.js';

/** `passthrough`: TLS that is not ended here. */
export type IstioServerKind = 'http' | 'https' | 'tls' | 'passthrough' | 'tcp';

/** A server of a Gateway of Istio's own kind, at one of the gateways that it selects. */
export interface IstioServer {
  /** `<namespace>/<name>` of the resource. */
  readonly gateway: string;
  readonly portName: string;
  readonly port: number;
  readonly kind: IstioServerKind;
  /** Those that no other server has. `*` is any. */
  readonly hosts: readonly string[];
  readonly httpsRedirect: boolean;
  /** Null where TLS is not ended. */
  readonly tls: ServerTls | null;
  readonly credentials: ServerCredentials;
  /** The oldest first. */
  readonly virtualServices: readonly BoundVirtualService[];
}

export interface BoundVirtualService extends Readable<VirtualServiceSpec> {
  /** Hosts that it and the server have in common: of each pair the narrower one. */
  readonly hosts: readonly string[];
}

/** Secrets that a server names. What is asked for and not there keeps handshakes from ending. */
export interface ServerCredentials {
  /** By which proxies ask for them. */
  readonly certificateNames: readonly string[];
  readonly certificates: readonly NamedCredential[];
  /** Null: clients are not verified, or with roots from files. */
  readonly rootsName: string | null;
  readonly roots: Pick<CredentialRoots, 'roots' | 'crl'> | null;
}

/** What is wrong with a server at one gateway. */
export interface ServerFault {
  /** `<namespace>/<name>` of the resource. */
  readonly gateway: string;
  /** Names the field and the cure. */
  readonly message: string;
}
