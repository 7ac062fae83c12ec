import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EDGE, ingressGateway, WEB_PORT, webListener } from '../testing/gateway/gateway-rig.js';
import { EDGE_PARENT, useGateway } from '../testing/gateway/use-gateway.js';
import { meshConfig, namespace, object, route, SHOP } from '../testing/proxy/mesh-objects.js';
import { readStream } from '../testing/proxy/read-stream.js';

const { rig, routed, newHost } = useGateway();

const TCP_PORT = 9000;
const folder = mkdtempSync(join(tmpdir(), 'weft-gateway-logs-'));
const LOG = join(folder, 'access.log');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const telemetry = (name: string, ns: string, spec: object) =>
  object({ apiVersion: 'telemetry.istio.io/v1', kind: 'Telemetry', metadata: { name, namespace: ns }, spec });
const AT_EDGE = { targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: EDGE }] };

type Labels = Readonly<Record<string, string>>;

/** Counts of a metric by its labels, as the proxy itself writes them: what is not known is "-" or nothing. */
async function counted(metric: string): Promise<readonly { readonly labels: Labels; readonly value: number }[]> {
  const page = await rig().envoy.admin('/stats/prometheus');
  return page.split('\n').flatMap((line) => {
    const [, name, list = '', value] = /^envoy_(\w+)\{(.*)\} (\S+)$/.exec(line) ?? [];
    if (name !== metric) return [];
    const labels = Object.fromEntries(
      [...list.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', text = '']) => [key, text]),
    );
    return [{ labels, value: Number(value) }];
  });
}

const SOURCE: Labels = {
  reporter: 'source',
  source_workload: `${EDGE}-1`,
  source_workload_namespace: SHOP,
  source_principal: `spiffe://cluster.local/ns/${SHOP}/sa/${EDGE}`,
  source_cluster: 'Kubernetes',
  connection_security_policy: 'unknown',
};
const DESTINATION: Labels = {
  destination_workload: 'v1',
  destination_workload_namespace: SHOP,
  destination_principal: `spiffe://cluster.local/ns/${SHOP}/sa/echo`,
  destination_service: `echo-v1.${SHOP}.svc.cluster.local`,
  destination_service_name: 'echo-v1',
  destination_service_namespace: SHOP,
};
const TO_V1 = [{ backendRefs: [{ name: 'echo-v1', port: 80 }] }];

describe('standard metrics of a gateway', () => {
  it('istio_requests_total: who sent it is the gateway, who served it is the service and pod that the route chose', async () => {
    const host = await routed(TO_V1);
    const look = async () => (await rig().ask({ host, path: '/status/418' })).status;
    await rig().settles(look, 418);
    await rig().settles(async () => {
      const found = (await counted('istio_requests_total')).filter(({ labels }) => labels['response_code'] === '418');
      return found.map(({ labels }) => Object.fromEntries(Object.keys(WANTED).map((key) => [key, labels[key]])));
    }, [WANTED]);
  });
  const WANTED: Labels = { ...SOURCE, ...DESTINATION, request_protocol: 'http', response_code: '418' };

  it('request_protocol is that of the port: grpc for gRPC', async () => {
    const host = await routed([{ backendRefs: [{ name: 'echo-v1', port: 7070 }] }], 'GRPCRoute');
    await rig().settles(async () => {
      await rig().call(host, '/echo.Echo/Say');
      return (await counted('istio_requests_total')).some(
        ({ labels }) => labels['request_protocol'] === 'grpc' && labels['destination_workload'] === 'v1',
      );
    }, true);
  });

  it('istio_tcp_connections_closed_total for connections', async () => {
    await rig().apply(
      ingressGateway(EDGE, [
        webListener('web', WEB_PORT),
        { name: 'tcp', port: TCP_PORT, protocol: 'TCP', allowedRoutes: { namespaces: { from: 'All' } } },
      ]),
      route('TCPRoute', 'metered', EDGE_PARENT, { rules: [{ backendRefs: [{ name: 'echo-v1', port: TCP_PORT }] }] }),
    );
    await rig().settles(() => readStream({ host: rig().address, port: TCP_PORT }), 'v1');
    const wanted: Labels = { ...SOURCE, ...DESTINATION, request_protocol: 'tcp' };
    await rig().settles(async () => {
      const [found] = (await counted('istio_tcp_connections_closed_total')).filter(
        ({ labels }) => labels['destination_workload'] === 'v1',
      );
      return Object.fromEntries(Object.keys(wanted).map((key) => [key, found?.labels[key]]));
    }, wanted);
  });

  it('a Telemetry for the Gateway switches a metric off, one for the side of the server does not', async () => {
    const host = await routed([{ backendRefs: [{ name: 'echo-v2', port: 80 }] }]);
    const off = (mode: string) =>
      telemetry('metrics', SHOP, {
        ...AT_EDGE,
        metrics: [
          {
            providers: [{ name: 'prometheus' }],
            overrides: [{ match: { metric: 'ALL_METRICS', mode }, disabled: true }],
          },
        ],
      });
    const grows = async (): Promise<boolean> => {
      const sum = async () => (await counted('istio_requests_total')).reduce((total, { value }) => total + value, 0);
      const before = await sum();
      await rig().ask({ host });
      return (await sum()) > before;
    };
    await rig().apply(off('SERVER'));
    await rig().settles(grows, true);
    await rig().apply(off('CLIENT'));
    await rig().settles(grows, false);
    await rig().remove(off('CLIENT'));
    await rig().settles(grows, true);
  });
});

describe('Telemetry at a gateway', () => {
  beforeAll(() =>
    rig().apply(
      namespace('istio-system'),
      meshConfig({
        extensionProviders: [
          { name: 'file', envoyFileAccessLog: { path: LOG, logFormat: { text: '%REQ(:PATH)% %RESPONSE_CODE%\n' } } },
          { name: 'spans', zipkin: { service: `${SHOP}/echo-v3.${SHOP}.svc.cluster.local`, port: 80, path: '/spans' } },
        ],
      }),
    ),
  );

  it('writes an access log, of what the filter takes', async () => {
    const host = await routed(TO_V1);
    await rig().settles(async () => (await rig().ask({ host })).server, 'v1');
    const filter = { expression: 'response.code >= 400' };
    await rig().apply(
      telemetry('edge', SHOP, { ...AT_EDGE, accessLogging: [{ providers: [{ name: 'file' }], filter }] }),
    );
    await rig().settles(async () => {
      await rig().ask({ host, path: '/fine' });
      await rig().ask({ host, path: '/status/404' });
      return [...new Set(readFileSync(LOG, 'utf8').trim().split('\n'))];
    }, ['/status/404 404']);
  });

  it('sends spans', async () => {
    const host = await routed(TO_V1);
    await rig().apply(
      telemetry('edge', SHOP, {
        ...AT_EDGE,
        tracing: [{ providers: [{ name: 'spans' }], randomSamplingPercentage: 100 }],
      }),
    );
    await rig().settles(async () => {
      const { echo } = await rig().ask({ host });
      return [
        echo.headers?.['x-b3-traceid'] !== undefined,
        rig()
          .pod('v3')
          .requests.some(({ path, method }) => path === '/spans' && method === 'POST'),
      ];
    }, [true, true]);
  });

  it('of the mesh counts for gateways, too', async () => {
    const host = newHost();
    await rig().apply(
      telemetry('mesh', 'istio-system', { accessLogging: [{ providers: [{ name: 'file' }] }] }),
      telemetry('edge', SHOP, { ...AT_EDGE, accessLogging: [{ match: { mode: 'SERVER' }, disabled: true }] }),
    );
    await rig().settles(async () => {
      await rig().ask({ host, path: '/nobody' });
      return readFileSync(LOG, 'utf8').includes('/nobody 404');
    }, true);
  });
});
