import { HTTP_ROUTES } from '@weft/mesh-api';
import type { KubeObject, ResourceType } from '@weft/kube';
import { cpuSeconds, residentMiB } from '../l4/cpu-meter.js';
import { controlRow, quantile, type ControlRow } from './control-row.js';
import type { ControlSite } from './control-site.js';
import { gateway, httpRoute, pod } from './mesh-objects.js';
import { plainServer, RouteProxy } from './route-proxy.js';

export interface RouteSizes {
  /** Of one service behind one Gateway. */
  readonly routes: number;
  readonly changes: number;
  /** Made at once, and timed until each has its status. */
  readonly attached: number;
}

const NAMESPACE = 'shop';
const BUCKET = 'httproutes.gateway.networking.k8s.io';
const ROUTES: ResourceType<RouteObject> = HTTP_ROUTES;
const ROUTED_DEADLINE_MS = 10_000;
const STATUS_DEADLINE_MS = 60_000;

interface RouteObject extends KubeObject {
  status?: { parents?: readonly unknown[] };
}

/** A Gateway with thousands of routes: how soon a new one takes requests in a real Envoy, and how soon a thousand are attached. */
export async function routeChanges(
  site: ControlSite,
  root: string,
  { routes, changes, attached }: RouteSizes,
  note: (text: string) => void,
): Promise<ControlRow[]> {
  const server = await plainServer();
  fill(site, server.port, routes);
  note(`starting the control plane on ${routes} routes`);
  await site.run();
  const token = await site.token(NAMESPACE, 'wp');
  const nodeId = `waypoint~10.96.255.1~wp-1.${NAMESPACE}~${NAMESPACE}.svc.cluster.local`;
  const host = `web.${NAMESPACE}.svc.cluster.local`;
  const proxy = await RouteProxy.start({ root, site, nodeId, token, routes: `inbound-vip|80|http|${host}` });
  try {
    await site.until('routed', async () => (await proxy.ask(`/old-${routes - 1}`)).headers['x-route'] !== undefined);
    note(`${changes} routes come, one at a time`);
    const rows = [await oneByOne(site, proxy, changes)];
    note(`${attached} routes come at once`);
    return [...rows, await atOnce(site, proxy, attached)];
  } finally {
    await proxy.stop();
    server.close();
  }
}

function fill(site: ControlSite, port: number, routes: number): void {
  const labels = { 'istio.io/dataplane-mode': 'ambient' };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, uid: 'shop', labels } };
  site.put('namespaces', namespace);
  site.put('gateways.gateway.networking.k8s.io', gateway(NAMESPACE, 'wp'));
  const wp = pod(NAMESPACE, 'wp', 1);
  site.put('pods', {
    ...wp,
    metadata: { ...wp.metadata, labels: { 'gateway.networking.k8s.io/gateway-name': 'wp' } },
  });
  // Not enrolled, so that Envoy goes to it without a tunnel.
  const web = pod(NAMESPACE, 'web', 2);
  site.put('pods', {
    ...web,
    metadata: { namespace: NAMESPACE, name: 'web-2', uid: 'web-2', labels: { app: 'web' } },
    status: { ...(web as { status?: object }).status, podIP: '127.0.0.1', podIPs: [{ ip: '127.0.0.1' }] },
  } as KubeObject);
  site.put('services', {
    ...{ apiVersion: 'v1', kind: 'Service' },
    metadata: { namespace: NAMESPACE, name: 'web', uid: 'web', labels: { 'istio.io/use-waypoint': 'wp' } },
    spec: {
      ...{ selector: { app: 'web' }, clusterIP: '10.96.0.2' },
      ports: [{ name: 'http', port: 80, targetPort: port, protocol: 'TCP' }],
    },
  } as KubeObject);
  for (let n = 0; n < routes; n++) site.put(BUCKET, stored(`old-${n}`, n));
}

/** As the API server would have stored it. */
function stored(name: string, n: number): KubeObject {
  const route = httpRoute(NAMESPACE, name, `/${name}`, 'web');
  const creationTimestamp = new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString();
  return { ...route, metadata: { ...route.metadata, uid: `route-${name}`, generation: 1, creationTimestamp } };
}

async function oneByOne(site: ControlSite, proxy: RouteProxy, changes: number): Promise<ControlRow> {
  const delays: number[] = [];
  let errors = 0;
  const [controlBefore, envoyBefore] = [cpuSeconds([site.pid]), cpuSeconds([proxy.pid])];
  const bytesBefore = (await site.byType('weft_xds_push_bytes_total')).get('RouteConfiguration') ?? 0;
  for (let n = 0; n < changes; n++) {
    const name = `new-${n}`;
    const putMs = performance.now();
    site.put(BUCKET, stored(name, 10_000_000 + n));
    let routed = false;
    while (!routed && performance.now() - putMs < ROUTED_DEADLINE_MS)
      routed = (await proxy.ask(`/${name}`)).headers['x-route'] === name || (await pause());
    if (routed) delays.push(performance.now() - putMs);
    else errors++;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const bytes = ((await site.byType('weft_xds_push_bytes_total')).get('RouteConfiguration') ?? 0) - bytesBefore;
  return controlRow(
    'route-change',
    {
      ...{ p50Ms: quantile(delays, 0.5), p99Ms: quantile(delays, 0.99) },
      controlCpuMsPerChange: ((cpuSeconds([site.pid]) - controlBefore) * 1000) / changes,
      envoyCpuMsPerChange: ((cpuSeconds([proxy.pid]) - envoyBefore) * 1000) / changes,
      ...{ bytesPerChange: bytes / changes, rssMiB: residentMiB([site.pid]) },
    },
    errors,
  );
}

/** So long, so that asking is not what keeps Envoy busy. */
const POLL_MS = 1;
const pause = (): Promise<false> => new Promise((resolve) => setTimeout(() => resolve(false), POLL_MS));

async function atOnce(site: ControlSite, proxy: RouteProxy, attached: number): Promise<ControlRow> {
  const startedMs = performance.now();
  const cpuBefore = cpuSeconds([site.pid]);
  for (let n = 0; n < attached; n++) site.put(BUCKET, stored(`batch-${n}`, 20_000_000 + n));
  const last = `batch-${attached - 1}`;
  await site.until('routed', async () => (await proxy.ask(`/${last}`)).headers['x-route'] === last, STATUS_DEADLINE_MS);
  const routedSeconds = (performance.now() - startedMs) / 1000;
  const isDone = async (): Promise<boolean> =>
    (await site.kube.list(ROUTES, { namespace: NAMESPACE })).filter(
      ({ metadata, status }) => metadata?.name?.startsWith('batch-') === true && (status?.parents?.length ?? 0) > 0,
    ).length === attached;
  await site.until('all attached', isDone, STATUS_DEADLINE_MS);
  const seconds = (performance.now() - startedMs) / 1000;
  const cpu = cpuSeconds([site.pid]) - cpuBefore;
  return controlRow('route-attach', { routes: attached, seconds, routedSeconds, controlCpuSeconds: cpu });
}
