export {
  ACTIVATION_EXTENSION,
  ACTIVATION_TYPE_URL,
  ADDRESS_TYPE_URL,
  AUTHORIZATION_TYPE_URL,
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  EXTENSION_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  SECRET_TYPE_URL,
} from './type-urls.js';
export {
  DeltaClient,
  type DeltaClientOptions,
  type DeltaResource,
  type DeltaSubscription,
  type DeltaUpdate,
  type RejectedResource,
} from './delta-client.js';
export { encodeFirstRequest, type FirstRequest } from './first-request.js';
export { readDeltaResponse, type DeltaResponse } from './delta-response.js';
export { DeltaClientReconnect, type StreamEnd, type TerminationReason } from './delta-client-reconnect.js';
export { makeXdsResource, type ResourceContent, type XdsResource } from './xds-resource.js';
export { describeResource } from './describe-resource.js';
export { DeltaServer } from './delta-server.js';
export {
  DeltaServerSession,
  encodeDeltaPush,
  type Delivery,
  type DeltaPush,
  type Nack,
  type SyncState,
  type WatchState,
} from './delta-server-session.js';
export { ResourceStore, type EncodedChanges, type ResourceChanges } from './delta-server-store.js';
export { encodeSotwPush, SotwServerSession, type SotwPush } from './sotw-server-session.js';
export { mergeEncoded, readWrittenMessage } from './written-message.js';
