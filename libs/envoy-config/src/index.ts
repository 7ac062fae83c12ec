export { jwksSources, type JwksSource } from './authentication/jwks-sources.js';
export { type MeshSettings } from './resources/mesh-settings.js';
export { waypointResources, type ProxyResource } from './waypoint/waypoint-resources.js';
export { proxylessResources, type ProxylessResource } from './proxyless/proxyless-resources.js';
export { gatewayResources } from './gateway/gateway-resources.js';
