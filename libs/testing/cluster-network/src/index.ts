export { ClusterDns, type ClusterDnsOptions } from './dns/cluster-dns.js';
export { type Backend, type Family } from './service-proxy/service-model.js';
export {
  ServiceProxy,
  ServiceRulesError,
  type CommandOutcome,
  type ServiceProxyOptions,
} from './service-proxy/service-proxy.js';
export { ServiceView } from './service-view.js';
