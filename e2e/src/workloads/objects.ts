import type { KubeObject, Pod } from '@weft/kube';

type Container = NonNullable<Pod['spec']>['containers'][number];

export interface PodOptions {
  readonly namespace: string;
  readonly name: string;
  readonly node?: string;
  /** Default: the name of the pod, which gets one of its own. */
  readonly serviceAccount?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly runAsUser?: number;
  readonly containers: readonly Container[];
}

export function namespace(name: string, enrolled: boolean): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, ...(enrolled ? { labels: { 'istio.io/dataplane-mode': 'ambient' } } : {}) },
  };
}

/** A pod with an identity of its own, labelled `app: <name>`. */
export function pod(options: PodOptions): readonly KubeObject[] {
  const { namespace: where, name, node, serviceAccount = name, labels = {}, runAsUser, containers } = options;
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: serviceAccount, namespace: where } },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: where, labels: { app: name, ...labels } },
      spec: {
        serviceAccountName: serviceAccount,
        terminationGracePeriodSeconds: 1,
        ...(node === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': node } }),
        ...(runAsUser === undefined ? {} : { securityContext: { runAsUser } }),
        containers: [...containers],
        volumes: [{ name: 'scratch', emptyDir: {} }],
      },
    } as KubeObject,
  ];
}

export interface ServiceOptions {
  readonly namespace: string;
  readonly name: string;
  readonly selector: Readonly<Record<string, string>>;
  /** Service port to target port. */
  readonly ports: Readonly<Record<number, number>>;
  readonly headless?: boolean;
  readonly clusterIp?: string;
}

export function service({ namespace: where, name, selector, ports, headless, clusterIp }: ServiceOptions): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: where },
    spec: {
      selector,
      ...(headless === true ? { clusterIP: 'None' } : clusterIp === undefined ? {} : { clusterIP: clusterIp }),
      ports: Object.entries(ports).map(([port, targetPort]) => ({
        name: `tcp-${port}`,
        port: Number(port),
        targetPort,
      })),
    },
  } as KubeObject;
}
