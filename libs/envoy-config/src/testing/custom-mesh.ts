/** The address and host of the service. */
export const WEB = '10.96.0.1';
export const HOST = 'web.shop.svc.cluster.local';

const provider = (port: number, more: object = {}) => ({
  service: 'authz.shop.svc.cluster.local',
  port,
  timeout: '2s',
  ...more,
});

const PROVIDERS = [
  {
    name: 'good',
    envoyExtAuthzHttp: provider(8000, {
      pathPrefix: '/check',
      includeRequestHeadersInCheck: ['X-Pass'],
      includeAdditionalHeadersInCheck: { 'x-mesh': 'shop' },
      headersToUpstreamOnAllow: ['x-user'],
      headersToDownstreamOnDeny: ['x-reason'],
    }),
  },
  { name: 'down', envoyExtAuthzHttp: provider(8001, { statusOnError: '503' }) },
  { name: 'open', envoyExtAuthzHttp: provider(8001, { failOpen: true }) },
  { name: 'nowhere', envoyExtAuthzGrpc: { service: 'nowhere.shop.svc.cluster.local', port: 9000 } },
];

const policy = (name: string, asked: string, paths: readonly string[]) => ({
  kind: 'AuthorizationPolicy',
  metadata: { name, namespace: 'shop' },
  spec: {
    targetRefs: [{ group: '', kind: 'Service', name: 'web' }],
    action: 'CUSTOM',
    provider: { name: asked },
    rules: [{ to: [{ operation: { paths } }] }],
  },
});

/** A service behind a waypoint. */
export const attached = (ports: readonly object[] = [{ name: 'http', port: 80 }]): readonly object[] => [
  { kind: 'Namespace', metadata: { name: 'shop', labels: { 'istio.io/use-waypoint': 'wp' } } },
  {
    kind: 'Gateway',
    metadata: { name: 'wp', namespace: 'shop' },
    spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }] },
    status: { addresses: [{ type: 'Hostname', value: 'wp.shop.svc.cluster.local' }] },
  },
  { kind: 'Service', metadata: { name: 'web', namespace: 'shop' }, spec: { clusterIP: WEB, ports } },
];

/** Asked about `/ask`, and other paths by other providers that cannot answer. */
export const customMesh = (): readonly object[] => [
  ...attached(),
  {
    kind: 'ConfigMap',
    metadata: { name: 'istio', namespace: 'istio-system' },
    data: { mesh: JSON.stringify({ extensionProviders: PROVIDERS }) },
  },
  {
    kind: 'Service',
    metadata: { name: 'authz', namespace: 'shop', labels: { 'istio.io/use-waypoint': 'none' } },
    spec: {
      clusterIP: '10.96.0.2',
      ports: [
        { name: 'http', port: 8000 },
        { name: 'http-down', port: 8001 },
      ],
    },
  },
  policy('good', 'good', ['/ask*', '/both']),
  policy('down', 'down', ['/down']),
  policy('open', 'open', ['/open']),
  policy('missing', 'missing', ['/missing']),
  policy('nowhere', 'nowhere', ['/nowhere', '/both']),
];
