import { asList, type JsonObject } from '../../json.js';
import { child, childObjects, childOrNew, fill } from './fill.js';

/** Defaults of a Service. Addresses are allocated by the server, which then also knows the families. Works in place. */
export function defaultService(service: JsonObject): void {
  const spec = childOrNew(service, 'spec');
  fill(spec, { sessionAffinity: 'None', type: 'ClusterIP' });
  const type = spec['type'];
  if (spec['sessionAffinity'] === 'ClientIP') {
    fill(childOrNew(childOrNew(spec, 'sessionAffinityConfig'), 'clientIP'), { timeoutSeconds: 10_800 });
  } else {
    Reflect.deleteProperty(spec, 'sessionAffinityConfig');
  }
  for (const port of childObjects(spec, 'ports')) {
    fill(port, { protocol: 'TCP' });
    const target = port['targetPort'];
    if (target === undefined || target === 0 || target === '') port['targetPort'] = port['port'];
  }
  if (type !== 'ExternalName') {
    fill(spec, { internalTrafficPolicy: 'Cluster' });
    if (spec['ipFamilyPolicy'] === undefined && !isSelectorlessHeadless(spec)) spec['ipFamilyPolicy'] = 'SingleStack';
  }
  const external =
    type === 'NodePort' || type === 'LoadBalancer' || (type === 'ClusterIP' && asList(spec['externalIPs']).length > 0);
  if (external) fill(spec, { externalTrafficPolicy: 'Cluster' });
  if (type === 'LoadBalancer') fill(spec, { allocateLoadBalancerNodePorts: true });
}

/** Such a service may name addresses of any family, so the server decides about the policy later. */
function isSelectorlessHeadless(spec: JsonObject): boolean {
  return spec['clusterIP'] === 'None' && Object.keys(child(spec, 'selector') ?? {}).length === 0;
}
