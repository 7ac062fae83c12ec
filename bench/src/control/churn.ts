import {
  ADDRESS_TYPE_URL,
  AUTHORIZATION_TYPE_URL,
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
} from '@weft/xds';
import { cpuSeconds, residentMiB } from '../l4/cpu-meter.js';
import { ControlClient } from './control-client.js';
import { controlRow, quantile, type ControlRow } from './control-row.js';
import { SYSTEM, type ControlSite } from './control-site.js';
import { gateway, pod, service } from './mesh-objects.js';

export interface ChurnSizes {
  readonly services: number;
  readonly podsPerService: number;
  readonly nodeProxies: number;
  readonly waypoints: number;
  /** One pod is replaced in each. */
  readonly seconds: number;
}

const SERVICES_PER_NAMESPACE = 50;
const BYTES = 'weft_xds_push_bytes_total';

const namespaceOf = (n: number): string => `team-${Math.floor(n / SERVICES_PER_NAMESPACE)}`;

/** A mesh whose first namespaces have waypoints; then node proxies and Envoys come, and pods are replaced one by one. */
export async function churn(site: ControlSite, sizes: ChurnSizes, note: (text: string) => void): Promise<ControlRow[]> {
  const { services, podsPerService } = sizes;
  fill(site, sizes);
  const pods = services * podsPerService;
  note(`starting the control plane on ${pods} pods of ${services} services`);
  const startSeconds = await site.run();
  const size = async (): Promise<number> => sum(await site.byType(BYTES));
  const clients: ControlClient[] = [];
  const arrivals = new Map<string, (atMs: number) => void>();
  const hear = (names: readonly string[]): void => names.forEach((name) => arrivals.get(name)?.(performance.now()));
  try {
    const empty = residentMiB([site.pid]);
    let before = await size();
    const nodeToken = await site.token(SYSTEM, 'ztunnel');
    for (let i = 0; i < sizes.nodeProxies; i++) {
      const nodeId = `ztunnel~172.16.0.${i + 1}~ztunnel-${i}.${SYSTEM}~${SYSTEM}.svc.cluster.local`;
      const typeUrls = [ADDRESS_TYPE_URL, AUTHORIZATION_TYPE_URL];
      const client = new ControlClient({ site, nodeId, token: nodeToken, typeUrls, ...(i === 0 && { onNames: hear }) });
      clients.push(client);
      await client.start();
      await site.until('a node proxy served', () => (client.resources.get(ADDRESS_TYPE_URL) ?? 0) >= pods);
    }
    const nodeBytes = ((await size()) - before) / sizes.nodeProxies;
    before = await size();
    for (let i = 0; i < sizes.waypoints; i++) clients.push(await waypointClient(site, i));
    const waypointBytes = ((await size()) - before) / Math.max(1, sizes.waypoints);
    note('quiet for 5 s');
    await pause(5000);
    const idle = await measure(site, 5, async () => pause(5000));
    note(`one pod a second is replaced, for ${sizes.seconds} s`);
    const bytesBefore = await site.byType(BYTES);
    const delays: number[] = [];
    const busy = await measure(site, sizes.seconds, () => replacePods(site, sizes, arrivals, delays));
    const bytes = await site.byType(BYTES);
    const perChange = (type: string): number => ((bytes.get(type) ?? 0) - (bytesBefore.get(type) ?? 0)) / sizes.seconds;
    return [
      controlRow('start', { pods, services, seconds: startSeconds, rssMiB: empty }),
      controlRow('size', {
        bytesPerNodeProxy: nodeBytes,
        bytesPerWaypoint: waypointBytes,
        servicesPerWaypoint: SERVICES_PER_NAMESPACE,
      }),
      controlRow(
        'churn',
        {
          ...{ cpuCores: busy.cores, idleCpuCores: idle.cores, rssMiB: busy.rssMiB, rssMiBBefore: idle.rssMiB },
          ...{ p50Ms: quantile(delays, 0.5), p99Ms: quantile(delays, 0.99) },
          bytesPerChangeAndNodeProxy: perChange('Address') / sizes.nodeProxies,
          bytesPerChangeToWaypoints: perChange('ClusterLoadAssignment'),
        },
        sizes.seconds - delays.length,
      ),
    ];
  } finally {
    await Promise.all(clients.map((client) => client.stop()));
  }
}

