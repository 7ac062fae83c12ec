import type { Deployment } from '@weft/kube';
import type { WaypointManagerConfig } from '../config.js';
import type { ProxyKind } from '../gateway-kind.js';
import { placementFields, type Placement } from './placement.js';

type PodTemplate = NonNullable<Deployment['spec']>['template'];

const PROXY_USER = 1337;
const GRACE_SECONDS = 30;
/** Beside the roots and not below them: nothing can be mounted into a read-only volume. */
const CRL_FOLDER = '/var/run/secrets/istio-crl';
/** As the charts of Istio have it. */
const RESOURCES = { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '2', memory: '1Gi' } };

const READY = { httpGet: { path: '/healthz/ready', port: 15_021 } };
const SERVING_PROBES = {
  startupProbe: { ...READY, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 30 },
  readinessProbe: { ...READY, periodSeconds: 15, timeoutSeconds: 1, failureThreshold: 4 },
};
/** Ready means warm until it is claimed: then it joins the Gateway's Service only once it serves. */
const POOL_PROBES = {
  readinessProbe: {
    httpGet: { path: '/healthz/pool', port: 15_020 },
    periodSeconds: 2,
    timeoutSeconds: 1,
    failureThreshold: 4,
  },
};

export interface PodTemplateOptions {
  readonly config: WaypointManagerConfig;
  readonly proxy: ProxyKind;
  readonly serviceAccount: string;
  readonly network: string | undefined;
  readonly placement: Placement;
  /** A proxy that belongs to nobody yet. */
  readonly pooled?: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The pod of a proxy: proxy-agent, which runs Envoy. */
export function podTemplate({
  config,
  placement,
  proxy,
  serviceAccount,
  network,
  pooled = false,
  labels,
  annotations,
}: PodTemplateOptions): PodTemplate {
  return {
    metadata: {
      labels,
      annotations: {
        ...annotations,
        'prometheus.io/scrape': 'true',
        'prometheus.io/port': '15020',
        'prometheus.io/path': '/stats/prometheus',
        'istio.io/rev': config.revision,
      },
    },
    spec: {
      serviceAccountName: serviceAccount,
      terminationGracePeriodSeconds: GRACE_SECONDS,
      ...placementFields(placement, config),
      securityContext: podSecurity(proxy),
      containers: [{ ...container(config, proxy, { network, pooled }), ...(pooled ? POOL_PROBES : SERVING_PROBES) }],
      volumes: [
        {
          name: 'istio-token',
          projected: {
            sources: [
              { serviceAccountToken: { path: 'istio-token', audience: 'istio-ca', expirationSeconds: 43_200 } },
            ],
          },
        },
        { name: 'istio-root', configMap: { name: 'istio-ca-root-cert' } },
        { name: 'istio-ca-crl', configMap: { name: 'istio-ca-crl', optional: true } },
        { name: 'istio-envoy', emptyDir: { medium: 'Memory' } },
      ],
    },
  };
}

/** Gateways open the ports that their listeners name, 80 too, without being root. */
function podSecurity({ role }: ProxyKind): NonNullable<NonNullable<PodTemplate['spec']>['securityContext']> {
  return {
    fsGroup: PROXY_USER,
    ...(role === 'router' && { sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }] }),
  };
}

function container(
  { proxy: settings, clusterId, trustDomain, namespace }: WaypointManagerConfig,
  { role }: ProxyKind,
  { network, pooled }: { readonly network: string | undefined; readonly pooled: boolean },
): NonNullable<PodTemplate['spec']>['containers'][number] {
  const fromPod = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  const value = (name: string, text: string) => ({ name, value: text });
  return {
    name: 'istio-proxy',
    image: settings.image,
    ...(settings.command.length > 0 && { command: [...settings.command] }),
    args: ['proxy', role],
    ports: [
      { name: 'metrics', containerPort: 15_020, protocol: 'TCP' },
      { name: 'status-port', containerPort: 15_021, protocol: 'TCP' },
      { name: 'http-envoy-prom', containerPort: 15_090, protocol: 'TCP' },
    ],
    env: [
      fromPod('POD_NAME', 'metadata.name'),
      fromPod('POD_NAMESPACE', 'metadata.namespace'),
      fromPod('INSTANCE_IP', 'status.podIP'),
      fromPod('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
      fromPod('ISTIO_META_NODE_NAME', 'spec.nodeName'),
      value('ISTIO_META_CLUSTER_ID', clusterId),
      ...(network === undefined ? [] : [value('ISTIO_META_NETWORK', network)]),
      ...(pooled ? [value('PROXY_POOL', 'true')] : []),
      value('TRUST_DOMAIN', trustDomain),
      value('XDS_ADDRESS', `https://istiod.${namespace}.svc:15012`),
      value('CA_ADDRESS', `https://weft-ca.${namespace}.svc:15012`),
      value('CRL_PATH', `${CRL_FOLDER}/ca-crl.pem`),
      value('TERMINATION_GRACE_PERIOD_SECONDS', String(GRACE_SECONDS)),
      ...Object.entries(settings.env).map(([name, text]) => value(name, text)),
    ],
    resources: RESOURCES,
    securityContext: {
      runAsUser: PROXY_USER,
      runAsGroup: PROXY_USER,
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      privileged: false,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'istio-token', mountPath: '/var/run/secrets/tokens' },
      { name: 'istio-root', mountPath: '/var/run/secrets/istio' },
      { name: 'istio-ca-crl', mountPath: CRL_FOLDER },
      { name: 'istio-envoy', mountPath: '/etc/istio/proxy' },
    ],
  };
}
