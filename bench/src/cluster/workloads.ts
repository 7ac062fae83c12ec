import type { KubeObject } from '@weft/kube';

/** Who carries the load: nobody (`direct`) or the mesh. The name is also the namespace. */
export const PEERS = ['direct', 'weft'] as const;
export type Peer = (typeof PEERS)[number];

export const ECHO_PORT = 7000;
export const POSTGRES_PORT = 5432;

interface WorkloadValues {
  readonly node: string;
  readonly dist: string;
  readonly postgresUid: number;
}

/** Servers, their Services and the pod that the load runs in, for one peer. */
export function workloads(namespace: Peer, { node, dist, postgresUid }: WorkloadValues): readonly KubeObject[] {
  const postgres = `
    PATH=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1):$PATH
    initdb -D /data/pg -U postgres --auth=trust --no-sync -E UTF8 --locale=C > /data/initdb.log
    echo "host all all 0.0.0.0/0 trust" >> /data/pg/pg_hba.conf
    exec postgres -D /data/pg -k /data -c listen_addresses='*' -c fsync=off -c max_connections=200 -c cluster_name=${namespace}`;
  return [
    deployment(namespace, 'echo', 'node-2', {
      command: [node, `${dist}/load-server.cjs`, String(ECHO_PORT), namespace],
      readinessProbe: tcpProbe(ECHO_PORT),
    }),
    service(namespace, 'echo', ECHO_PORT),
    deployment(
      namespace,
      'postgres',
      'node-2',
      {
        command: ['sh', '-ec', postgres],
        readinessProbe: tcpProbe(POSTGRES_PORT),
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
      { securityContext: { runAsUser: postgresUid }, volumes: [{ name: 'data', emptyDir: {} }] },
    ),
    service(namespace, 'postgres', POSTGRES_PORT),
    deployment(namespace, 'client', 'node-1', { command: ['sh', '-c', 'while true; do sleep 3600; done'] }),
  ];
}

const tcpProbe = (port: number): object => ({ tcpSocket: { port }, periodSeconds: 1 });

function deployment(namespace: string, name: string, node: string, container: object, pod: object = {}): KubeObject {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': node },
          containers: [{ name, image: name, ...container }],
          ...pod,
        },
      },
    },
  } as KubeObject;
}

function service(namespace: string, name: string, port: number): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name },
    spec: { selector: { app: name }, ports: [{ name: 'tcp', port }] },
  } as KubeObject;
}
