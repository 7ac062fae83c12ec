import { useCluster } from './cluster/use-cluster.js';
import { Ztunnels } from './cluster/ztunnels.js';
import { namespace, pod, service } from './workloads/objects.js';
import { HTTP_PORT, nginx, shell } from './workloads/programs.js';
import { podAddresses } from './cluster/pod-addresses.js';

/** What `dig` prints of an answer, in an order that does not change from one to the next. */
const sorted = (text: string): readonly string[] => text.trim().split('\n').sort();

describe('names in enrolled pods', () => {
  const cluster = useCluster({ name: 'dns', dnsCapture: true });
  let address: Readonly<Record<string, string>>;

  const ask = async (from: string, args: string): Promise<string> => {
    const where = { namespace: from === 'plain' ? 'outside' : 'shop', pod: from };
    const { code, stdout, stderr } = await cluster().exec(where, ['sh', '-c', args]);
    if (code !== 0) throw new Error(`${from}: ${args}: ${code} ${stdout} ${stderr}`);
    return stdout;
  };

  beforeAll(async () => {
    await cluster().apply([
      namespace('shop', true),
      namespace('outside', false),
      ...pod({ namespace: 'shop', name: 'client', node: 'node-1', containers: [shell()] }),
      ...pod({ namespace: 'outside', name: 'plain', node: 'node-1', containers: [shell()] }),
      ...['web-1', 'web-2'].flatMap((name) =>
        pod({ namespace: 'shop', name, node: 'node-2', labels: { group: 'web' }, containers: [nginx()] }),
      ),
      ...['far-1', 'far-2'].flatMap((name) =>
        pod({ namespace: 'outside', name, node: 'node-2', containers: [nginx()] }),
      ),
      service({ namespace: 'shop', name: 'web', selector: { group: 'web' }, ports: { 80: HTTP_PORT } }),
      service({
        namespace: 'shop',
        name: 'each',
        selector: { group: 'web' },
        ports: { 80: HTTP_PORT },
        headless: true,
      }),
    ]);
    await cluster().ready('shop', ['client', 'web-1', 'web-2']);
    await cluster().ready('outside', ['plain', 'far-1', 'far-2']);
    address = { ...(await podAddresses(cluster(), 'shop')) };
    const entry = (name: string, host: string, virtual: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: ['${host}']
  addresses: [${virtual}]
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: ${HTTP_PORT} }]
  resolution: STATIC
  endpoints: [{ address: ${address['web-1']} }]
`;
    await cluster().apply(
      `${entry('catalogue', 'catalogue.example', '240.240.1.7')}---${entry('shelves', '*.shelves.example', '240.240.1.8')}`,
    );
  }, 120_000);

  it('a host that only the mesh knows is answered, and leads to its endpoint', async () => {
    const known = async (host: string): Promise<string> =>
      (
        await ask(
          'client',
          `for i in $(seq 50); do a=$(dig +short ${host}); [ -n "$a" ] && break; sleep 0.1; done; echo "$a"`,
        )
      ).trim();
    expect(await known('catalogue.example')).toBe('240.240.1.7');
    expect(await ask('client', 'curl -s --max-time 10 http://catalogue.example/')).toContain('web-1 saw');
    expect(await known('lowest.shelves.example')).toBe('240.240.1.8');
    expect((await ask('client', 'dig +short AAAA catalogue.example')).trim()).toBe('');
  });

  it.each(['DNS', 'DNS_ROUND_ROBIN'])(
    'an entry with resolution %s leads to where its endpoint name leads',
    async (resolution) => {
      const name = `by-${resolution.toLowerCase().replaceAll('_', '-')}`;
      await cluster().apply(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${name}.example]
  addresses: [${resolution === 'DNS' ? '240.240.1.9' : '240.240.1.10'}]
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: ${HTTP_PORT} }]
  resolution: ${resolution}
  endpoints: [{ address: each.shop.svc.cluster.local }]
`);
      const answer = await ask(
        'client',
        `for i in $(seq 50); do curl -s --max-time 5 http://${name}.example/ && break; sleep 0.1; done`,
      );
      expect(answer).toMatch(/^web-[12] saw/);
    },
  );

  it('an entry with resolution NONE passes to the address that the client meant', async () => {
    await cluster().apply(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: none, namespace: shop }
spec:
  hosts: [none.example]
  addresses: [${address['web-2']}]
  ports: [{ number: ${HTTP_PORT}, name: http, protocol: HTTP }]
  resolution: NONE
`);
    const answer = await ask(
      'client',
      `for i in $(seq 50); do curl -s --max-time 5 http://none.example:${HTTP_PORT}/ && break; sleep 0.1; done`,
    );
    expect(answer).toContain('web-2 saw');
  });

  it('entries without addresses get their own: two TCP services outside of the mesh on one port are told apart', async () => {
    const outside = await podAddresses(cluster(), 'outside');
    for (const name of ['far-1', 'far-2'])
      await cluster().apply(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${name}.example]
  ports: [{ number: 9000, name: tcp, protocol: TCP, targetPort: ${HTTP_PORT} }]
  resolution: STATIC
  endpoints: [{ address: ${outside[name]} }]
`);
    for (const name of ['far-1', 'far-2']) {
      const answer = await ask(
        'client',
        `for i in $(seq 50); do curl -s --max-time 5 http://${name}.example:9000/ && break; sleep 0.1; done`,
      );
      expect(answer).toContain(`${name} saw`);
      const given = await ask('client', `dig +short ${name}.example; dig +short AAAA ${name}.example`);
      expect(given).toMatch(/^240\.240\.\d+\.\d+\n2001:2:/);
      const written = 'jsonpath={.status.addresses[*].value}';
      const status = await cluster().kubectlOk(['get', 'serviceentry', '-n', 'shop', name, '-o', written]);
      expect(status.trim().split(/\s+/)).toEqual(given.trim().split(/\s+/));
    }
  });

  it('a pod outside the mesh does not know it', async () => {
    expect(await ask('plain', 'dig catalogue.example')).not.toContain('240.240.1.7');
  });

  it.each(['web', 'web.shop', 'web.shop.svc', 'web.shop.svc.cluster.local'])(
    '%s is the service, as the pod outside sees it',
    async (name) => {
      const [inside, outside] = [
        await ask('client', 'getent ahostsv4 web.shop'),
        await ask('plain', 'getent ahostsv4 web.shop'),
      ];
      expect(inside.split(/\s/)[0]).toBe(outside.split(/\s/)[0]);
      expect(await ask('client', `curl -s --max-time 10 http://${name}/`)).toMatch(/^web-[12] saw/);
    },
  );

  it('a headless service is its pods', async () => {
    const want = [address['web-1'], address['web-2']].sort();
    expect(sorted(await ask('client', 'dig +short each.shop.svc.cluster.local'))).toEqual(want);
  });

  it.each([
    ['SRV of a headless service', 'dig +short SRV _tcp-80._tcp.each.shop.svc.cluster.local'],
    ['a pointer', 'dig +short -x 10.96.0.10'],
    ['a name that does not exist', 'dig nothing.shop.svc.cluster.local | grep -o "status: [A-Z]*"'],
    ['a type that does not exist', 'dig TXT web.shop.svc.cluster.local | grep -o "status: [A-Z]*"'],
    ['SRV over TCP', 'dig +tcp +short SRV _tcp-80._tcp.each.shop.svc.cluster.local'],
  ])('%s is answered exactly as outside of the mesh', async (_what, question) => {
    expect(sorted(await ask('client', question))).toEqual(sorted(await ask('plain', question)));
  });

  it('TCP is answered, too', async () => {
    expect((await ask('client', 'dig +tcp +short catalogue.example')).trim()).toBe('240.240.1.7');
  });

  it('ztunnel counts what it was asked and what it passed on', async () => {
    const ztunnel = (await new Ztunnels(cluster()).pods()).get('node-1')?.address ?? '';
    const metrics = await ask('plain', `curl -s --max-time 10 http://${ztunnel}:15020/metrics`);
    expect(metrics).toMatch(/istio_dns_requests_total\{.*request_protocol="tcp".*\} \d+/);
    expect(metrics).toMatch(/istio_dns_upstream_requests_total\{.*request_query_type="SRV".*\} \d+/);
  });
});
