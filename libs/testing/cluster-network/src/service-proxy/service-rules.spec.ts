import type { EndpointSlice, KubeService } from '@weft/kube';
import fc from 'fast-check';
import { installedAfter, readInstalled, restorePayload } from './restore-payload.js';
import { serviceModel, type Family } from './service-model.js';
import { DYNAMIC_CHAIN, serviceRules } from './service-rules.js';

type Spec = NonNullable<KubeService['spec']>;
const service = (name: string, spec: Spec, createdAt = '2026-01-01T00:00:00Z'): KubeService => ({
  metadata: { name, namespace: 'shop', uid: name, creationTimestamp: createdAt },
  spec: { ports: [{ name: 'http', port: 80, protocol: 'TCP' }], ...spec },
});
const slice = (
  of: string,
  addresses: readonly string[],
  conditions: object = { ready: true },
  family: 'IPv4' | 'IPv6' = 'IPv4',
): EndpointSlice => ({
  metadata: { name: `${of}-1`, namespace: 'shop', labels: { 'kubernetes.io/service-name': of } },
  addressType: family,
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: addresses.map((address, i) => ({ addresses: [address], conditions, nodeName: i % 2 === 0 ? 'n1' : 'n2' })),
});
const model = (services: readonly KubeService[], slices: readonly EndpointSlice[], family: Family = 4) =>
  serviceModel({
    services,
    slicesOf: ({ metadata }) =>
      slices.filter((each) => each.metadata?.labels?.['kubernetes.io/service-name'] === metadata?.name),
    node: 'n1',
    family,
  });
const payload = (services: readonly KubeService[], slices: readonly EndpointSlice[], family: Family = 4): string => {
  const rules = serviceRules(model(services, slices, family).ports, {
    family,
    podCidr: family === 4 ? '10.244.0.0/16' : 'fd00:10:244::/56',
    affinity: true,
  });
  return restorePayload(rules, readInstalled({ nat: '', filter: '' }));
};

describe('service rules', () => {
  it('ClusterIP with two endpoints, a sticky node port and a Service without endpoints', () => {
    const web = service('web', {
      clusterIP: '10.96.0.20',
      type: 'NodePort',
      sessionAffinity: 'ClientIP',
      ports: [{ name: 'http', port: 80, nodePort: 30080 }],
    });
    const empty = service('empty', { clusterIP: '10.96.0.21' });
    expect(payload([web, empty], [slice('web', ['10.244.1.2', '10.244.2.3'])])).toMatchSnapshot();
  });

  it('IPv6 uses its own lengths, brackets and loopback', () => {
    const web = service('web', {
      clusterIPs: ['10.96.0.20', 'fd00:10:96::14'],
      type: 'NodePort',
      ports: [{ name: 'http', port: 80, nodePort: 30080 }],
    });
    const text = payload(
      [web],
      [slice('web', ['fd00:10:244:1::2'], { ready: true }, 'IPv6'), slice('web', ['10.244.1.2'])],
      6,
    );
    expect(text).toContain('-d fd00:10:96::14/128 -p tcp -m tcp --dport 80');
    expect(text).toContain('--to-destination [fd00:10:244:1::2]:8080');
    expect(text).toContain('! -d ::1/128');
    expect(text).not.toContain('10.244.1.2');
  });

  it('externalTrafficPolicy Local balances outside clients over the node, all others over the cluster', () => {
    const web = service('web', {
      clusterIP: '10.96.0.20',
      type: 'NodePort',
      externalTrafficPolicy: 'Local',
      ports: [{ name: 'http', port: 80, nodePort: 30080 }],
    });
    const text = payload([web], [slice('web', ['10.244.1.2', '10.244.2.3'])]);
    const ext = /^-A (WEFT-EXT-\S+) -s 10\.244\.0\.0\/16 -j (WEFT-SVC-\S+)$/m.exec(text)!;
    expect(text).toContain(`-A ${ext[1]!} -m addrtype --src-type LOCAL -j ${ext[2]!}`);
    expect(
      text.split('\n').filter((line) => line.startsWith('-A WEFT-SVL-') && line.includes('-j WEFT-SEP-')),
    ).toHaveLength(1);
  });

  it('internalTrafficPolicy Local without an endpoint here drops: a refusal would say that the Service is gone', () => {
    const web = service('web', { clusterIP: '10.96.0.20', internalTrafficPolicy: 'Local' });
    const far = slice('web', ['10.244.2.3']);
    far.endpoints![0]!.nodeName = 'n2';
    expect(payload([web], [far])).toMatch(/-A WEFT-SERVICE-FILTER -d 10\.96\.0\.20\/32 .* -j DROP/);
  });

  it('headless and ExternalName Services need no rules', () => {
    const none = [
      service('a', { clusterIP: 'None' }),
      service('b', { type: 'ExternalName', externalName: 'example.com' }),
      service('c', { clusterIP: 'not an address' }),
    ];
    expect(model(none, [])).toEqual({ ports: [], conflicts: [] });
  });

  it('endpoints that are not ready get nothing, unless only terminating ones serve', () => {
    const web = service('web', { clusterIP: '10.96.0.20' });
    const draining = { ready: false, serving: true, terminating: true };
    const ready = slice('web', ['10.244.1.2']);
    const going = slice('web', ['10.244.1.9'], draining);
    expect(model([web], [ready, going]).ports[0]?.cluster).toEqual([{ address: '10.244.1.2', port: 8080 }]);
    expect(model([web], [going]).ports[0]?.cluster).toEqual([{ address: '10.244.1.9', port: 8080 }]);
    expect(model([web], [slice('web', ['10.244.1.9'], { ready: false })]).ports[0]?.cluster).toEqual([]);
  });

  it('of two Services with one address the older keeps it', () => {
    const older = service('older', { clusterIP: '10.96.0.20' }, '2026-01-01T00:00:00Z');
    const newer = service('newer', { clusterIP: '10.96.0.20' }, '2026-01-02T00:00:00Z');
    const { ports, conflicts } = model([newer, older], []);
    expect(ports.map(({ label }) => label)).toEqual(['shop/older:http']);
    expect(conflicts).toEqual([{ loser: newer, winner: older, what: 'ClusterIP 10.96.0.20' }]);
  });
});

