import type { LoadBalancer, LocalityLbSetting } from '@weft/mesh-api';
import {
  LoadBalancing,
  LoadBalancing_Mode as Mode,
  LoadBalancing_Scope as Scope,
} from '@weft/xds/gen/mesh/workload/workload.js';
import type { EffectivePolicy } from '../clusters/effective-policy.js';
import { localityRule, type LocalityHints } from './locality-rule.js';

const setting = (some: Partial<LocalityLbSetting>): LocalityLbSetting => ({
  distribute: [],
  failover: [],
  failoverPriority: [],
  ...some,
});
const own = (some: Partial<LocalityLbSetting>) => ({ localityLbSetting: setting(some) }) as unknown as LoadBalancer;
const near = LoadBalancing.fromPartial({ mode: Mode.FAILOVER, routingPreference: [Scope.REGION] });
const local = LoadBalancing.fromPartial({ mode: Mode.STRICT, routingPreference: [Scope.NODE] });
const shares = [{ from: 'r1', to: { r2: 100 } }];
const others = [{ from: 'r2', to: { r1: 100 } }];
const failover = [{ from: 'r1', to: 'r2' }];
const outliers = { outlierDetection: {} } as EffectivePolicy;

const BY_REGION = { kind: 'labels', labels: ['topology.kubernetes.io/region'] };
const NODE_ONLY = { kind: 'only', labels: ['kubernetes.io/hostname'] };

describe('localityRule', () => {
  it.each<[string, EffectivePolicy, LocalityHints, object | null]>([
    ['nothing said: all are alike', {}, {}, null],
    ['outlier detection alone: the nearest first', outliers, {}, { kind: 'failover', regions: [] }],
    ['the mesh gives shares', {}, { ofMesh: setting({ distribute: shares }) }, { kind: 'distribute', shares }],
    [
      'a rule goes before the mesh, as a whole',
      { loadBalancer: own({ distribute: others }) },
      { ofMesh: setting({ distribute: shares }) },
      { kind: 'distribute', shares: others },
    ],
    [
      'a rule without shares, too',
      { ...outliers, loadBalancer: own({ enabled: true }) },
      { ofMesh: setting({ distribute: shares }) },
      { kind: 'failover', regions: [] },
    ],
    ['the mesh turns it off', outliers, { ofMesh: setting({ enabled: false }) }, null],
    [
      'a rule turns it on again',
      { ...outliers, loadBalancer: own({ enabled: true }) },
      { ofMesh: setting({ enabled: false }) },
      { kind: 'failover', regions: [] },
    ],
    ['regions of the mesh', outliers, { ofMesh: setting({ failover }) }, { kind: 'failover', regions: failover }],
    ['which need outlier detection', {}, { ofMesh: setting({ failover }) }, null],
    [
      'labels of the mesh',
      outliers,
      { ofMesh: setting({ failoverPriority: ['version'] }) },
      { kind: 'labels', labels: ['version'] },
    ],
    [
      'a traffic distribution goes before the mesh',
      outliers,
      { loadBalancing: near, ofMesh: setting({ enabled: false }) },
      BY_REGION,
    ],
    [
      'and after a rule',
      { loadBalancer: own({ distribute: shares }) },
      { loadBalancing: near },
      { kind: 'distribute', shares },
    ],
    [
      'what is to stay on its node stays there, whatever else is said',
      { loadBalancer: own({ enabled: false }) },
      { loadBalancing: local },
      NODE_ONLY,
    ],
  ])('%s', (_, policy, hints, expected) => expect(localityRule(policy, hints)).toEqual(expected));
});
