import * as fc from 'fast-check';
import { Action, Scope } from '@weft/xds/gen/mesh/security/authorization.js';
import {
  LoadBalancing_HealthPolicy,
  NetworkMode,
  Service_Visibility,
  TunnelProtocol,
  WorkloadStatus,
} from '@weft/xds/gen/mesh/workload/workload.js';
import { ip, memberOf, policy, service, workload } from '../testing/mesh-fixtures.js';
import { MeshState } from './mesh-state.js';

function stateOf(...items: (ReturnType<typeof workload> | ReturnType<typeof service>)[]): MeshState {
  const state = new MeshState();
  for (const item of items)
    if ('uid' in item) state.upsertWorkload(item);
    else state.upsertService(item);
  return state;
}
const uids = (state: MeshState, key: string) =>
  state
    .endpoints(state.service(key)!)
    .map(({ workload: { name } }) => name)
    .sort();
const B = 'shop/b.shop.svc.cluster.local';

describe('workloads by address', () => {
  it('prefers a pod, then one that speaks HBONE', () => {
    const entry = workload('vm', '10.0.0.1', { uid: 'Kubernetes/networking.istio.io/WorkloadEntry/shop/vm' });
    const plain = workload('plain', '10.0.0.1', { tunnelProtocol: TunnelProtocol.NONE });
    expect(stateOf(entry, plain).workloadByIp('', ip('10.0.0.1'))?.name).toBe('plain');
    expect(stateOf(entry, plain, workload('z', '10.0.0.1')).workloadByIp('', ip('10.0.0.1'))?.name).toBe('z');
  });

  it('does not index host-network workloads', () => {
    const host = workload('h', '10.0.0.1', { networkMode: NetworkMode.HOST_NETWORK });
    expect(stateOf(host).workloadByIp('', ip('10.0.0.1'))).toBeNull();
  });

  it('separates networks', () => {
    expect(stateOf(workload('a', '10.0.0.1', { network: 'other' })).workloadByIp('', ip('10.0.0.1'))).toBeNull();
  });

  it('follows a workload to its new address and forgets a removed one', () => {
    const state = stateOf(workload('a', '10.0.0.1'));
    state.upsertWorkload(workload('a', '10.0.0.2'));
    expect(state.workloadByIp('', ip('10.0.0.1'))).toBeNull();
    state.removeAddress('Kubernetes//Pod/shop/a');
    expect(state.workloadByIp('', ip('10.0.0.2'))).toBeNull();
  });
});

describe('the pod of this node', () => {
  const pod = { namespace: 'shop', name: 'a', serviceAccount: 'a' };
  it.each([
    ['same name, account and node', workload('a', '10.0.0.1'), 'a'],
    ['another node', workload('a', '10.0.0.1', { node: 'n2' }), null],
    ['another service account', workload('a', '10.0.0.1', { serviceAccount: 'x' }), null],
  ])('%s', (_what, it, want) => expect(stateOf(it).localWorkload(pod, 'n1')?.name ?? null).toBe(want));
});

describe('services by address and hostname', () => {
  const vip = ip('10.96.0.1');
  const hidden = service('b', '10.96.0.1', { namespace: 'other', visibility: Service_Visibility.NAMESPACE });
  it('hides private services from other namespaces', () => {
    expect(stateOf(hidden).serviceByVip('', vip, 'shop')).toBeNull();
    expect(stateOf(hidden).serviceByVip('', vip, 'other')?.key).toBe('other/b.shop.svc.cluster.local');
  });
  it('prefers the namespace of the client, then canonical', () => {
    const foreign = service('b', '10.96.0.1', { namespace: 'other', canonical: false });
    const canonical = service('b', '10.96.0.1', { namespace: 'zoo' });
    expect(stateOf(foreign, canonical).serviceByVip('', vip, 'shop')?.namespace).toBe('zoo');
    expect(stateOf(foreign, canonical).serviceByVip('', vip, 'other')?.namespace).toBe('other');
    expect(stateOf(foreign, canonical).serviceByHostname('b.shop.svc.cluster.local', 'shop')?.namespace).toBe('zoo');
  });
  it('prefers an exact address to a CIDR, and the longest prefix among CIDRs', () => {
    const wide = service('wide', '10.0.0.0/8');
    const narrow = service('narrow', '10.96.0.0/16');
    expect(stateOf(wide, narrow).serviceByVip('', vip, 'x')?.name).toBe('narrow');
    expect(stateOf(wide, narrow, service('exact', '10.96.0.1')).serviceByVip('', vip, 'x')?.name).toBe('exact');
    expect(stateOf(wide).serviceByVip('', ip('11.0.0.1'), 'x')).toBeNull();
  });
});