describe('restore payload', () => {
  const web = service('web', { clusterIP: '10.96.0.20' });
  const rulesOf = (addresses: readonly string[]) =>
    serviceRules(model([web], [slice('web', addresses)]).ports, { family: 4, podCidr: null, affinity: true });

  it('deletes the chains that are not needed any more, in the same step', () => {
    const before = installedAfter(rulesOf(['10.244.1.2', '10.244.1.3']));
    const text = restorePayload(rulesOf(['10.244.1.2']), before);
    const stale = [...before.chains.nat].filter((name) => text.includes(`-X ${name}`));
    expect(stale).toHaveLength(1);
    expect(text).toContain(`:${stale[0]!} - [0:0]`);
    expect(text).not.toContain('-I PREROUTING');
  });

  it('takes over what an earlier process left: no jump is doubled and old chains go', () => {
    const save = `*nat\n:PREROUTING ACCEPT [0:0]\n:WEFT-SERVICES - [0:0]\n:WEFT-SVC-AAAAAAAAAAAAAAAA - [0:0]\n:KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]\n-A PREROUTING -m comment --comment "weft services" -j WEFT-SERVICES\nCOMMIT\n`;
    const installed = readInstalled({ nat: save, filter: '' });
    const text = restorePayload(rulesOf([]), installed);
    expect(text).toContain('-X WEFT-SVC-AAAAAAAAAAAAAAAA');
    expect(text).not.toContain('KUBE-');
    expect(text).not.toContain('-I PREROUTING');
    expect(text).toContain('-I OUTPUT 1');
  });

  describe('properties', () => {
    const address = fc.integer({ min: 2, max: 250 }).map((host) => `10.244.1.${host}`);
    it('every chain that is jumped to exists, every endpoint has the same chance, and names fit the kernel', () => {
      fc.assert(
        fc.property(fc.uniqueArray(address, { maxLength: 20 }), (addresses) => {
          const { nat, filter } = rulesOf(addresses);
          for (const rules of [...nat.values(), ...filter.values()]) {
            for (const rule of rules) {
              const target = /-j (WEFT-\S+)/.exec(rule)?.[1];
              if (target !== undefined) expect(nat.has(target) || filter.has(target)).toBe(true);
            }
          }
          for (const name of nat.keys()) {
            expect(name.length).toBeLessThanOrEqual(28);
            if (/-(SVC|SEP)-/.test(name)) expect(name).toMatch(DYNAMIC_CHAIN);
          }
          const draws = [...nat].find(([name]) => name.startsWith('WEFT-SVC-'))?.[1] ?? [];
          let rest = 1;
          for (const rule of draws) {
            const chance = Number(/--probability (\S+)/.exec(rule)?.[1] ?? 1);
            expect(rest * chance).toBeCloseTo(1 / addresses.length, 6);
            rest *= 1 - chance;
          }
          expect(draws).toHaveLength(addresses.length);
        }),
      );
    });
  });
});
