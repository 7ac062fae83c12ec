import { err, ok, type Result } from '@weft/result';
import type { Service } from '../state/service.js';
import { identityOf, type GatewayAddress } from '../state/workload.js';
import { dialAddresses, loadBalance, type Upstream } from './load-balance.js';
import type { RouteContext, RouteTarget } from './route-target.js';

/**
 * Double HBONE to an endpoint of another network: a tunnel to that network's gateway, which forwards by the name of the
 * service, and in it a second one to whoever serves that name there. The gateway sees neither bytes nor identity of the inner
 * one. Who may be inside is said by the service alone: the endpoint is only known to the other network.
 */
export function gatewayTargets(
  context: RouteContext,
  remote: Upstream,
  addressed: Service | null,
): Result<readonly RouteTarget[], string> {
  const { workload, service, weight } = remote;
  const problem = (why: string): string =>
    `no valid routing destination for workload: ${workload.uid} on network ${JSON.stringify(workload.network)}: ${why}`;
  if (addressed === null) return err(problem('only a service can be reached through a network gateway'));
  if (workload.networkGateway === null) return err(problem('it has no network gateway'));
  const gateways = resolveGateway(context, workload.networkGateway);
  if (!gateways.ok) return gateways;
  const total = gateways.value.reduce((sum, gateway) => sum + gateway.weight, 0);
  const targets = gateways.value.flatMap((gateway): RouteTarget[] => {
    if (gateway.ip === null) return [];
    return [
      {
        protocol: 'HBONE',
        dial: { ip: gateway.ip, port: gateway.port },
        authority: `${addressed.hostname}:${context.destination.port}`,
        expectedIdentities: [...new Set([...(gateway.service?.subjectAltNames ?? []), identityOf(gateway.workload)])],
        innerIdentities: [...new Set((service ?? addressed).subjectAltNames)],
        weight: (gateway.weight / total) * weight,
        workload,
        service: addressed,
      },
    ];
  });
  return ok(targets);
}

/** A gateway is dialled directly, also where its address counts to another network: that is what makes it one. */
function resolveGateway(context: RouteContext, gateway: GatewayAddress): Result<readonly Upstream[], string> {
  const { view, source, destination } = context;
  const { destination: at, hbonePort } = gateway;
  const [workload, service, wanted, name] =
    at.kind === 'hostname'
      ? [
          view.workloadByHostname(at.namespace, at.hostname),
          view.service(`${at.namespace}/${at.hostname}`),
          destination.ip,
          `${at.namespace}/${at.hostname}`,
        ]
      : [
          view.workloadByIp(at.network, at.ip),
          view.serviceByVip(at.network, at.ip, source.namespace),
          at.ip,
          `${at.network}/${at.ip.text}`,
        ];
  // A name means its service first, an address the workload that has it.
  if (workload !== null && (at.kind === 'address' || service === null)) {
    const addresses = dialAddresses(view, workload, null, wanted);
    if (addresses.length === 0) return err(`unknown network gateway: ${workload.uid} has no address`);
    return ok(addresses.map((ip) => ({ workload, service: null, ip, port: hbonePort, weight: 1 })));
  }
  if (service === null) return err(`unknown network gateway: ${name}`);
  const upstreams = loadBalance(view, {
    client: source,
    service,
    servicePort: hbonePort,
    wanted,
    purpose: 'gateway',
  });
  return upstreams.length > 0
    ? ok(upstreams)
    : err(`unknown network gateway: no healthy endpoint of ${service.key} for port ${hbonePort}`);
}
