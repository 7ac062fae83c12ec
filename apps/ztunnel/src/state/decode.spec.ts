import * as fc from 'fast-check';
import {
  LoadBalancing_Mode,
  LoadBalancing_Scope,
  Service_Visibility,
  TunnelProtocol,
  WorkloadStatus,
} from '@weft/xds/gen/mesh/workload/workload.js';
import {
  bytes,
  service,
  serviceMessage,
  workload,
  workloadMessage,
  type ServiceFields,
  type WorkloadFields,
} from '../testing/mesh-fixtures.js';
import { decodeService } from './decode-service.js';
import { decodeWorkload } from './decode-workload.js';
import { identityOf } from './workload.js';

const problemOf = (result: { ok: true } | { ok: false; error: string }) => (result.ok ? null : result.error);

describe('decodeWorkload', () => {
  it('fills in trust domain, service account, cluster, capacity and application tunnel port', () => {
    const it = workload('a', '10.0.0.1', { serviceAccount: '', applicationTunnel: { port: 0 } });
    expect(it).toMatchObject({
      trustDomain: 'cluster.local',
      serviceAccount: 'default',
      clusterId: 'Kubernetes',
      capacity: 1,
      applicationTunnel: { protocol: 'NONE', port: null },
    });
    expect(identityOf(it)).toBe('spiffe://cluster.local/ns/shop/sa/default');
  });

  it('keeps capacity 0: never chosen', () => expect(workload('a', '10.0.0.1', { capacity: 0 }).capacity).toBe(0));

  it.each<[string, WorkloadFields, string]>([
    ['legacy Istio mTLS', { tunnelProtocol: TunnelProtocol.LEGACY_ISTIO_MTLS }, 'unknown tunnel_protocol 2'],
    ['unknown status', { status: WorkloadStatus.UNRECOGNIZED }, 'unknown status -1'],
    ['address of 5 bytes', { addresses: [Buffer.alloc(5)] }, 'an address has 5 bytes, want 4 or 16'],
    ['empty uid', { uid: '' }, 'uid is empty'],
    ['waypoint without destination', { waypoint: {} }, 'waypoint has no destination: want hostname or address'],
    [
      'gateway address of 3 bytes',
      { networkGateway: { destination: { $case: 'address', value: { address: Buffer.alloc(3) } } } },
      'network_gateway address has 3 bytes, want 4 or 16',
    ],
  ])('rejects %s', (_what, fields, want) => {
    expect(problemOf(decodeWorkload(workloadMessage('a', '10.0.0.1', fields)))).toBe(want);
  });

  it('rejects an identity that is no SPIFFE ID', () => {
    expect(problemOf(decodeWorkload(workloadMessage('a', null, { serviceAccount: 'a/b' })))).toContain(
      'invalid SPIFFE ID',
    );
  });

  it('gives a waypoint without port the HBONE port', () => {
    const waypoint = { destination: { $case: 'hostname' as const, value: { namespace: 'shop', hostname: 'w' } } };
    expect(workload('a', null, { waypoint }).waypoint?.hbonePort).toBe(15008);
  });
});

describe('decodeService', () => {
  it('separates addresses from CIDRs', () => {
    const it = service('a', null, {
      addresses: [{ address: bytes('10.96.0.1') }, { address: bytes('10.97.0.0'), length: 16 }],
    });
    expect(it.vips.map((vip) => vip.ip.text)).toEqual(['10.96.0.1']);
    expect(it.cidrVips.map((vip) => vip.cidr.text)).toEqual(['10.97.0.0/16']);
  });

  it('counts unknown visibility as public', () => {
    expect(service('a', null, { visibility: Service_Visibility.UNRECOGNIZED }).namespacePrivate).toBe(false);
  });

  it.each<[string, ServiceFields, string]>([
    [
      'unspecified routing preference',
      { loadBalancing: { routingPreference: [LoadBalancing_Scope.UNSPECIFIED_SCOPE] } },
      'unusable load_balancing.routing_preference 0',
    ],
    ['unknown mode', { loadBalancing: { mode: LoadBalancing_Mode.UNRECOGNIZED } }, 'unknown load_balancing.mode -1'],
    [
      'prefix that does not fit',
      { addresses: [{ address: bytes('10.0.0.0'), length: 40 }] },
      'prefix length 40 does not fit the virtual address 10.0.0.0',
    ],
    ['no hostname', { hostname: '' }, 'namespace and hostname must not be empty'],
    [
      'weighted waypoint without destination',
      { weightedWaypoints: [{ weight: 1 }] },
      'a weighted waypoint has no destination',
    ],
  ])('rejects %s', (_what, fields, want) =>
    expect(problemOf(decodeService(serviceMessage('a', null, fields)))).toBe(want),
  );
});

describe('properties', () => {
  const wire = fc.uint8Array({ maxLength: 20 }).map((it) => Buffer.from(it));
  const int = fc.integer({ min: -2, max: 9 });
  const gateway = fc.option(
    fc.record({
      hboneMtlsPort: int,
      destination: fc.option(
        fc.record({ $case: fc.constant('address'), value: fc.record({ network: fc.string(), address: wire }) }),
        { nil: undefined },
      ),
    }),
    { nil: undefined },
  );

  it('never throws, whatever the wire brings', () => {
    const wildWorkload = fc.record({
      addresses: fc.array(wire),
      tunnelProtocol: int,
      status: int,
      workloadType: int,
      networkMode: int,
      trustDomain: fc.string(),
      serviceAccount: fc.string(),
      namespace: fc.string(),
      waypoint: gateway,
      networkGateway: gateway,
    });
    const wildService = fc.record({
      ipFamilies: int,
      waypoint: gateway,
      addresses: fc.array(
        fc.record({ network: fc.string(), address: wire, length: fc.option(int, { nil: undefined }) }),
      ),
      loadBalancing: fc.option(fc.record({ mode: int, healthPolicy: int, routingPreference: fc.array(int) }), {
        nil: undefined,
      }),
    });
    fc.assert(
      fc.property(
        wildWorkload,
        (fields) => void decodeWorkload(Object.assign(workloadMessage('a', null), fields as object)),
      ),
    );
    fc.assert(
      fc.property(
        wildService,
        (fields) => void decodeService(Object.assign(serviceMessage('a', null), fields as object)),
      ),
    );
  });
});
