import type { DestinationRuleSpec, MeshTrafficPolicy, PortTrafficPolicy, Subset, TrafficPolicy } from '@weft/mesh-api';
import type { Readable } from '@weft/mesh-model';

/** What DestinationRules say of one port of a service or of one of its subsets. */
export type EffectivePolicy = {
  readonly [K in Exclude<keyof PortTrafficPolicy, 'port'>]?: PortTrafficPolicy[K] | undefined;
} & {
  readonly proxyProtocol?: TrafficPolicy['proxyProtocol'] | undefined;
  readonly tunnel?: TrafficPolicy['tunnel'] | undefined;
  readonly retryBudget?: TrafficPolicy['retryBudget'] | undefined;
};

type Rules = readonly Readable<DestinationRuleSpec>[];

/** Of several rules for one service the first policy counts, and subsets come from all; the first of a name counts. */
export function subsetsOf(rules: Rules): readonly Subset[] {
  const byName = new Map<string, Subset>();
  for (const subset of rules.flatMap(({ spec }) => spec.subsets))
    if (!byName.has(subset.name)) byName.set(subset.name, subset);
  return [...byName.values()];
}

/** A port's own settings replace the general ones, all of them; a subset's are laid over those field by field. */
export function effectivePolicy(rules: Rules, port: number, subset?: Subset): EffectivePolicy {
  const general = rules.find(({ spec }) => spec.trafficPolicy !== undefined)?.spec.trafficPolicy;
  return { ...ofPort(general, port), ...given(ofPort(subset?.trafficPolicy, port)) };
}

/** With what the mesh says of every service: its limits stand beside those of rules, its outlier detection in place of none. */
export function withMeshDefaults(policy: EffectivePolicy, mesh: MeshTrafficPolicy | undefined): EffectivePolicy {
  if (mesh === undefined) return policy;
  const { connectionPool: own, outlierDetection = mesh.outlierDetection } = policy;
  const { connectionPool: all } = mesh;
  const connectionPool =
    all === undefined
      ? own
      : given({
          tcp: all.tcp === undefined ? own?.tcp : { ...all.tcp, ...own?.tcp },
          http: all.http === undefined ? own?.http : { ...all.http, ...own?.http },
        });
  return given({ ...policy, connectionPool, outlierDetection }) as EffectivePolicy;
}

function ofPort(policy: TrafficPolicy | undefined, port: number): EffectivePolicy {
  if (policy === undefined) return {};
  const { portLevelSettings, proxyProtocol, tunnel, retryBudget } = policy;
  const own = portLevelSettings.find((one) => one.port?.number === port);
  const { loadBalancer, connectionPool, outlierDetection, tls } = own ?? policy;
  return given({ loadBalancer, connectionPool, outlierDetection, tls, proxyProtocol, tunnel, retryBudget });
}

/** Only the fields that are set, so that spreading does not unset others. */
function given<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}
