import { MeshState } from '../state/mesh-state.js';
import { bytes, service, workload, type ServiceFields } from '../testing/mesh-fixtures.js';
import { IPFamilies, Service_Visibility } from '@weft/xds/gen/mesh/workload/workload.js';
import { resolveName, type NameSettings } from './resolve-name.js';

const on = (network: string, ...ips: string[]) => ips.map((ip) => ({ network, address: bytes(ip) }));
const nw1 = (...ips: string[]) => on('nw1', ...ips);

function meshOfTheTable(): MeshState {
  const state = new MeshState();
  const add = (hostname: string, namespace: string, fields: ServiceFields) =>
    state.upsertService(service(hostname, null, { hostname, namespace, canonical: false, ...fields }));
  const kube = (name: string, namespace: string, fields: ServiceFields) =>
    add(`${name}.${namespace}.svc.cluster.local`, namespace, { canonical: true, ...fields });
  kube('productpage', 'ns1', { addresses: nw1('9.9.9.9') });
  kube('example', 'ns2', { addresses: nw1('10.10.10.10') });
  kube('nw2-only', 'ns1', { addresses: on('nw2', '22.22.22.22') });
  kube('both-networks', 'ns1', { addresses: [...nw1('21.21.21.21'), ...on('nw2', '22.22.22.22')] });
  kube('ranged', 'ns1', {
    addresses: [{ network: 'nw1', address: bytes('10.9.0.0'), length: 16 }, ...nw1('10.8.0.1')],
  });
  kube('headless', 'ns1', {});
  kube('headless-ipv6', 'ns1', { ipFamilies: IPFamilies.IPV6_ONLY });
  kube('empty', 'ns1', {});
  add('www.google.com', 'ns3', { addresses: nw1('1.1.1.1') });
  add('details.ns2.svc.cluster.remote', 'ns2', { addresses: nw1('11.11.11.11', '12.12.12.12') });
  add('dual.localhost', 'ns3', { addresses: nw1('2.2.2.2', '2001:db8::ff00:42:8329') });
  add('ipv4.localhost', 'ns3', { addresses: nw1('2.2.2.2') });
  add('ipv6.localhost', 'ns3', { addresses: nw1('2001:db8::1') });
  add('*.wildcard', 'ns3', { addresses: nw1('10.10.10.10') });
  add('*.b.wildcard', 'ns3', { addresses: nw1('11.11.11.11') });
  add('*.svc.mesh.company.net', 'ns3', { addresses: nw1('10.1.2.3') });
  add('headless.example.com', 'ns1', {});
  add('range.example.com', 'ns1', { addresses: [{ network: 'nw1', address: bytes('10.9.0.0'), length: 16 }] });
  add('private.io', 'ns2', { addresses: nw1('10.0.0.9'), visibility: Service_Visibility.NAMESPACE });
  add('half-private.io', 'ns2', { addresses: nw1('10.0.0.9'), visibility: Service_Visibility.NAMESPACE });
  add('half-private.io', 'ns3', { addresses: nw1('10.0.0.8') });
  for (const [i, namespace] of ['ns1', 'ns2', 'preferred'].entries())
    add('everywhere.io', namespace, { addresses: nw1(`10.0.1.${i}`) });
  for (const [i, namespace] of ['ns2', 'preferred'].entries())
    add('preferred.io', namespace, { addresses: nw1(`10.0.2.${i}`) });
  for (const [i, namespace] of ['ns2', 'preferred'].entries())
    add('canonical.io', namespace, { addresses: nw1(`10.0.3.${i}`), canonical: namespace === 'ns2' });
  for (const [i, namespace] of ['ns3', 'ns2'].entries()) add('first.io', namespace, { addresses: nw1(`10.0.4.${i}`) });
  const member = (...names: string[]) =>
    Object.fromEntries(names.map((name) => [`ns1/${name}.ns1.svc.cluster.local`, { ports: [] }]));
  state.upsertWorkload(
    workload('one', null, {
      addresses: [bytes('30.30.30.30'), bytes('30.30.30.31'), bytes('2001:db8::30')],
      services: member('headless', 'headless-ipv6'),
    }),
  );
  state.upsertWorkload(
    workload('two', null, {
      addresses: [bytes('31.31.31.31'), bytes('2001:db8::31')],
      services: member('headless', 'headless-ipv6'),
    }),
  );
  state.upsertWorkload(workload('three', null, { hostname: 'x.io', services: member('headless') }));
  return state;
}

const SETTINGS: NameSettings = { clusterDomain: 'cluster.local', ipv6: true, preferredNamespace: 'preferred' };
const CLIENT = { namespace: 'ns1', network: 'nw1' };
const state = meshOfTheTable();

function lookUp(name: string, family: 4 | 6, settings = SETTINGS, client = CLIENT): string {
  const answer = resolveName(state, settings, client, name.split('.'), family);
  if (answer === null) return 'forwarded';
  const alias = answer.canonicalLabels === null ? '' : `${name.split('.').slice(0, answer.canonicalLabels).join('.')} `;
  return `${alias}[${answer.addresses.map(({ text }) => text).join(' ')}]`;
}

