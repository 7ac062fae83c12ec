export { CaClient, CaError, type CaRequestMode } from './ca-client.js';
export { DeltaXdsClient, type DeltaXdsClientOptions } from './delta-xds-client.js';
export { XdsGrpcError, type XdsGrpcErrorCode } from './errors.js';
export { MeshEndpoint, type MeshEndpointOptions } from './mesh-endpoint.js';
export { DeltaXdsStream, type DeltaCall, type DeltaXdsStreamOptions } from './delta-xds-stream.js';
export { GrpcPeer } from './grpc-peer.js';
export { type GrpcRefusal } from './grpc-wire.js';
export {
  UnaryGrpcServer,
  type UnaryAnswer,
  type UnaryCall,
  type UnaryGrpcServerOptions,
  type UnaryHandler,
} from './unary-grpc-server.js';
export { RotatingServerCertificate } from './rotating-server-certificate.js';
export {
  DeltaXdsServer,
  type DeltaXdsServerOptions,
  type XdsCaller,
  type XdsClientState,
  type XdsRefusal,
} from './delta-xds-server.js';
