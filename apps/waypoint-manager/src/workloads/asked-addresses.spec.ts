import fc from 'fast-check';
import { askedAddresses, serviceOfHostname } from './asked-addresses.js';

const asked = (...addresses: { type: string; value?: string }[]) => askedAddresses({ addresses });

describe('askedAddresses', () => {
  it('an address without a value is whichever is given', () => {
    expect(asked({ type: 'IPAddress' }, { type: 'Hostname' })).toEqual({ ips: [], hostnames: [], unsupported: null });
  });
  it('IP addresses in their one spelling, and hosts', () => {
    const both = [
      { type: 'IPAddress', value: '2001:DB8:0::1' },
      { type: 'Hostname', value: 'a.b' },
    ];
    expect(asked(...both)).toEqual({ ips: ['2001:db8::1'], hostnames: ['a.b'], unsupported: null });
  });
  it('names what it cannot do, by field, with the cure', () => {
    expect(asked({ type: 'NamedAddress', value: 'x' }, { type: 'IPAddress', value: 'web' }).unsupported).toBe(
      'spec.addresses[0].type: NamedAddress is not supported; use IPAddress, or Hostname for an existing Service; ' +
        'spec.addresses[1].value: "web" is not an IP address; write 192.0.2.1',
    );
  });
});

describe('serviceOfHostname', () => {
  const around = { namespace: 'shop', clusterDomain: 'cluster.local' };
  it.each([
    ['web', { namespace: 'shop', name: 'web' }],
    ['web.edge', { namespace: 'edge', name: 'web' }],
    ['web.edge.svc', { namespace: 'edge', name: 'web' }],
    ['web.edge.svc.cluster.local', { namespace: 'edge', name: 'web' }],
    ['web.svc', null],
    ['www.example.com', null],
    ['web.edge.svc.other.domain', null],
    ['', null],
  ])('%s is %j', (hostname, expected) => expect(serviceOfHostname(hostname, around)).toEqual(expected));
});

describe('properties', () => {
  it('never throws', () => {
    const address = fc.record({ type: fc.string(), value: fc.string() });
    fc.assert(
      fc.property(fc.array(address), (addresses) => {
        askedAddresses({ addresses });
        for (const { value } of addresses)
          serviceOfHostname(value, { namespace: 'ns', clusterDomain: 'cluster.local' });
      }),
    );
  });
});
