import type { MeshModel } from '@weft/mesh-model';
import { Authorization, Scope } from '@weft/xds/gen/mesh/security/authorization.js';
import { TunnelProtocol, type Workload } from '@weft/xds/gen/mesh/workload/workload.js';

/** Every policy that decides about connections to a workload, with why it applies and what its author was told. */
export function explainPolicies(model: MeshModel, name: string | undefined): unknown {
  const workload = findWorkload(model, name ?? '');
  if (workload === undefined) return { error: 'no such workload; give ?workload=namespace/pod or its uid' };
  const named = new Set(workload.authorizationPolicies);
  const policies = [...model.authorizations.entries()].flatMap(([key, policy]) => {
    const why = whyApplies(policy, key, workload, named);
    if (why === null) return [];
    const verdict = model.authorizationPolicies.get(key)?.converted.verdict ?? null;
    return [{ policy: key, appliesBecause: why, verdict, ...(Authorization.toJSON(policy) as object) }];
  });
  return {
    workload: workload.uid,
    captured: workload.tunnelProtocol === TunnelProtocol.HBONE,
    policies,
    missing: [...named].filter((key) => !model.authorizations.has(key)),
  };
}

function findWorkload(model: MeshModel, name: string): Workload | undefined {
  const { clusterId } = model.config;
  return (
    model.workloads.get(name) ??
    model.workloads.get(`${clusterId}//Pod/${name}`) ??
    model.workloads.get(`${clusterId}/networking.istio.io/WorkloadEntry/${name}`)
  );
}

function whyApplies(policy: Authorization, key: string, workload: Workload, named: ReadonlySet<string>): string | null {
  if (policy.scope === Scope.GLOBAL) return 'mesh-wide: it is in the root namespace and has no selector';
  if (policy.scope === Scope.NAMESPACE)
    return policy.namespace === workload.namespace ? 'namespace-wide: it has no selector' : null;
  if (!named.has(key)) return null;
  return policy.name.startsWith('converted_peer_authentication_') || policy.name.startsWith('istio_converted_')
    ? 'PeerAuthentication'
    : 'its selector matches';
}