describe('endpoints', () => {
  it('are staged until their service comes, and stay when it is sent again', () => {
    const state = stateOf(workload('a', '10.0.0.1', { services: memberOf('b') }));
    expect([...state.stagedEndpoints().keys()]).toEqual([B]);
    state.upsertService(service('b', '10.96.0.1'));
    state.upsertService(service('b', '10.96.0.2'));
    expect(uids(state, B)).toEqual(['a']);
    expect(state.stagedEndpoints().size).toBe(0);
  });

  it('leave out unhealthy workloads unless the service allows all', () => {
    const sick = workload('a', '10.0.0.1', { services: memberOf('b'), status: WorkloadStatus.UNHEALTHY });
    expect(uids(stateOf(sick, service('b', null)), B)).toEqual([]);
    const all = service('b', null, { loadBalancing: { healthPolicy: LoadBalancing_HealthPolicy.ALLOW_ALL } });
    expect(uids(stateOf(sick, all), B)).toEqual(['a']);
  });

  it('follow a workload that leaves the service', () => {
    const state = stateOf(workload('a', '10.0.0.1', { services: memberOf('b') }), service('b', null));
    state.upsertWorkload(workload('a', '10.0.0.1'));
    expect(uids(state, B)).toEqual([]);
  });
});

describe('policies of a workload', () => {
  const rule = { action: Action.ALLOW, groups: [{ rules: [] }] };
  it('are those of its namespace, the global ones and those it names; unknown names are reported', () => {
    const state = new MeshState();
    state.upsertPolicy('shop/ns', policy('ns', { ...rule, scope: Scope.NAMESPACE }));
    state.upsertPolicy('istio-system/all', policy('all', { ...rule, namespace: 'istio-system', scope: Scope.GLOBAL }));
    state.upsertPolicy('shop/mine', policy('mine', { ...rule, scope: Scope.WORKLOAD_SELECTOR }));
    state.upsertPolicy('shop/other', policy('other', { ...rule, scope: Scope.WORKLOAD_SELECTOR }));
    state.upsertPolicy('legacy/ns', policy('ns', { ...rule, namespace: 'legacy', scope: Scope.NAMESPACE }));
    const { policies, unknown } = state.policiesFor(
      workload('a', null, { authorizationPolicies: ['shop/mine', 'shop/gone'] }),
    );
    expect(policies.map(({ key }) => key).sort()).toEqual(['istio-system/all', 'shop/mine', 'shop/ns']);
    expect(unknown).toEqual(['shop/gone']);
  });
});

describe('changes', () => {
  it('name the lost address of a workload that is gone, moved, or has another account; another trust domain is a new name of the same', () => {
    const lost = (act: (state: MeshState) => void) => {
      const state = stateOf(workload('a', '10.0.0.1'));
      state.takeChanges();
      act(state);
      return state.takeChanges().lostAddresses.map(({ text }) => text);
    };
    expect(lost((state) => state.removeAddress('Kubernetes//Pod/shop/a'))).toEqual(['10.0.0.1']);
    expect(lost((state) => state.upsertWorkload(workload('a', '10.0.0.2')))).toEqual(['10.0.0.1']);
    expect(lost((state) => state.upsertWorkload(workload('a', '10.0.0.1', { serviceAccount: 'x' })))).toEqual([
      '10.0.0.1',
    ]);
    for (const same of [{ authorizationPolicies: ['p'] }, { trustDomain: 'new.example' }])
      expect(lost((state) => state.upsertWorkload(workload('a', '10.0.0.1', same)))).toEqual([]);
  });

  it('name the lost address even when another workload takes it in the same batch', () => {
    const state = stateOf(workload('a', '10.0.0.1'));
    state.takeChanges();
    state.upsertWorkload(workload('b', '10.0.0.1'));
    state.removeAddress('Kubernetes//Pod/shop/a');
    expect(state.takeChanges().lostAddresses.map(({ text }) => text)).toEqual(['10.0.0.1']);
  });

  it('are taken once', () => {
    const state = stateOf(workload('a', '10.0.0.1'));
    expect(state.takeChanges().keys.size).toBeGreaterThan(0);
    expect(state.takeChanges().keys.size).toBe(0);
  });
});

