import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gateway, object, pod, SHOP, WAYPOINT } from '../testing/proxy/mesh-objects.js';
import { useWaypoint } from '../testing/waypoint/use-waypoint.js';

const { rig } = useWaypoint();

const folder = mkdtempSync(join(tmpdir(), 'weft-workload-logs-'));
const LOG = join(folder, 'access.log');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A Gateway for workloads, too. */
const forAll = () => {
  const one = gateway();
  return { ...one, metadata: { ...one.metadata, labels: { 'istio.io/waypoint-for': 'all' } } };
};

describe('traffic that is addressed to workloads', () => {
  it('is counted and logged at their waypoint, which knows the client, and of the server no more than its address', async () => {
    const address = `${rig().podAddress('v1')}:8080`;
    await rig().apply(
      forAll(),
      pod('v1', rig().podAddress('v1')),
      object({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'istio', namespace: 'istio-system' },
        data: {
          mesh: JSON.stringify({
            extensionProviders: [
              {
                name: 'file',
                envoyFileAccessLog: { path: LOG, logFormat: { text: '%REQ(:PATH)% %RESPONSE_CODE%\n' } },
              },
            ],
          }),
        },
      }),
      object({
        apiVersion: 'telemetry.istio.io/v1',
        kind: 'Telemetry',
        metadata: { name: 'logs', namespace: SHOP },
        spec: {
          targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: WAYPOINT }],
          accessLogging: [{ providers: [{ name: 'file' }] }],
        },
      }),
    );
    await rig().settles(
      async () => {
        // Nobody takes tunnels at the pod: the answer is the waypoint's own.
        const { status } = await rig().ask(address, { path: '/direct' });
        const page = await rig().envoy.admin('/stats/prometheus');
        const [line = ''] = page.split('\n').filter((one) => /^envoy_istio_requests_total\{.*"503"/.test(one));
        const label = (name: string): string | undefined => new RegExp(`[{,]${name}="([^"]*)"`).exec(line)?.[1];
        return {
          status,
          reporter: label('reporter'),
          protocol: label('request_protocol'),
          client: label('source_principal'),
          service: label('destination_service'),
          logged: readFileSync(LOG, 'utf8').includes('/direct 503'),
        };
      },
      {
        status: 503,
        reporter: 'waypoint',
        protocol: 'http',
        client: 'spiffe://cluster.local/ns/shop/sa/client',
        service: '-',
        logged: true,
      },
    );
  });
});
