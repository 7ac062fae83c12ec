import { HTTP_PORT } from '../testing/proxy/echo-pod.js';
import { istio, object, route, service, SHOP } from '../testing/proxy/mesh-objects.js';
import { useWaypoint } from '../testing/waypoint/use-waypoint.js';

const { rig, frontend, routed, expectAnswers } = useWaypoint();
const v1 = [{ destination: { host: 'echo-v1', port: { number: 80 } } }];
const v2 = [{ destination: { host: 'echo-v2', port: { number: 80 } } }];
const virtualService = (name: string, http: readonly object[]) =>
  istio('VirtualService', name, { hosts: [name], http });

describe('bad input', () => {
  it('what Envoy rejects leaves the last good configuration in use, and is told: page, metric, event', async () => {
    const { name, ip } = frontend();
    const policy = (trafficPolicy: object) => istio('DestinationRule', name, { host: name, trafficPolicy });
    const good = policy({ loadBalancer: { simple: 'ROUND_ROBIN' } });
    await rig().apply(service(name, ip, 'v1'), good);
    await expectAnswers(`${ip}:80`, [['/', 'v1']]);
    await rig().apply(policy({ tls: { mode: 'SIMPLE', caCertificates: '/nowhere/ca.pem' } }));
    await rig().settles(async () => (await rig().page('/debug/nackz')).includes('/nowhere/ca.pem'), true);
    expect(await rig().page('/metrics')).toMatch(/^pilot_total_xds_rejects\{type="\w+"\} [1-9]/m);
    const events = async () => JSON.stringify(await rig().events());
    await rig().settles(async () => /ConfigRejected.*nowhere/.test(await events()), true);
    await expectAnswers(`${ip}:80`, [['/', 'v1']]);
    // Other changes go on, and so does this service once it is right.
    await expectAnswers(await routed([{ backendRefs: [{ name: 'echo-v2', port: 80 }] }]), [['/', 'v2']]);
    await rig().apply(policy({ connectionPool: { tcp: { connectTimeout: '7s' } } }));
    const clusters = () => rig().envoy.admin('/config_dump?resource=dynamic_active_clusters');
    await rig().settles(async () => (await clusters()).includes('"connect_timeout": "7s"'), true);
    await expectAnswers(`${ip}:80`, [['/', 'v1']]);
  });

  it('what Envoy would reject for all routes of a service is left out alone: expressions, commands, references to groups', async () => {
    const { name, ip } = frontend();
    await rig().apply(
      service(name, ip, null),
      virtualService(name, [
        { match: [{ uri: { regex: '((a{100}){100}){100}' } }], route: v2 },
        { match: [{ headers: { x: { regex: '(?=look)' } } }], route: v2 },
        {
          match: [{ uri: { prefix: '/group' } }],
          rewrite: { uriRegexRewrite: { match: '/(a)', rewrite: '/\\2' } },
          route: v1,
        },
        {
          match: [{ uri: { prefix: '/command' } }],
          headers: { request: { set: { x: '%NO_SUCH_COMMAND%', y: '%PROTOCOL%' } } },
          route: v1,
        },
        { match: [{ uri: { prefix: '/percent' } }], headers: { request: { set: { x: '100%' } } }, route: v1 },
        { route: v1 },
      ]),
    );
    await expectAnswers(`${ip}:80`, [
      ['/percent', { server: 'v1', seen: { x: '100%' } }],
      ['/aaa', 'v1'],
      ['/command', { server: 'v1', seen: { x: '%NO_SUCH_COMMAND%', y: 'HTTP/1.1' } }],
      ['/group', 500],
    ]);
  });

  it('regular expressions that explode cost no time at the waypoint, and nothing else stops', async () => {
    const bombs = ['(a+)+$', '(a|aa)+$', '(.*a){20}', '([a-z]+)*[0-9]'];
    const echo = await routed([
      ...bombs.map((value, i) => ({
        matches: [{ path: { type: 'RegularExpression', value: `/${i}/${value}` } }],
        backendRefs: [{ name: 'echo-v1', port: 80 }],
      })),
      { backendRefs: [{ name: 'echo-v2', port: 80 }] },
    ]);
    await expectAnswers(echo, [['/', 'v2']]);
    for (const [i] of bombs.entries()) {
      const { ms, status } = await rig().ask(echo, { path: `/${i}/${'a'.repeat(8000)}!` });
      expect(status).toBe(200);
      // An engine that goes back would take longer than the universe lasts.
      expect(ms).toBeLessThan(5000);
    }
  });

  it('an object as large as admission lets through is served, and keeps others from nothing', async () => {
    const { name, ip } = frontend();
    const http = Array.from({ length: 30_000 }, (_, i) => ({
      match: [{ uri: { prefix: `/${i}/`.padEnd(100, 'x') } }],
      route: v1,
    }));
    const big = virtualService(name, [...http, { route: v2 }]);
    expect(JSON.stringify(big).length).toBeGreaterThan(5_000_000);
    await rig().apply(service(name, ip, null), big);
    await expectAnswers(await routed([{ backendRefs: [{ name: 'echo-v2', port: 80 }] }]), [['/', 'v2']]);
    await expectAnswers(`${ip}:80`, [
      ['/', 'v2'],
      ['/29999/'.padEnd(100, 'x'), 'v1'],
    ]);
    await rig().remove(big);
    await expectAnswers(`${ip}:80`, [['/29999/'.padEnd(100, 'x'), 200]]);
  });

  it('a ServiceEntry that claims the address of a service, or its name, takes nothing away', async () => {
    const { name, ip } = frontend();
    await rig().apply(service(name, ip, 'v1'));
    await expectAnswers(`${ip}:80`, [['/', 'v1']]);
    const entry = (hosts: readonly string[], addresses: readonly string[], i: number) =>
      object({
        apiVersion: 'networking.istio.io/v1',
        kind: 'ServiceEntry',
        metadata: { name: `${name}-${i}`, namespace: SHOP },
        spec: {
          hosts,
          addresses,
          resolution: 'STATIC',
          location: 'MESH_INTERNAL',
          ports: [{ number: 80, name: 'http', protocol: 'HTTP', targetPort: HTTP_PORT }],
          workloadSelector: { labels: { version: 'v2' } },
        },
      });
    await rig().apply(
      entry(['thief.example.com'], [ip], 1),
      entry([`${name}.${SHOP}.svc.cluster.local`], ['10.96.3.1'], 2),
      entry(['honest.example.com'], ['10.96.3.2'], 3),
    );
    await expectAnswers('10.96.3.2:80', [['/', 'v2']]);
    await expectAnswers(`${ip}:80`, [['/', 'v1']]);
  });

  it('a route that names its own service behind a rule without end goes to the servers, not around', async () => {
    const { name, ip } = frontend();
    const itself = route('HTTPRoute', name, { name }, { rules: [{ backendRefs: [{ name, port: 80 }] }] });
    await rig().apply(service(name, ip, 'v3'), itself);
    await expectAnswers(`${ip}:80`, [['/', 'v3']]);
  });
});