describe('properties', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const address = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.96.0.1');
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('workload' as const),
      name,
      address,
      services: fc.uniqueArray(name),
      sick: fc.boolean(),
      plain: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant('service' as const),
      name,
      address: fc.oneof(address, fc.constant('10.0.0.0/8')),
      all: fc.boolean(),
      canonical: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant('policy' as const),
      name,
      scope: fc.constantFrom(Scope.GLOBAL, Scope.NAMESPACE, Scope.WORKLOAD_SELECTOR),
    }),
    fc.record({
      kind: fc.constantFrom('drop-workload' as const, 'drop-service' as const, 'drop-policy' as const),
      name,
    }),
  );
  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

  function apply(state: MeshState, it: Step): void {
    switch (it.kind) {
      case 'workload': {
        state.upsertWorkload(
          workload(it.name, it.address, {
            services: memberOf(...it.services),
            status: it.sick ? WorkloadStatus.UNHEALTHY : WorkloadStatus.HEALTHY,
            tunnelProtocol: it.plain ? TunnelProtocol.NONE : TunnelProtocol.HBONE,
            authorizationPolicies: ['shop/a'],
          }),
        );
        return;
      }
      case 'service': {
        state.upsertService(
          service(it.name, it.address, {
            canonical: it.canonical,
            loadBalancing: {
              healthPolicy: it.all ? LoadBalancing_HealthPolicy.ALLOW_ALL : LoadBalancing_HealthPolicy.ONLY_HEALTHY,
            },
          }),
        );
        return;
      }
      case 'policy': {
        state.upsertPolicy(`shop/${it.name}`, policy(it.name, { scope: it.scope }));
        return;
      }
      case 'drop-workload': {
        state.removeAddress(`Kubernetes//Pod/shop/${it.name}`);
        return;
      }
      case 'drop-service': {
        state.removeAddress(`shop/${it.name}.shop.svc.cluster.local`);
        return;
      }
      case 'drop-policy': {
        state.removePolicy(`shop/${it.name}`);
        return;
      }
    }
  }

  /** Every answer that decisions can get. */
  function answers(state: MeshState): unknown {
    const addresses = ['10.0.0.1', '10.0.0.2', '10.96.0.1'].map(ip);
    const services = [...state.services()].sort((a, b) => (a.key < b.key ? -1 : 1));
    const workloads = [...state.workloads()].sort((a, b) => (a.uid < b.uid ? -1 : 1));
    return {
      byIp: addresses.map((it) => state.workloadByIp('', it)?.uid),
      byVip: addresses.map((it) => state.serviceByVip('', it, 'shop')?.key),
      byHostname: ['a', 'b', 'c'].map((it) => state.serviceByHostname(`${it}.shop.svc.cluster.local`, 'shop')?.key),
      endpoints: services.map((it) => [
        it.key,
        state
          .endpoints(it)
          .map((endpoint) => endpoint.workload.uid)
          .sort(),
      ]),
      staged: [...state.stagedEndpoints()].map(([key, list]) => [key, list.map((it) => it.workload.uid).sort()]).sort(),
      policies: workloads.map((it) =>
        state
          .policiesFor(it)
          .policies.map(({ key, scope }) => `${key} ${scope}`)
          .sort(),
      ),
      local: workloads.map((it) => state.localWorkload(it, 'n1')?.uid),
    };
  }

  it('an incremental store answers as one built from what is left', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const state = new MeshState();
        for (const it of steps) apply(state, it);
        const rebuilt = new MeshState();
        for (const it of state.services()) rebuilt.upsertService(it);
        for (const it of [...state.workloads()].reverse()) rebuilt.upsertWorkload(it);
        for (const it of state.policies()) rebuilt.upsertPolicy(it.key, it);
        expect(answers(state)).toEqual(answers(rebuilt));
      }),
      { numRuns: 300 },
    );
  });
});
