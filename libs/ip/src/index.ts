export { cidrContains, cidrOf, cidrsOverlap, parseCidr, type Cidr } from './cidr.js';
export { ipFromBytes, isLoopback, parseIp, type IpAddress } from './ip-address.js';
export { formatSocketAddress, parseSocketAddress, type SocketAddress } from './socket-address.js';
