import { EDGE } from '../testing/gateway/gateway-rig.js';
import { useGateway } from '../testing/gateway/use-gateway.js';
import { object, SHOP } from '../testing/proxy/mesh-objects.js';

const { rig, routed, expectAnswers } = useGateway();

const GATEWAY = [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: EDGE }];
const adding = (name: string, spec: object) =>
  object({
    apiVersion: 'extensions.istio.io/v1alpha1',
    kind: 'TrafficExtension',
    metadata: { name, namespace: SHOP },
    spec: {
      lua: { inlineCode: `function envoy_on_request(handle) handle:headers():add("x-lua", "${name}") end` },
      ...spec,
    },
  });

describe('extensions at gateways at the edge', () => {
  it('are attached by reference, or by the labels of their pods; mode SERVER and other ports are not for them', async () => {
    const labels = (name: string) => ({ matchLabels: { 'gateway.networking.k8s.io/gateway-name': name } });
    await rig().apply(
      adding('a', { targetRefs: GATEWAY, phase: 'AUTHN', match: [{ mode: 'CLIENT' }] }),
      adding('b', { selector: labels(EDGE), match: [{ ports: [{ number: 80 }] }] }),
      adding('c', { targetRefs: GATEWAY, match: [{ mode: 'SERVER' }] }),
      adding('d', { targetRefs: GATEWAY, match: [{ ports: [{ number: 8080 }] }] }),
      adding('e', { selector: labels('other') }),
      adding('f', { priority: -1 }),
    );
    const host = await routed([{ backendRefs: [{ name: 'echo-v1', port: 80 }] }]);
    await expectAnswers(host, [['/', { server: 'v1', seen: { 'x-lua': 'a,b,f' } }]]);
  });
});

const TYPE = 'type.googleapis.com/envoy.extensions.filters';
const envoyFilter = (name: string, configPatches: readonly object[], more: object = { targetRefs: GATEWAY }) =>
  object({
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    metadata: { name, namespace: SHOP },
    spec: { ...more, configPatches },
  });
const script = (value: string, context: string, match: object = {}) => ({
  applyTo: 'HTTP_FILTER',
  match: { context, ...match },
  patch: {
    operation: 'ADD',
    value: {
      name: value,
      typed_config: {
        '@type': `${TYPE}.http.lua.v3.Lua`,
        default_source_code: {
          inline_string: `function envoy_on_request(handle) handle:headers():add("x-patch", "${value}") end`,
        },
      },
    },
  },
});

describe('EnvoyFilters at gateways at the edge', () => {
  it('patch filters of the context GATEWAY, by port and selector; others are for waypoints', async () => {
    const selects = (name: string) => ({
      workloadSelector: { labels: { 'gateway.networking.k8s.io/gateway-name': name } },
    });
    await rig().apply(
      envoyFilter('filters', [
        script('gateway', 'GATEWAY'),
        script('any', 'ANY', { listener: { portNumber: 80 } }),
        script('port', 'GATEWAY', { listener: { portNumber: 81 } }),
        script('inbound', 'SIDECAR_INBOUND'),
      ]),
      envoyFilter('selected', [script('selected', 'GATEWAY')], selects(EDGE)),
      envoyFilter('other', [script('other', 'GATEWAY')], selects('other')),
    );
    const host = await routed([{ backendRefs: [{ name: 'echo-v1', port: 80 }] }]);
    await expectAnswers(host, [['/', { server: 'v1', seen: { 'x-patch': 'gateway,any,selected' } }]]);
  });

  it('patch routes, clusters and listeners', async () => {
    const host = await routed([{ backendRefs: [{ name: 'echo-v1', port: 80 }] }]);
    const patch = (applyTo: string, match: object, operation: string, value: object) => ({
      applyTo,
      match: { context: 'GATEWAY', ...match },
      patch: { operation, value },
    });
    const route = { name: 'teapot', match: { prefix: '/teapot' }, direct_response: { status: 418 } };
    const service = { cluster: { service: `echo-v1.${SHOP}.svc.cluster.local`, portNumber: 80 } };
    await rig().apply(
      envoyFilter('more', [
        patch('HTTP_ROUTE', { routeConfiguration: { vhost: { domainName: host } } }, 'INSERT_FIRST', route),
        patch('CLUSTER', service, 'MERGE', { alt_stat_name: 'patched' }),
        patch('LISTENER', { listener: { portNumber: 80 } }, 'MERGE', { stat_prefix: 'patched' }),
      ]),
    );
    await expectAnswers(host, [
      ['/teapot', 418],
      ['/', 'v1'],
    ]);
    const stats = async () => rig().envoy.admin('/stats?filter=patched');
    await rig().settles(async () => /^cluster\.patched\.upstream_rq_200: [1-9]/m.test(await stats()), true);
    expect(await stats()).toMatch(/^listener\.patched\.downstream_cx_total: [1-9]/m);
  });

  it('attach external processing, which refuses requests while nobody can be asked', async () => {
    const host = await routed([{ backendRefs: [{ name: 'echo-v1', port: 80 }] }]);
    const processing = (open: boolean) =>
      envoyFilter('processing', [
        {
          applyTo: 'CLUSTER',
          match: { context: 'GATEWAY' },
          patch: {
            operation: 'ADD',
            value: { name: 'processor', type: 'STATIC', load_assignment: { cluster_name: 'processor' } },
          },
        },
        {
          applyTo: 'HTTP_FILTER',
          match: { context: 'GATEWAY' },
          patch: {
            operation: 'ADD',
            value: {
              name: 'envoy.filters.http.ext_proc',
              typed_config: {
                '@type': `${TYPE}.http.ext_proc.v3.ExternalProcessor`,
                grpc_service: { envoy_grpc: { cluster_name: 'processor' } },
                failure_mode_allow: open,
              },
            },
          },
        },
      ]);
    await rig().apply(processing(false));
    await expectAnswers(host, [['/', 500]]);
    await rig().apply(processing(true));
    await expectAnswers(host, [['/', 'v1']]);
  });
});
