export { jwksSources, type JwksSource } from './authentication/jwks-sources.js';
export { PULL_SECRET } from './extensions/wasm-config.js';
export { extensionResources } from './extensions/extension-resources.js';
export { type MeshSettings } from './resources/mesh-settings.js';
export { type ProxyResource } from './resources/proxy-resource.js';
export { waypointResources } from './waypoint/waypoint-resources.js';
export { proxylessResources } from './proxyless/proxyless-resources.js';
export { gatewayResources, type GatewayResources } from './gateway/gateway-resources.js';
export { type SleepingCluster } from './gateway/on-demand.js';
