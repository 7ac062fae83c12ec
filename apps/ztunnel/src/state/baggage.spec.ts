import * as fc from 'fast-check';
import { WorkloadType } from '@weft/xds/gen/mesh/workload/workload.js';
import { workload } from '../testing/mesh-fixtures.js';
import { formatBaggage, parseBaggage } from './baggage.js';

describe('baggage', () => {
  it('has the keys of Istio, without empty values', () => {
    const it = workload('a', null, {
      canonicalRevision: 'v1',
      workloadType: WorkloadType.POD,
      locality: { region: 'r', zone: 'z' },
    });
    expect(formatBaggage(it)).toBe(
      'k8s.cluster.name=Kubernetes,k8s.namespace.name=shop,k8s.pod.name=a,service.name=a,service.version=v1,cloud.region=r,cloud.availability_zone=z',
    );
  });
  it('is read back, whichever type names the workload', () => {
    expect(parseBaggage('k8s.job.name=j, service.name=s,unknown=1,k8s.namespace.name=')).toEqual({
      clusterId: '',
      namespace: '',
      workloadName: 'j',
      canonicalName: 's',
      canonicalRevision: '',
      region: '',
      zone: '',
    });
  });
  it('never carries what would break the header', () => {
    expect(formatBaggage(workload('a', null, { canonicalName: 'x,service.name=evil', workloadName: 'a\r\nb' }))).toBe(
      'k8s.cluster.name=Kubernetes,k8s.namespace.name=shop',
    );
  });
});

describe('properties', () => {
  const name = fc.stringMatching(/^[a-z0-9.-]{1,20}$/);
  it('what is written is read', () => {
    fc.assert(
      fc.property(name, name, name, (workloadName, canonicalName, canonicalRevision) => {
        const read = parseBaggage(
          formatBaggage(workload('a', null, { workloadName, canonicalName, canonicalRevision })),
        );
        expect(read).toMatchObject({
          workloadName,
          canonicalName,
          canonicalRevision,
          namespace: 'shop',
          clusterId: 'Kubernetes',
        });
      }),
    );
  });
  it('reading never throws', () => {
    fc.assert(fc.property(fc.string(), (header) => void parseBaggage(header)));
  });
});
