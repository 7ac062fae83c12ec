export { CaClient, CaError, type CaRequestMode } from './ca-client.js';
export { DeltaXdsClient, type DeltaXdsClientOptions } from './delta-xds-client.js';
export { XdsGrpcError, type XdsGrpcErrorCode } from './errors.js';
export { MeshEndpoint, type MeshEndpointOptions } from './mesh-endpoint.js';
export {
  XdsStream,
  type OpenSession,
  type XdsCall,
  type XdsRequest,
  type XdsSession,
  type XdsStreamOptions,
} from './xds-stream.js';
export { GrpcPeer } from './grpc-peer.js';
export { type GrpcRefusal } from './grpc-wire.js';
export { type UnaryAnswer, type UnaryCall, type UnaryHandler } from './unary-exchange.js';
export { UnaryGrpcServer, type UnaryGrpcServerOptions } from './unary-grpc-server.js';
export { RotatingServerCertificate } from './rotating-server-certificate.js';
export {
  XdsServer,
  type XdsCaller,
  type XdsClientState,
  type XdsProtocol,
  type XdsRefusal,
  type XdsServerOptions,
} from './xds-server.js';
