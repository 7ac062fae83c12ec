import { until } from '@weft/testing-fixtures';
import { attached, HOST, WEB } from '../testing/custom-mesh.js';
import { loadMesh } from '../testing/load-mesh.js';
import { useWebServer } from '../testing/web-server.js';
import { WaypointEnvoy } from '../testing/waypoint-envoy.js';

const OTHER = '10.96.0.9';
const OTHER_HOST = 'other.shop.svc.cluster.local';

const tag = (name: string, value: string): object => ({
  metrics: [{ overrides: [{ match: { metric: 'REQUEST_COUNT' }, tagOverrides: { [name]: { value: `'${value}'` } } }] }],
});
let made = 0;
const telemetry = (namespace: string, spec: object, targetRefs: readonly object[] = []): object => ({
  kind: 'Telemetry',
  metadata: {
    name: `t${++made}`,
    namespace,
    // Each younger than the one before.
    creationTimestamp: `2026-01-01T00:00:${String(made).padStart(2, '0')}Z`,
  },
  spec: { ...spec, ...(targetRefs.length === 0 ? {} : { targetRefs }) },
});
const GATEWAY = [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'wp' }];
const CLASS = [{ group: 'gateway.networking.k8s.io', kind: 'GatewayClass', name: 'istio-waypoint' }];
const SERVICE = [{ group: '', kind: 'Service', name: 'web' }];

describe('the scopes of Telemetries, by a real Envoy', () => {
  const webPort = useWebServer((_request, response) => response.end('hello'));
  let envoy: WaypointEnvoy | undefined;

  afterEach(async () => {
    await envoy?.stop();
    envoy = undefined;
  });

  /** The tag `scope` of requests to the two services. */
  async function scopes(telemetries: readonly object[]): Promise<{ web?: string; other?: string; more?: string }> {
    const port = webPort();
    const other = {
      kind: 'Service',
      metadata: { name: 'other', namespace: 'shop' },
      spec: { clusterIP: OTHER, ports: [{ name: 'http', port: 80 }] },
    };
    envoy = await WaypointEnvoy.start(loadMesh([...attached(), other, ...telemetries]), {
      [`${HOST}:80`]: port,
      [`${OTHER_HOST}:80`]: port,
    });
    await envoy.ask({ address: WEB });
    await envoy.ask({ address: OTHER });
    let lines: readonly string[] = [];
    await until(
      async () => {
        const page = await envoy!.envoy.admin('/stats/prometheus');
        lines = page.split('\n').filter((line) => line.startsWith('envoy_istio_requests_total{'));
        return lines.length === 2;
      },
      'both are counted',
      15_000,
    );
    const of = (service: string, label: string) =>
      new RegExp(`\\b${label}="([^"]*)"`).exec(lines.find((line) => line.includes(`service_name="${service}"`))!)?.[1];
    const found = { web: of('web', 'scope'), other: of('other', 'scope'), more: of('web', 'more') };
    return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
  }

  const ROOT = telemetry('istio-system', tag('scope', 'root'));
  const NAMESPACE = telemetry('shop', tag('scope', 'namespace'));
  const OF_CLASS = telemetry('istio-system', tag('scope', 'class'), CLASS);
  const OF_GATEWAY = telemetry('shop', tag('scope', 'gateway'), GATEWAY);
  const OF_SERVICE = telemetry('shop', tag('scope', 'service'), SERVICE);

  it.each<[string, readonly object[], object]>([
    ['the root namespace is the whole mesh', [ROOT], { web: 'root', other: 'root' }],
    ['a namespace wins over the mesh', [NAMESPACE, ROOT], { web: 'namespace', other: 'namespace' }],
    ['another namespace is not asked', [telemetry('other', tag('scope', 'x')), ROOT], { web: 'root', other: 'root' }],
    ['the class wins over the namespace', [OF_CLASS, NAMESPACE, ROOT], { web: 'class', other: 'class' }],
    ['the Gateway wins over its class', [OF_GATEWAY, OF_CLASS, NAMESPACE], { web: 'gateway', other: 'gateway' }],
    ['the Service wins over the Gateway, and is alone', [OF_SERVICE, OF_GATEWAY], { web: 'service', other: 'gateway' }],
    [
      'a Service of another namespace is not meant',
      [telemetry('other', tag('scope', 'x'), SERVICE), NAMESPACE],
      { web: 'namespace', other: 'namespace' },
    ],
    [
      'of two in one scope the older counts',
      [ROOT, telemetry('istio-system', tag('scope', 'x'))],
      { web: 'root', other: 'root' },
    ],
    [
      'a narrower one adds to what it does not change',
      [telemetry('shop', tag('more', 'yes'), SERVICE), ROOT],
      { web: 'root', other: 'root', more: 'yes' },
    ],
    [
      'a selector names no waypoint',
      [telemetry('shop', { ...tag('scope', 'x'), selector: { matchLabels: { app: 'web' } } }), ROOT],
      { web: 'root', other: 'root' },
    ],
  ])('%s', async (_, telemetries, expected) => {
    expect(await scopes(telemetries)).toEqual(expected);
  });
});