describe('resolveName', () => {
  it.each<[rule: string, name: string, type: 'A' | 'AAAA', want: string]>([
    ['a host outside of Kubernetes', 'www.google.com', 'A', '[1.1.1.1]'],
    ['with a search suffix: an alias', 'www.google.com.ns1.svc.cluster.local', 'A', 'www.google.com [1.1.1.1]'],
    ['with a shorter search suffix', 'www.google.com.svc.cluster.local', 'A', 'www.google.com [1.1.1.1]'],
    ['with the shortest one', 'www.google.com.cluster.local', 'A', 'www.google.com [1.1.1.1]'],
    ['a suffix of another namespace is none', 'www.google.com.ns2.svc.cluster.local', 'A', 'forwarded'],
    ['a host that nobody knows', 'www.bing.com', 'A', 'forwarded'],
    ['a full name', 'productpage.ns1.svc.cluster.local', 'A', '[9.9.9.9]'],
    ['name.namespace.svc', 'productpage.ns1.svc', 'A', '[9.9.9.9]'],
    ['name.namespace', 'productpage.ns1', 'A', '[9.9.9.9]'],
    ['name', 'productpage', 'A', '[9.9.9.9]'],
    ['name.namespace with a search suffix', 'productpage.ns1.ns1.svc.cluster.local', 'A', 'productpage.ns1 [9.9.9.9]'],
    ['the same as AAAA: known, but nothing', 'productpage.ns1.ns1.svc.cluster.local', 'AAAA', '[]'],
    ['name.namespace of another namespace', 'example.ns2', 'A', '[10.10.10.10]'],
    ['a full name of another namespace', 'example.ns2.svc.cluster.local', 'A', '[10.10.10.10]'],
    ['name.namespace.svc of another namespace', 'example.ns2.svc', 'A', '[10.10.10.10]'],
    ['a name alone means the own namespace', 'example', 'A', 'forwarded'],
    ['a service of another domain', 'details.ns2.svc.cluster.remote', 'A', '[11.11.11.11 12.12.12.12]'],
    ['which has no short forms', 'details.ns2', 'A', 'forwarded'],
    ['A has IPv4 only', 'dual.localhost', 'A', '[2.2.2.2]'],
    ['AAAA has IPv6 only', 'dual.localhost', 'AAAA', '[2001:db8::ff00:42:8329]'],
    ['A of what has IPv6 only', 'ipv6.localhost', 'A', '[]'],
    ['AAAA of what has IPv4 only', 'ipv4.localhost', 'AAAA', '[]'],
    ['a wildcard', 'foo.wildcard', 'A', '[10.10.10.10]'],
    ['a wildcard of several labels', 'x.y.wildcard', 'A', '[10.10.10.10]'],
    ['the most specific wildcard', 'a.b.wildcard', 'A', '[11.11.11.11]'],
    ['a wildcard does not mean its parent', 'wildcard', 'A', 'forwarded'],
    ['a wildcard with a domain', 'foo.svc.mesh.company.net', 'A', '[10.1.2.3]'],
    ['and several labels', 'foo.ns.svc.mesh.company.net', 'A', '[10.1.2.3]'],
    ['a wildcard and a search suffix: no alias', 'foo.svc.mesh.company.net.ns1.svc.cluster.local', 'A', '[10.1.2.3]'],
    ['no address on the network of the client', 'nw2-only.ns1.svc.cluster.local', 'A', '[]'],
    ['the address on the network of the client', 'both-networks.ns1.svc.cluster.local', 'A', '[21.21.21.21]'],
    ['ranges are no address', 'ranged.ns1.svc.cluster.local', 'A', '[10.8.0.1]'],
    ['a host with a range only', 'range.example.com', 'A', 'forwarded'],
    ['headless: one address of each workload', 'headless.ns1.svc.cluster.local', 'A', '[30.30.30.30 31.31.31.31]'],
    ['headless, by name', 'headless', 'A', '[30.30.30.30 31.31.31.31]'],
    ['headless, AAAA', 'headless.ns1.svc.cluster.local', 'AAAA', '[2001:db8::30 2001:db8::31]'],
    ['headless of one family', 'headless-ipv6.ns1.svc.cluster.local', 'AAAA', '[2001:db8::30 2001:db8::31]'],
    ['headless of the other family', 'headless-ipv6.ns1.svc.cluster.local', 'A', '[]'],
    ['headless without workloads', 'empty.ns1.svc.cluster.local', 'A', '[]'],
    ['a pod of a headless service', 'one.headless.ns1.svc.cluster.local', 'A', 'forwarded'],
    ['a host without addresses', 'headless.example.com', 'A', 'forwarded'],
    ['private to another namespace', 'private.io', 'A', 'forwarded'],
    ['private in one, public in another', 'half-private.io', 'A', '[10.0.0.8]'],
    ['several: the own namespace', 'everywhere.io', 'A', '[10.0.1.0]'],
    ['several: canonical before preferred', 'canonical.io', 'A', '[10.0.3.0]'],
    ['several: the preferred namespace', 'preferred.io', 'A', '[10.0.2.1]'],
    ['several: the first', 'first.io', 'A', '[10.0.4.1]'],
  ])('%s: %s %s', (_rule, name, type, want) => expect(lookUp(name, type === 'A' ? 4 : 6)).toBe(want));

  it('a private service is known in its namespace', () =>
    expect(lookUp('private.io', 4, SETTINGS, { namespace: 'ns2', network: 'nw1' })).toBe('[10.0.0.9]'));

  it('no IPv6 in the mesh: AAAA of a known name is empty, of another one forwarded', () => {
    const off = { ...SETTINGS, ipv6: false };
    expect([lookUp('dual.localhost', 6, off), lookUp('www.bing.com', 6, off)]).toEqual(['[]', 'forwarded']);
  });

  it('no preferred namespace: the first', () =>
    expect(lookUp('preferred.io', 4, { ...SETTINGS, preferredNamespace: null })).toBe('[10.0.2.0]'));
});
