import { NAMESPACES, NODES, PODS, type KubeClient, type Pod } from '@weft/kube';
import { parsePrometheusText } from '@weft/testing-mesh-deployment';
import { connectionRows } from './connection-rows.js';
import { denialRows } from './denial-rows.js';
import type { PodRow, Picture } from './picture.js';
import { requestRows } from './request-rows.js';

/** What the picture needs besides the API: the metrics page of a ztunnel or waypoint, and the log of a ztunnel. */
export interface ZtunnelSource {
  metrics(node: string, podIp: string): Promise<string>;
  log(namespace: string, pod: string): Promise<string>;
}

const ANNOTATION = 'ambient.istio.io/redirection';
const MODE_LABEL = 'istio.io/dataplane-mode';
const GATEWAY_LABEL = 'gateway.networking.k8s.io/gateway-name';

export async function takePicture(
  cluster: string,
  kube: KubeClient,
  source: ZtunnelSource,
  now: Date,
): Promise<Picture> {
  const [nodes, pods, namespaces] = await Promise.all([kube.list(NODES), kube.list(PODS), kube.list(NAMESPACES)]);
  const ambient = new Set(
    namespaces
      .filter(({ metadata }) => metadata?.labels?.[MODE_LABEL] === 'ambient')
      .map(({ metadata }) => metadata?.name ?? ''),
  );
  const ztunnels = pods.filter((pod) => pod.metadata?.labels?.['app'] === 'ztunnel' && isReady(pod));
  const waypoints = pods.filter((pod) => pod.metadata?.labels?.[GATEWAY_LABEL] !== undefined && isReady(pod));
  const missing = (): string => ''; // one that went away meanwhile has nothing to tell
  const metricsOf = (of: readonly Pod[]): Promise<string[]> =>
    Promise.all(of.map(({ spec, status }) => source.metrics(spec?.nodeName ?? '', status?.podIP ?? '').catch(missing)));
  const [metrics, requests] = await Promise.all([metricsOf(ztunnels), metricsOf(waypoints)]);
  const logs = await Promise.all(
    ztunnels.map(({ metadata }) => source.log(metadata?.namespace ?? '', metadata?.name ?? '').catch(missing)),
  );
  const ztunnelNodes = new Set(ztunnels.map(({ spec }) => spec?.nodeName));
  return {
    cluster,
    at: now.toISOString(),
    nodes: nodes.map(({ metadata, status }) => ({
      name: metadata?.name ?? '',
      address: status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '',
      ready: status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false,
      ztunnelReady: ztunnelNodes.has(metadata?.name),
    })),
    pods: pods
      .map((pod) => podRow(pod, ambient))
      .sort((a, b) => `${a.namespace}/${a.name}`.localeCompare(`${b.namespace}/${b.name}`)),
    connections: connectionRows(metrics.flatMap(parsePrometheusText)),
    requests: requestRows(requests.flatMap(parsePrometheusText)),
    denials: denialRows(logs),
  };
}

function podRow(pod: Pod, ambientNamespaces: ReadonlySet<string>): PodRow {
  const { metadata, spec, status } = pod;
  const namespace = metadata?.namespace ?? '';
  const wanted = metadata?.labels?.[MODE_LABEL] ?? (ambientNamespaces.has(namespace) ? 'ambient' : 'none');
  const enrolled = metadata?.annotations?.[ANNOTATION] === 'enabled';
  return {
    namespace,
    name: metadata?.name ?? '',
    node: spec?.nodeName ?? '',
    ip: status?.podIP ?? '',
    status:
      metadata?.deletionTimestamp !== undefined ? 'Terminating' : isReady(pod) ? 'Ready' : (status?.phase ?? 'Unknown'),
    mesh: enrolled
      ? 'enrolled'
      : metadata?.labels?.[GATEWAY_LABEL] !== undefined
        ? 'waypoint'
        : wanted === 'ambient' && spec?.hostNetwork !== true
          ? 'pending'
          : 'outside',
  };
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
}
