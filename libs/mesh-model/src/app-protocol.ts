import { AppProtocol } from '@weft/xds/gen/mesh/workload/workload.js';

const KUBERNETES: Readonly<Record<string, AppProtocol>> = {
  'kubernetes.io/h2c': AppProtocol.HTTP2,
  'kubernetes.io/ws': AppProtocol.HTTP11,
  'kubernetes.io/wss': AppProtocol.TLS,
};
const NAMES: Readonly<Record<string, AppProtocol>> = {
  http: AppProtocol.HTTP11,
  http2: AppProtocol.HTTP2,
  grpc: AppProtocol.GRPC,
  tcp: AppProtocol.TCP,
  mongo: AppProtocol.TCP,
  mysql: AppProtocol.TCP,
  redis: AppProtocol.TCP,
  tls: AppProtocol.TLS,
  https: AppProtocol.TLS,
};

/** `appProtocol` beats the port name, of which the part before the first dash counts. */
export function appProtocolOf(portName: string, appProtocol: string | undefined): AppProtocol {
  const declared = (appProtocol ?? '').toLowerCase();
  if (declared !== '') return KUBERNETES[declared] ?? lookup(declared);
  const name = portName.toLowerCase();
  return name.startsWith('grpc-web') ? AppProtocol.HTTP11 : lookup(name.split('-')[0]!);
}

const lookup = (name: string): AppProtocol => (Object.hasOwn(NAMES, name) ? NAMES[name]! : AppProtocol.UNKNOWN);
