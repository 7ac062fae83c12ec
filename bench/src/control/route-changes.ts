import type { IncomingHttpHeaders } from 'node:http';
import { HTTP_ROUTES } from '@weft/mesh-api';
import type { KubeObject, ResourceType } from '@weft/kube';
import { cpuSeconds, residentMiB } from '../l4/cpu-meter.js';
import { controlRow, quantile, type ControlRow } from './control-row.js';
import type { ControlSite } from './control-site.js';
import { plainServer, RouteProxy } from './route-proxy.js';
import { NAMESPACE, podsOf, type RouteShape } from './route-shape.js';

export interface RouteSizes {
  /** On one Gateway. */
  readonly routes: number;
  readonly changes: number;
  /** Made at once, and timed until each has its status. */
  readonly attached: number;
}

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
  shape: RouteShape,
  { routes, changes, attached }: RouteSizes,
  note: (text: string) => void,
): Promise<ControlRow[]> {
  const server = await plainServer();
  fill(site, shape, server.port, routes);
  note(`${shape.load}: starting the control plane on ${routes} routes`);
  await site.run();
  const { gateway, proxyType, entry } = shape;
  const token = await site.token(NAMESPACE, gateway);
  const nodeId = `${proxyType}~10.96.255.1~${gateway}-1.${NAMESPACE}~${NAMESPACE}.svc.cluster.local`;
  const proxy = await RouteProxy.start({ root, site, nodeId, token, entry });
  try {
    await site.until('routed', async () => isRouted(await proxy.ask(shape.request('old-0')), 'old-0'));
    note('waiting until all have their status');
    await site.until('attached', () => haveStatus(site, 'old-', routes), { pollMs: 500 });
    note(`${changes} routes come, one at a time`);
    const rows = [await oneByOne(site, shape, proxy, changes)];
    note(`${attached} routes come at once`);
    return [...rows, await atOnce(site, shape, proxy, attached)];
  } finally {
    await proxy.stop();
    server.close();
  }
}

function fill(site: ControlSite, shape: RouteShape, serverPort: number, routes: number): void {
  const labels = { 'istio.io/dataplane-mode': 'ambient' };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, uid: 'shop', labels } };
  site.put('namespaces', namespace);
  for (const pod of podsOf(shape.gateway)) site.put('pods', pod);
  for (const { bucket, object } of shape.objects(serverPort)) site.put(bucket, object);
  for (let n = 0; n < routes; n++) site.put(BUCKET, shape.route(`old-${n}`, n));
}

const isRouted = ({ headers }: { readonly headers: IncomingHttpHeaders }, name: string): boolean =>
  headers['x-route'] === name;

/** Whether so many routes of this prefix have a status of some parent. */
async function haveStatus(site: ControlSite, prefix: string, count: number): Promise<boolean> {
  const routes = await site.kube.list(ROUTES, { namespace: NAMESPACE });
  const done = routes.filter(
    ({ metadata, status }) => metadata?.name?.startsWith(prefix) === true && (status?.parents?.length ?? 0) > 0,
  );
  return done.length === count;
}

async function oneByOne(site: ControlSite, shape: RouteShape, proxy: RouteProxy, changes: number): Promise<ControlRow> {
  const delays: number[] = [];
  let errors = 0;
  const [controlBefore, envoyBefore] = [cpuSeconds([site.pid]), cpuSeconds([proxy.pid])];
  const bytesBefore = (await site.byType('weft_xds_push_bytes_total')).get('RouteConfiguration') ?? 0;
  for (let n = 0; n < changes; n++) {
    const name = `new-${n}`;
    const putMs = performance.now();
    site.put(BUCKET, shape.route(name, 10_000_000 + n));
    let routed = false;
    while (!routed && performance.now() - putMs < ROUTED_DEADLINE_MS)
      routed = isRouted(await proxy.ask(shape.request(name)), name) || (await pause());
    if (routed) delays.push(performance.now() - putMs);
    else errors++;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const bytes = ((await site.byType('weft_xds_push_bytes_total')).get('RouteConfiguration') ?? 0) - bytesBefore;
  return controlRow(
    shape.load,
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

async function atOnce(site: ControlSite, shape: RouteShape, proxy: RouteProxy, attached: number): Promise<ControlRow> {
  const startedMs = performance.now();
  const cpuBefore = cpuSeconds([site.pid]);
  for (let n = 0; n < attached; n++) site.put(BUCKET, shape.route(`batch-${n}`, 20_000_000 + n));
  const last = `batch-${attached - 1}`;
  await site.until('routed', async () => isRouted(await proxy.ask(shape.request(last)), last), {
    deadlineMs: STATUS_DEADLINE_MS,
  });
  const routedSeconds = (performance.now() - startedMs) / 1000;
  await site.until('all attached', () => haveStatus(site, 'batch-', attached), { deadlineMs: STATUS_DEADLINE_MS });
  const seconds = (performance.now() - startedMs) / 1000;
  const cpu = cpuSeconds([site.pid]) - cpuBefore;
  return controlRow(shape.load.replace('change', 'attach'), {
    routes: attached,
    seconds,
    routedSeconds,
    controlCpuSeconds: cpu,
  });
}
