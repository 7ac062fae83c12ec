import type { AttachedService } from '@weft/mesh-model';
import { AppProtocol } from '@weft/xds/gen/mesh/workload/workload.js';
import { FilterConfig as HttpFilterConfig } from '@weft/xds/gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy.js';
import { FilterConfig as SniFilterConfig } from '@weft/xds/gen/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy.js';
import { dnsCacheOf } from '../clusters/dns-cache.js';
import { effectivePolicy } from '../clusters/effective-policy.js';
import { filter } from '../messages/extension.js';
import type { HttpFilterDraft, NetworkFilterDraft } from '../chains/filter-chain.js';
import type { VipPort } from '../services/vip-service.js';

type Dynamic = Pick<AttachedService, 'claim' | 'destinationRules'>;

/** A ServiceEntry for all names below one, each of which is resolved when it is asked for. */
export const isDynamic = ({ claim }: Pick<AttachedService, 'claim'>): boolean => claim.resolution === 'DYNAMIC_DNS';

/** A request waits here until the host that it names is resolved. */
export const hostResolver = ({ claim }: Pick<AttachedService, 'claim'>): HttpFilterDraft =>
  filter('envoy.filters.http.dynamic_forward_proxy', HttpFilterConfig, {
    implementationSpecifier: { $case: 'dnsCacheConfig', value: dnsCacheOf(claim.hostname) },
  });

/** The same for a connection, by the name in its handshake. */
export const serverNameResolver = (
  { claim }: Pick<AttachedService, 'claim'>,
  { targetPort }: VipPort,
): NetworkFilterDraft =>
  filter('envoy.filters.network.sni_dynamic_forward_proxy', SniFilterConfig, {
    dnsCacheConfig: dnsCacheOf(claim.hostname),
    portSpecifier: { $case: 'portValue', value: targetPort },
  });

/** Only a handshake says where an opaque connection wants to go. */
export const namesItsServer = ({ claim }: Pick<AttachedService, 'claim'>, { number }: VipPort): boolean =>
  claim.ports.some(({ servicePort, appProtocol }) => servicePort === number && appProtocol === AppProtocol.TLS);

const DEFAULT_PORTS = { plain: 80, tls: 443 };

/**
 * Which hosts requests of a port may name. The request says where it goes: it must be below the wildcard, and at the port that the
 * entry opens, or a client would reach whatever it likes through the proxy.
 */
export function dynamicDomains(
  { claim, destinationRules }: Dynamic,
  { number, targetPort }: VipPort,
): readonly string[] {
  const { mode = 'DISABLE' } = effectivePolicy(destinationRules, number).tls ?? {};
  const implied = mode === 'SIMPLE' || mode === 'MUTUAL' ? DEFAULT_PORTS.tls : DEFAULT_PORTS.plain;
  return [...(implied === targetPort ? [claim.hostname] : []), `${claim.hostname}:${targetPort}`];
}