function fill(site: ControlSite, { services, podsPerService, waypoints }: ChurnSizes): void {
  for (let n = 0; n < services; n += SERVICES_PER_NAMESPACE) {
    const metadata = { name: namespaceOf(n), uid: `namespace-${n}`, labels: { 'istio.io/dataplane-mode': 'ambient' } };
    site.put('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata });
  }
  for (let i = 0; i < waypoints; i++) {
    site.put('gateways.gateway.networking.k8s.io', gateway(`team-${i}`, 'wp'));
    const { metadata, ...rest } = pod(`team-${i}`, 'wp', 0xff_ff00 + i);
    const labels = { 'gateway.networking.k8s.io/gateway-name': 'wp' };
    site.put('pods', { ...rest, metadata: { ...metadata, labels } });
  }
  for (let n = 0; n < services; n++) {
    const namespace = namespaceOf(n);
    const labels = n < waypoints * SERVICES_PER_NAMESPACE ? { 'istio.io/use-waypoint': 'wp' } : {};
    site.put('services', service(namespace, `app-${n}`, n, labels));
    for (let i = 0; i < podsPerService; i++) site.put('pods', pod(namespace, `app-${n}`, n * podsPerService + i));
  }
}

async function waypointClient(site: ControlSite, i: number): Promise<ControlClient> {
  const namespace = `team-${i}`;
  const { name = '' } = pod(namespace, 'wp', 0xff_ff00 + i).metadata ?? {};
  const client = new ControlClient({
    site,
    nodeId: `waypoint~10.96.255.1~${name}.${namespace}~${namespace}.svc.cluster.local`,
    token: await site.token(namespace, 'wp'),
    typeUrls: [CLUSTER_TYPE_URL, ENDPOINT_TYPE_URL, LISTENER_TYPE_URL],
  });
  await client.start();
  await site.until('a waypoint served', () => (client.resources.get(LISTENER_TYPE_URL) ?? 0) > 0);
  return client;
}

/** Every other one in a namespace with a waypoint, so that both kinds of proxies have something to be told. */
async function replacePods(
  site: ControlSite,
  { services, podsPerService, seconds, waypoints }: ChurnSizes,
  arrivals: Map<string, (atMs: number) => void>,
  delays: number[],
): Promise<void> {
  const startMs = performance.now();
  for (let second = 0; second < seconds; second++) {
    const attached = waypoints * SERVICES_PER_NAMESPACE;
    const n = second % 2 === 0 && attached > 0 ? second % attached : attached + (second % (services - attached));
    const namespace = namespaceOf(n);
    const old = n * podsPerService;
    site.remove('pods', namespace, `app-${n}-${old}`);
    const fresh = services * podsPerService + second;
    const uid = `Kubernetes//Pod/${namespace}/app-${n}-${fresh}`;
    const putMs = performance.now();
    arrivals.set(uid, (atMs) => {
      arrivals.delete(uid);
      delays.push(atMs - putMs);
    });
    site.put('pods', pod(namespace, `app-${n}`, fresh));
    await pause(startMs + (second + 1) * 1000 - performance.now());
  }
}

async function measure(
  site: ControlSite,
  seconds: number,
  work: () => Promise<void>,
): Promise<{ readonly cores: number; readonly rssMiB: number }> {
  const before = cpuSeconds([site.pid]);
  await work();
  return { cores: (cpuSeconds([site.pid]) - before) / seconds, rssMiB: residentMiB([site.pid]) };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
const sum = (values: ReadonlyMap<string, number>): number => [...values.values()].reduce((all, one) => all + one, 0);
