export { ApiServer } from './api-server.js';
export { type ApiServerOptions, type Listener } from './api-server-options.js';
export {
  type ContainerRef,
  type ExecOptions,
  type ExecSession,
  type KubeletConnector,
  type LogOptions,
  type PodRef,
} from './streaming/kubelet-connector.js';
