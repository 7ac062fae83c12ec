export { ADDRESS_TYPE_URL, AUTHORIZATION_TYPE_URL, WORKLOAD_TYPE_URL } from './type-urls.js';
export {
  DeltaClient,
  type DeltaClientOptions,
  type DeltaResource,
  type DeltaSubscription,
  type DeltaUpdate,
  type RejectedResource,
} from './delta-client.js';
export { DeltaClientReconnect, type StreamEnd, type TerminationReason } from './delta-client-reconnect.js';
