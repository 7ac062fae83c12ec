import { istio, route, service } from '../testing/proxy/mesh-objects.js';
import { useWaypoint } from '../testing/waypoint/use-waypoint.js';

const { rig, frontend } = useWaypoint();
const backend = (version: string, port: number, weight = 1) => ({ name: `echo-${version}`, port, weight });
const to = (version: string, number: number, weight = 1) => ({
  destination: { host: `echo-${version}`, port: { number } },
  weight,
});

async function routed(kind: 'TCPRoute' | 'TLSRoute', port: number, spec: object): Promise<string> {
  const { name, ip } = frontend();
  await rig().apply(route(kind, name, { name, port }, spec), service(name, ip, null));
  return `${ip}:${port}`;
}
const count = async (authority: string, connections: number): Promise<Record<string, number>> => {
  const seen: Record<string, number> = {};
  for (let i = 0; i < connections; i++) {
    const server = String(await rig().read(authority));
    seen[server] = (seen[server] ?? 0) + 1;
  }
  return seen;
};

describe('a TCPRoute of a Service', () => {
  it('sends connections on, to servers that speak first, too', async () => {
    const echo = await routed('TCPRoute', 9000, { rules: [{ backendRefs: [backend('v2', 9000)] }] });
    await rig().settles(() => rig().read(echo), 'v2');
  });

  it('TCPRouteWeightedRouting: by weight, none for weight 0', async () => {
    const backendRefs = [backend('v1', 9000, 70), backend('v2', 9000, 30), backend('v3', 9000, 0)];
    const echo = await routed('TCPRoute', 9000, { rules: [{ backendRefs }] });
    await rig().settles(async () => Object.keys(await count(echo, 20)).sort(), ['v1', 'v2']);
    const { v1 = 0, v2 = 0 } = await count(echo, 300);
    expect(v1 + v2).toBe(300);
    // Five standard deviations.
    expect(Math.abs(v1 - 210)).toBeLessThan(40);
  });

  it('TCPRouteInvalidBackendRefNonexistent: connections are closed, to no other server', async () => {
    const { name, ip } = frontend();
    await rig().apply(service(name, ip, 'v1'));
    await rig().settles(() => rig().read(`${ip}:9000`), 'v1');
    const rules = [{ backendRefs: [{ name: 'nobody', port: 9000 }] }];
    await rig().apply(route('TCPRoute', name, { name, port: 9000 }, { rules }));
    await rig().settles(() => rig().read(`${ip}:9000`), null);
  });

  it('of several on one port the oldest is in force', async () => {
    const { name, ip } = frontend();
    const rules = (version: string) => ({ rules: [{ backendRefs: [backend(version, 9000)] }] });
    await rig().apply(service(name, ip, null), route('TCPRoute', `${name}-b`, { name }, rules('v1')));
    await rig().settles(() => rig().read(`${ip}:9000`), 'v1');
    await rig().apply(route('TCPRoute', `${name}-c`, { name, port: 9000 }, rules('v2')));
    await rig().settles(() => rig().read(`${ip}:9000`), 'v1');
  });
});

describe('a TLSRoute of a Service', () => {
  it('sends connections by the name in the handshake on, exact names before endings', async () => {
    const { name, ip } = frontend();
    const spec = (version: string, ...hostnames: string[]) => ({
      hostnames,
      rules: [{ backendRefs: [backend(version, 443)] }],
    });
    await rig().apply(
      service(name, ip, null),
      route('TLSRoute', `${name}-a`, { name, port: 443 }, spec('v1', '*.example.com')),
      route('TLSRoute', `${name}-b`, { name, port: 443 }, spec('v2', 'a.example.com', '*.b.example.com')),
    );
    await rig().settles(() => rig().read(`${ip}:443`, 'a.example.com'), 'v2');
    await rig().settles(() => rig().read(`${ip}:443`, 'x.example.com'), 'v1');
    await rig().settles(() => rig().read(`${ip}:443`, 'x.b.example.com'), 'v2');
    // What no route names goes nowhere, not to the service.
    expect(await rig().read(`${ip}:443`, 'example.com')).toBeNull();
    expect(await rig().read(`${ip}:443`, 'a.other.com')).toBeNull();
  });
});

describe('a VirtualService for connections', () => {
  it('tls: by name, the rest goes to the service itself', async () => {
    const { name, ip } = frontend();
    await rig().apply(
      service(name, ip, 'v1'),
      istio('VirtualService', name, {
        hosts: [name, '*.wild.com'],
        tls: [
          { match: [{ sniHosts: ['a.wild.com'] }], route: [to('v2', 443)] },
          { match: [{ sniHosts: ['*.wild.com'], port: 443 }], route: [to('v3', 443)] },
        ],
      }),
      istio('VirtualService', `${name}-full`, { hosts: [`${name}.shop.svc.cluster.local`], tcp: [] }),
    );
    await rig().settles(() => rig().read(`${ip}:443`, 'a.wild.com'), 'v2');
    expect(await rig().read(`${ip}:443`, 'b.wild.com')).toBe('v3');
    expect(await rig().read(`${ip}:443`, 'other.com')).toBe('v1');
  });

  it('tcp: by port and weight', async () => {
    const { name, ip } = frontend();
    await rig().apply(
      service(name, ip, null),
      istio('VirtualService', name, {
        hosts: [name],
        tcp: [
          { match: [{ port: 1 }], route: [to('v3', 9000)] },
          { match: [{ port: 9000 }], route: [to('v1', 9000, 1), to('v2', 9000, 3)] },
        ],
      }),
    );
    await rig().settles(async () => Object.keys(await count(`${ip}:9000`, 20)).sort(), ['v1', 'v2']);
    const { v1 = 0 } = await count(`${ip}:9000`, 200);
    // Five standard deviations.
    expect(Math.abs(v1 - 50)).toBeLessThan(31);
  });
});
