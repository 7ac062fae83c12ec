import { join } from 'node:path';
import type { KubeObject } from '@weft/kube';

/** Who carries the requests: nobody, two ztunnels with a waypoint between them, or an Envoy beside each end. Also the namespace. */
export const L7_PEERS = ['direct', 'waypoint', 'envoy'] as const;
export type L7Peer = (typeof L7_PEERS)[number];

export const HTTP_PORT = 8080;
/** The two addresses of a pair of Envoys are only known once the pods run: they wait for their configuration. */
export const CONFIG_FILES = { client: 'outbound.json', server: 'inbound.json' } as const;

export interface L7WorkloadOptions {
  readonly root: string;
  /** Of files that the Envoys read and write. */
  readonly directory: string;
  readonly envoyPath: string;
  readonly concurrency: number;
}

export function l7Workloads(peer: L7Peer, options: L7WorkloadOptions): readonly KubeObject[] {
  const server = container('server', [
    process.execPath,
    join(options.root, 'dist/bench/http-server.cjs'),
    String(HTTP_PORT),
  ]);
  const client = container('client', ['sh', '-c', 'while true; do sleep 3600; done']);
  const sidecar = (file: string): readonly object[] =>
    peer === 'envoy' ? [container('envoy', envoyCommand(file, options))] : [];
  const meshLabels = peer === 'waypoint' ? { 'istio.io/dataplane-mode': 'ambient' } : {};
  return [
    object('v1', 'Namespace', { name: peer, labels: meshLabels }, {}),
    object(
      'v1',
      'Service',
      { namespace: peer, name: 'server', labels: peer === 'waypoint' ? { 'istio.io/use-waypoint': 'wp' } : {} },
      {
        spec: { selector: { app: 'server' }, ports: [{ name: 'http', port: 80, targetPort: HTTP_PORT }] },
      },
    ),
    ...(peer === 'waypoint' ? [gateway(peer)] : []),
    deployment(peer, 'server', 'node-2', [server, ...sidecar(CONFIG_FILES.server)]),
    deployment(peer, 'client', 'node-1', [client, ...sidecar(CONFIG_FILES.client)]),
  ];
}

function envoyCommand(file: string, { directory, envoyPath, concurrency }: L7WorkloadOptions): readonly string[] {
  const path = join(directory, file);
  const run = `exec ${envoyPath} -c ${path} --concurrency ${concurrency} --disable-hot-restart -l error`;
  return ['sh', '-c', `while [ ! -f ${path} ]; do sleep 0.1; done; ${run}`];
}

const container = (name: string, command: readonly string[]): object => ({ name, image: name, command });

const gateway = (namespace: string): KubeObject =>
  object(
    'gateway.networking.k8s.io/v1',
    'Gateway',
    { namespace, name: 'wp' },
    {
      spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
    },
  );

const deployment = (namespace: string, name: string, node: string, containers: readonly object[]): KubeObject =>
  object(
    'apps/v1',
    'Deployment',
    { namespace, name },
    {
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name } },
          spec: { nodeSelector: { 'kubernetes.io/hostname': node }, containers },
        },
      },
    },
  );

const object = (apiVersion: string, kind: string, metadata: object, rest: object): KubeObject => ({
  apiVersion,
  kind,
  metadata,
  ...rest,
});
